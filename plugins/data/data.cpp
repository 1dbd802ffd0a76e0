// The data service: keeps other services' rows in a database. Requests that come while the database works are done
// together, so that many small saves share what it takes to have one on disk.
#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "connections.hpp"
#include "database.hpp"
#include "queue.hpp"
#include "rules.hpp"

using cellmesh::Request;
using cellmesh::Sender;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr auto retry_delay = 20ms;
constexpr auto look_period = 1s;  // between looks at whether the database can be used, while it cannot
constexpr std::chrono::milliseconds idle_period = 2s;       // the same while it can, and nobody uses it
constexpr std::chrono::milliseconds answer_patience = 10s;  // with an asker that has no room for its answer

}  // namespace

class Data : public cellmesh::Service<Data, proto::DataSettings> {
 public:
  Data() { data::Connections::of_plugin().enter(); }
  ~Data() { data::Connections::of_plugin().leave(); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;

  void start() {
    database_ = data::database_of(settings().database(), group());
    every<&Data::give_up_old>(500ms);
    every<&Data::look>(look_period);
    looks_ = true;
    // Nobody is to come before the schema is up to date and a write was seen to work. Who does is not made to wait.
    unhealthy_ = "its database is not open yet";
    static_cast<void>(unhealthy(unhealthy_));
    probe();
  }

  // Drained already, unless the host had no thread for it.
  void stop() {
    while (run_here(true) || run_here(false)) {
    }
  }

  void save(proto::DataState& state) const {
    state.set_database(database_);
    state.set_last_id(last_id_);
    state.set_last_job(last_job_);
    state.set_existed(existed_);
    state.set_unhealthy(unhealthy_);
    state.set_looks(looks_);
  }
  void load(const proto::DataState& state) {
    database_ = state.database();
    last_id_ = state.last_id();
    last_job_ = state.last_job();
    existed_ = state.existed();
    unhealthy_ = state.unhealthy();
    looks_ = state.looks();
  }
  // The table's rows are there only now.
  void resumed() {
    std::vector<Id> ids;
    waiting_.for_each([&](Id id, const proto::DataWaiting& /*row*/) { ids.push_back(id); });
    std::sort(ids.begin(), ids.end());
    for (const Id id : ids) resume(id, *waiting_.find(id));
    for (const auto& [number, job] : jobs_) ++jobs_out(job.saves);
    if (!unsent_.empty()) retry_soon();
    if (!unhealthy_.empty()) static_cast<void>(unhealthy(unhealthy_));
    if (!std::exchange(looks_, true)) every<&Data::look>(look_period);
    probe();
    pump();
  }

  void on(const proto::LoadDataREQ& req, Sender /*from*/) {
    proto::DataStep step;
    *step.mutable_load() = req;
    accept(step, data::problem(req));
  }
  void on(const proto::SaveDataREQ& req, Sender /*from*/) {
    proto::DataStep step;
    *step.mutable_save() = req;
    accept(step, data::problem(req));
  }
  void on(const proto::ListDataREQ& req, Sender /*from*/) {
    proto::DataStep step;
    *step.mutable_list() = req;
    accept(step, data::problem(req));
  }

 private:
  using Id = data::Queue::Id;
  struct Job {
    bool saves = false;
    std::vector<Id> ids;  // in their order
  };

  void accept(proto::DataStep& step, const std::string& problem) {
    if (!problem.empty()) return refuse(step, proto::DataInvalid, problem);
    const std::size_t limit = std::size_t{settings().max_queued_mib()} << 20U;
    if (waiting_.size() >= settings().max_queued() || queue_.bytes() + unsent_bytes_ + step.ByteSizeLong() > limit) {
      return refuse(step, proto::DataAway, "the data service has as much to do as it takes; try later");
    }
    const Id id = ++last_id_;
    step.set_id(id);
    queue_.add(id, step, now());
    proto::DataWaiting& row = waiting_[id];
    row.set_request(request().bytes());
    row.set_since_ms(now().count());
    *row.mutable_step() = std::move(step);
    pump();
  }

  void refuse(const proto::DataStep& step, proto::DataResult result, const std::string& text) {
    const proto::DataStepDone answer = data::failed(step, result, text, false);
    count(answer);
    static_cast<void>(tell(request(), answer));
  }

  // Starts what may be done now.
  void pump() {
    for (const bool saves : {true, false}) {
      while (!held_ && jobs_out(saves) < most_jobs(saves) && run(saves)) {
      }
    }
    queue_gauge_.set(static_cast<std::int64_t>(waiting_.size()));
  }

  bool run(bool saves) {
    const std::uint64_t number = last_job_ + 1;
    auto ids = take(number, saves);
    if (ids.empty()) return false;
    const Status status = offload<&data::run_job, &Data::on_done>(job_of(ids), number);
    if (status != Status::ok) return not_run(ids, status);
    ++last_job_;
    for (const Id id : ids) waiting_.edit(id)->set_job(number);
    ++jobs_out(saves);
    jobs_[number] = {saves, std::move(ids)};
    return true;
  }

  bool not_run(const std::vector<Id>& ids, Status status) {
    for (const Id id : ids) {
      queue_.put_back(id);
      if (status == Status::backpressure || status == Status::stopping) continue;
      finish(id, data::failed(waiting_.find(id)->step(), proto::DataAway,
                              cellmesh::format("the host does not run it: {}", status), false));
    }
    held_ = true;
    retry_soon();
    return false;
  }

  // On this thread, when there is no other any more.
  bool run_here(bool saves) {
    Job job{saves, take(last_job_ + 1, saves)};
    if (job.ids.empty()) return false;
    const auto done = data::run_job(job_of(job.ids));
    ++jobs_out(saves);
    jobs_[++last_job_] = std::move(job);
    finish_job(done, Status::ok, last_job_);
    return true;
  }

  std::vector<Id> take(std::uint64_t number, bool saves) {
    return saves ? queue_.take_saves(number, {}) : queue_.take_reads(number, {});
  }

  proto::DataJob new_job() const {
    proto::DataJob job;
    job.set_database(database_);
    job.set_timeout_ms(settings().statement_timeout_ms());
    job.set_existed(existed_);
    return job;
  }
  proto::DataJob job_of(const std::vector<Id>& ids) const {
    proto::DataJob job = new_job();
    for (const Id id : ids) *job.add_steps() = waiting_.find(id)->step();
    return job;
  }

  // While the database cannot be used, and while nobody uses it.
  void look() {
    if (trusted_ && now() - used_at_ < idle_period) return;
    probe();
  }
  void probe() {
    if (probing_) return;
    proto::DataJob job = new_job();
    job.set_probe(trusted_ ? proto::DataJob::LOOK : proto::DataJob::WRITE);
    probing_ = offload<&data::run_job, &Data::on_probed>(job) == Status::ok;
  }
  void on_probed(const proto::DataJobDone& done, Status status) {
    probing_ = false;
    if (status == Status::ok && done.note().empty()) return works();
    trusted_ = false;
    const std::string why = status == Status::ok ? done.note() : cellmesh::format("{}", status);
    if (std::exchange(unhealthy_, why) != why) log().warn("requests fail, {}: {}", data::shown(database_), why);
    static_cast<void>(unhealthy(why));
  }
  void works() {
    trusted_ = true;
    used_at_ = now();
    if (!std::exchange(existed_, true)) log().info("rows are kept in {}", data::shown(database_));
    if (std::exchange(unhealthy_, {}).empty()) return;
    static_cast<void>(healthy());
  }

  void on_done(const proto::DataJobDone& done, Status status, std::uint64_t number) {
    finish_job(done, status, number);
    pump();
  }

  void finish_job(const proto::DataJobDone& done, Status status, std::uint64_t number) {
    const auto found = jobs_.find(number);
    if (found == jobs_.end()) return;
    const Job job = std::move(found->second);
    jobs_.erase(found);
    --jobs_out(job.saves);
    if (!done.note().empty()) log().warn("{}", done.note());
    if (status == Status::ok && done.note().empty()) {
      used_at_ = now();
      existed_ = true;
    } else {
      trusted_ = false;
      probe();  // whether it was this job's fault, or nothing works
    }
    for (const auto& answer : done.steps()) {
      if (waiting_.contains(answer.id())) finish(answer.id(), answer);
    }
    for (const Id id : job.ids) {
      proto::DataWaiting* row = waiting_.edit(id);
      if (row == nullptr || row->has_answer()) continue;
      if (status != Status::ok) {
        finish(id, data::failed(row->step(), proto::DataAway, cellmesh::format("what was to do it failed: {}", status),
                                job.saves));
      } else {
        row->set_job(0);
        queue_.put_back(id);
      }
    }
  }

  void finish(Id id, const proto::DataStepDone& answer) {
    count(answer);
    queue_.remove(id);
    if (tell(Request::from_bytes(waiting_.find(id)->request()), answer) != Status::backpressure) {
      waiting_.erase(id);
      return;
    }
    unsent_.push_back(id);
    unsent_bytes_ += answer.ByteSizeLong();
    *waiting_.edit(id)->mutable_answer() = answer;
    retry_soon();
  }

  Status tell(const Request& to, const proto::DataStepDone& answer) {
    if (answer.has_load()) return reply(to, answer.load());
    if (answer.has_list()) return reply(to, answer.list());
    return reply(to, answer.save());
  }

  void retry_soon() {
    if (!retry_timer_) retry_timer_ = after<&Data::try_again>(retry_delay);
  }
  // Answers that had no room, and jobs that had none.
  void try_again() {
    retry_timer_ = {};
    held_ = false;
    std::erase_if(unsent_, [&](Id id) {
      const proto::DataWaiting& row = *waiting_.find(id);
      const bool late = std::chrono::milliseconds(row.since_ms()) < now() - answer_patience;
      if (!late && tell(Request::from_bytes(row.request()), row.answer()) == Status::backpressure) return false;
      unsent_bytes_ -= row.answer().ByteSizeLong();
      waiting_.erase(id);
      return true;
    });
    if (!unsent_.empty()) retry_soon();
    pump();
  }

  // What waits for longer than a statement may take is answered before its asker gives up.
  void give_up_old() {
    const auto patience = std::chrono::milliseconds(settings().statement_timeout_ms());
    for (const Id id : queue_.waiting_since_before(now() - patience)) {
      finish(id, data::failed(waiting_.find(id)->step(), proto::DataAway,
                              "the database did not come to it in time; try later", false));
    }
    pump();
  }

  void resume(Id id, const proto::DataWaiting& row) {
    if (row.has_answer()) {
      unsent_.push_back(id);
      unsent_bytes_ += row.answer().ByteSizeLong();
      return;
    }
    queue_.add(id, row.step(), std::chrono::milliseconds(row.since_ms()));
    if (row.job() == 0) return;
    queue_.resume(id, row.job());
    Job& job = jobs_[row.job()];
    job.saves = row.step().has_save();
    job.ids.push_back(id);
  }

  void count(const proto::DataStepDone& answer) {
    (answer.has_load() ? loads_ : answer.has_list() ? lists_ : saves_).add();
    const auto result = answer.has_load()   ? answer.load().result()
                        : answer.has_list() ? answer.list().result()
                                            : answer.save().result();
    if (result == proto::DataConflict) conflicts_.add();
    if (result == proto::DataAway) failures_.add();
    if (result == proto::DataInvalid) invalid_.add();
  }

  std::size_t& jobs_out(bool saves) { return saves ? save_jobs_ : read_jobs_; }
  [[nodiscard]] std::size_t most_jobs(bool saves) const {
    if (!data::is_postgres(database_)) return 1;
    const std::size_t for_saves = settings().connections() / 2;
    return saves ? for_saves : settings().connections() - for_saves;
  }

  std::string database_;   // since the start
  bool existed_ = false;   // it was open; in its place none is made
  std::string unhealthy_;  // what was said of it last; empty: it works
  bool trusted_ = false;   // a write was seen to work, and no job failed since
  bool probing_ = false;
  bool looks_ = false;
  std::chrono::milliseconds used_at_{0};
  cellmesh::Table<Id, proto::DataWaiting> waiting_{*this, "waiting"};
  Id last_id_ = 0;
  std::uint64_t last_job_ = 0;

  data::Queue queue_;  // those of them that were not done
  std::unordered_map<std::uint64_t, Job> jobs_;
  std::size_t save_jobs_ = 0;
  std::size_t read_jobs_ = 0;
  std::vector<Id> unsent_;  // those that have an answer
  std::size_t unsent_bytes_ = 0;
  bool held_ = false;              // the host has no room for a job
  cellmesh::TimerId retry_timer_;  // runs while held_ or unsent_

  cellmesh::Counter loads_ = counter("loads");
  cellmesh::Counter saves_ = counter("saves");
  cellmesh::Counter lists_ = counter("lists");
  cellmesh::Counter conflicts_ = counter("conflicts");
  cellmesh::Counter failures_ = counter("failures");
  cellmesh::Counter invalid_ = counter("invalid");
  cellmesh::Gauge queue_gauge_ = gauge("queue");
};

CELLMESH_PLUGIN(Data)
