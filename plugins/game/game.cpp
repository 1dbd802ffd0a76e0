// The game of the demo: players who grow. What one has stands in the data service; here is a copy of the row, and
// whatever changes it is told only when it is saved, so that players keep what they were told they have, whatever dies.
// A row is saved with its version: who saves what another game changed meanwhile is told so, and decides anew.
#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "growth.hpp"

using cellmesh::Client;
using cellmesh::Request;
using cellmesh::ServiceId;
using cellmesh::Status;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view table = "players";
constexpr std::string_view away = "players cannot be read or saved now; nothing is lost, try the same again";
constexpr std::string_view unreadable = "the row cannot be read";
constexpr std::string_view too_fast = "more than may wait at once; try again";
constexpr int max_tasks = 16;                       // that wait, of a player, and of a client nobody knows yet
constexpr std::chrono::milliseconds patience = 3s;  // of a client with the data service; an agent waits for 5 s
constexpr std::chrono::milliseconds call_timeout = 1500ms;
constexpr std::chrono::milliseconds first_retry = 50ms;
constexpr std::chrono::milliseconds last_retry = 800ms;
constexpr std::chrono::milliseconds save_retry = 5s;
constexpr std::chrono::milliseconds parting = 60s;  // for what a player who left gained
constexpr std::chrono::milliseconds minute = 60s;
constexpr int max_writes = 8;

std::string bytes_of(const Request& request) {
  const cm_request raw = request.raw();
  return {reinterpret_cast<const char*>(&raw), sizeof raw};
}

Request request_of(const std::string& bytes) {
  cm_request raw{};
  if (bytes.size() == sizeof raw) std::memcpy(&raw, bytes.data(), sizeof raw);
  return Request(raw);
}

void set_key(proto::DataKey& key, const std::string& uid) {
  key.set_table(std::string(table));
  key.set_key(uid);
}

}  // namespace

class Game : public cellmesh::Service<Game, proto::GameSettings> {
 public:
  void start() {
    directory().set_load(0);
    start_ticking();
  }

  // What was gained since the last save; there is no time to wait for answers.
  void stop() {
    players_.for_each([&](const std::string& uid, const proto::GamePlayer& player) {
      if (player.experience() == 0 || player.call() != 0 || !player.known() || player.version() == 0) return;
      proto::PlayerData last = player.data();
      last.set_experience(last.experience() + player.experience());  // its reward comes with the next save
      growth::mark(last, random_());
      if (const ServiceId data = directory().pick("data")) send(data, save_of(uid, player.version(), last));
    });
  }

  void save(proto::GameState& state) const {
    state.set_calls(calls_);
    state.set_ticking(ticking_);
  }
  void load(const proto::GameState& state) {
    calls_ = state.calls();
    ticking_ = state.ticking();
  }
  void resumed() {
    if (!ticking_) start_ticking();
  }

  // From an agent, which asks on behalf of a client whose token it believes.
  Status on(const proto::EnterGameREQ& req, Client client) {
    if (!request().waits()) return Status::refused;
    if (!growth::is_uid(req.uid())) {
      proto::EnterGameACK ack;
      ack.set_result(proto::BadName);
      ack.set_text("a uid is 1 to 32 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\"");
      return reply(ack);
    }
    join(client, req.uid());
    players_[req.uid()].set_known(false);  // another game may have changed it since
    queue(req.uid(), task(proto::GameTask::Enter));
    return Status::ok;
  }

  void on(const proto::PlayerREQ& /*req*/, Client client) { take(client, task(proto::GameTask::Show)); }

  void on(const proto::LevelUpREQ& req, Client client) {
    proto::GameTask level_up = task(proto::GameTask::LevelUp);
    if (req.request_id().empty() || req.request_id().size() > growth::max_request_id) {
      return refuse(level_up, proto::BadRequestId, "a request id is 1 to 64 bytes");
    }
    level_up.set_request_id(req.request_id());
    take(client, std::move(level_up));
  }

  void on_client_closed(Client client, cellmesh::CloseReason /*reason*/) {
    const auto* row = clients_.find(client);
    if (row == nullptr) return;
    const std::string uid = row->uid();
    clients_.erase(client);
    leave(uid);
  }

 private:
  // --- clients

  [[nodiscard]] proto::GameTask task(proto::GameTask::What what) const {
    proto::GameTask made;
    made.set_what(what);
    made.set_request(bytes_of(request()));
    made.set_deadline_ms((now() + patience).count());
    return made;
  }

  // A client whose first message is not an agent's was bound here after another game died: its agent knows who it is.
  void take(Client client, proto::GameTask task) {
    const auto* known = clients_.find(client);
    if (known != nullptr && !known->uid().empty()) return queue(std::string(known->uid()), std::move(task));
    if (known == nullptr) {
      proto::WhoIsREQ who;
      who.set_id(static_cast<std::int64_t>(client.session()));
      if (call<&Game::on_who>({.client = {}, .timeout = patience}, client.agent(), who, client) != Status::ok) {
        return refuse(task, proto::NotInGame, "your gateway cannot be asked who you are");
      }
    }
    proto::GameClient& row = clients_[client];
    if (row.tasks_size() >= max_tasks) return refuse(task, proto::TooFast, too_fast);
    *row.add_tasks() = std::move(task);
  }

  void on_who(const proto::WhoIsACK& ack, Status status, Client client) {
    auto* row = clients_.edit(client);
    if (row == nullptr || !row->uid().empty()) return;
    const auto tasks = std::move(*row->mutable_tasks());
    if (status != Status::ok || !growth::is_uid(ack.uid())) {
      clients_.erase(client);
      for (const auto& task : tasks) refuse(task, proto::NotInGame, "you are not known here; log in again");
      return;
    }
    join(client, ack.uid());
    for (const auto& task : tasks) queue(ack.uid(), task);
  }

  void join(Client client, const std::string& uid) {
    proto::GameClient& row = clients_[client];
    if (row.uid() == uid) return;
    const std::string before = std::exchange(*row.mutable_uid(), uid);
    const auto tasks = std::move(*row.mutable_tasks());
    proto::GamePlayer& player = players_[uid];
    if (player.clients() == 0) player.set_gains_at_ms((now() + minute).count());
    player.set_clients(player.clients() + 1);
    report_load_soon();
    for (const auto& task : tasks) queue(uid, task);
    leave(before);
  }

  void leave(const std::string& uid) {
    auto* player = players_.edit(uid);
    if (player == nullptr || player->clients() == 0) return;
    player->set_clients(player->clients() - 1);
    player->set_left_at_ms(now().count());
    go_on(uid);
  }

  // --- one player's tasks, one after another

  void queue(const std::string& uid, proto::GameTask task) {
    proto::GamePlayer& player = players_[uid];
    if (player.tasks_size() >= max_tasks) return refuse(task, proto::TooFast, too_fast);
    *player.add_tasks() = std::move(task);
    go_on(uid);
  }

  // Does what can be done now; called again by whatever it waits for.
  void go_on(const std::string& uid) {
    for (;;) {
      auto* player = players_.edit(uid);
      if (player == nullptr || player->call() != 0) return;
      refuse_late_ones(uid, *player);
      if (player->retrying()) return;
      const bool idle = player->tasks().empty();
      if (idle && player->clients() == 0 && (player->experience() == 0 || gave_up(uid, *player))) {
        players_.erase(uid);
        return report_load_soon();
      }
      if (idle && !save_is_due(*player)) return;
      if (!player->known()) return load_row(uid, *player);
      growth::Changes changes;
      if (player->version() == 0) return save_row(uid, *player, growth::new_player(settings(), changes), changes);
      proto::PlayerData next = player->data();
      growth::gain(next, player->experience(), settings(), changes);
      if (idle) return save_row(uid, *player, std::move(next), changes);
      const proto::GameTask task = player->tasks(0);
      if (task.what() == proto::GameTask::LevelUp && !growth::answer_to(player->data(), task.request_id())) {
        growth::level_up(next, task.request_id(), settings(), changes);
        return save_row(uid, *player, std::move(next), changes);
      }
      player->mutable_tasks()->DeleteSubrange(0, 1);
      answer(uid, *player, task);
    }
  }

  void answer(const std::string& uid, const proto::GamePlayer& player, const proto::GameTask& task) {
    switch (task.what()) {
      case proto::GameTask::LevelUp: {
        const auto& answer = *growth::answer_to(player.data(), task.request_id());
        proto::LevelUpACK ack;
        ack.set_result(answer.result());
        ack.set_request_id(answer.request_id());
        ack.set_level(answer.level());
        ack.set_coins(answer.coins());
        ack.set_experience(answer.experience());
        ack.set_price(answer.price());
        ack.set_text(growth::text(answer));
        reply(request_of(task.request()), ack);
        return;
      }
      case proto::GameTask::Show: {
        proto::PlayerACK ack;
        ack.set_uid(uid);
        ack.set_level(player.data().level());
        ack.set_coins(player.data().coins());
        ack.set_experience(player.data().experience() + player.experience());
        ack.set_next_price(growth::next_price(player.data(), settings()));
        reply(request_of(task.request()), ack);
        return;
      }
      default:
        reply(request_of(task.request()), proto::EnterGameACK());
    }
  }

  void refuse(const proto::GameTask& task, proto::ResultCode result, std::string_view why) {
    const auto say = [&](auto ack) {
      ack.set_result(result);
      ack.set_text(std::string(why));
      if constexpr (requires { ack.set_request_id(""); }) ack.set_request_id(task.request_id());
      reply(request_of(task.request()), ack);
    };
    refused_.add();
    if (task.what() == proto::GameTask::LevelUp) return say(proto::LevelUpACK());
    if (task.what() == proto::GameTask::Show) return say(proto::PlayerACK());
    say(proto::EnterGameACK());
  }

  // Nothing is being done for any of them now. Whoever could not enter is not here.
  void refuse_late_ones(const std::string& uid, proto::GamePlayer& player) {
    auto& tasks = *player.mutable_tasks();
    for (int i = 0; i < tasks.size();) {
      if (tasks[i].deadline_ms() > now().count()) {
        ++i;
        continue;
      }
      const proto::GameTask late = tasks[i];
      tasks.DeleteSubrange(i, 1);
      refuse(late, proto::DataUnavailable, away);
      if (late.what() != proto::GameTask::Enter) continue;
      const Client client = request_of(late.request()).client();
      if (const auto* row = clients_.find(client); row == nullptr || row->uid() != uid) continue;
      clients_.erase(client);
      player.set_clients(player.clients() - 1);
    }
  }

  [[nodiscard]] bool save_is_due(const proto::GamePlayer& player) const {
    return player.experience() > 0 && (player.clients() == 0 || player.save_at_ms() <= now().count());
  }

  bool gave_up(const std::string& uid, const proto::GamePlayer& player) {
    if (now() < std::chrono::milliseconds(player.left_at_ms()) + parting) return false;
    log().warn("{} left with {} experience that could not be saved", uid, player.experience());
    return true;
  }

  // --- the row

  void load_row(const std::string& uid, proto::GamePlayer& player) {
    proto::LoadDataREQ req;
    set_key(*req.add_keys(), uid);
    const Status sent = ask_data<&Game::on_loaded>(uid, player, req);
    if (sent == Status::ok) return;
    failed(uid, player, to_string(sent));
  }

  void on_loaded(const proto::LoadDataACK& ack, Status status, const std::string& uid, std::uint64_t call) {
    auto* player = players_.edit(uid);
    if (player == nullptr || player->call() != call) return;
    player->set_call(0);
    if (status != Status::ok || ack.result() != proto::DataOk || ack.rows_size() != 1) {
      return failed(uid, *player, status != Status::ok ? to_string(status) : std::string_view(ack.text()));
    }
    if (!take_row(uid, *player, ack.rows(0))) return failed(uid, *player, unreadable);
    go_on(uid);
  }

  void save_row(const std::string& uid, proto::GamePlayer& player, proto::PlayerData next,
                const growth::Changes& changes) {
    proto::GameWrite& write = *player.add_writes();
    write.set_mark(random_());
    write.set_version(player.version());
    if (player.version() != 0) write.set_experience(player.experience());
    write.mutable_changes()->Add(changes.begin(), changes.end());
    if (player.writes_size() > max_writes) player.mutable_writes()->DeleteSubrange(0, 1);
    growth::mark(next, write.mark());
    const auto req = save_of(uid, player.version(), next);
    *player.mutable_next() = std::move(next);
    const Status sent = ask_data<&Game::on_saved>(uid, player, req);
    if (sent == Status::ok) return;
    player.mutable_writes()->RemoveLast();
    failed(uid, player, to_string(sent));
  }

  void on_saved(const proto::SaveDataACK& ack, Status status, const std::string& uid, std::uint64_t call) {
    auto* player = players_.edit(uid);
    if (player == nullptr || player->call() != call) return;
    player->set_call(0);
    if (status == Status::ok && ack.result() == proto::DataOk && ack.versions_size() == 1) {
      *player->mutable_data() = std::move(*player->mutable_next());
      player->clear_next();
      player->set_version(ack.versions(0));
      player->set_failures(0);
      saved(uid, *player, player->writes(player->writes_size() - 1), player->version());
      player->clear_writes();  // of the others none can come to pass any more: they were for an older version
      return go_on(uid);
    }
    player->clear_next();
    if (status == Status::ok && ack.result() == proto::DataConflict) {
      conflicts_.add();
      if (!take_row(uid, *player, ack.found())) return failed(uid, *player, unreadable);
      return go_on(uid);
    }
    const bool unsure = status != Status::ok || ack.unsure();
    if (unsure) {
      player->set_known(false);
    } else {
      player->mutable_writes()->RemoveLast();
    }
    failed(uid, *player, status != Status::ok ? to_string(status) : std::string_view(ack.text()));
  }

  template <auto Handler, typename Req>
  Status ask_data(const std::string& uid, proto::GamePlayer& player, const Req& req) {
    const ServiceId data = directory().pick("data");
    if (!data) return Status::unavailable;
    const Status sent = call<Handler>({.client = {}, .timeout = call_timeout}, data, req, uid, ++calls_);
    if (sent == Status::ok) player.set_call(calls_);
    return sent;
  }

  // The row as it is: tells whether writes came to pass of which that was not known. False when it is no player's.
  bool take_row(const std::string& uid, proto::GamePlayer& player, const proto::DataRow& row) {
    proto::PlayerData data;
    if (!data.ParseFromString(row.value()) || (row.version() != 0 && data.level() == 0)) {
      log().error("the row of {} is no player's", uid);
      player.set_known(false);
      return false;
    }
    *player.mutable_data() = std::move(data);
    player.set_version(row.version());
    player.set_known(true);
    player.set_failures(0);
    auto& writes = *player.mutable_writes();
    for (int i = 0; i < writes.size();) {
      const std::uint64_t version = growth::version_of(player.data(), row.version(), writes[i].mark());
      if (version != 0) saved(uid, player, writes[i], version);
      if (version != 0 || writes[i].version() != row.version()) {
        writes.DeleteSubrange(i, 1);
      } else {
        ++i;  // it may come to pass yet
      }
    }
    return true;
  }

  void saved(const std::string& uid, proto::GamePlayer& player, const proto::GameWrite& write, std::uint64_t version) {
    player.set_experience(player.experience() - std::min(player.experience(), write.experience()));
    for (const auto& change : write.changes()) {
      const bool less = change.after() < change.before();
      log().info("audit uid={} what={} amount={}{} coins_before={} coins_after={} request_id={} version={}", uid,
                 change.what(), less ? "-" : "",
                 less ? change.before() - change.after() : change.after() - change.before(), change.before(),
                 change.after(), growth::plain(change.request_id()), version);
      if (less) level_ups_.add();
    }
  }

  // Again soon if somebody waits, else when it is time to.
  void failed(const std::string& uid, proto::GamePlayer& player, std::string_view why) {
    failures_.add();
    log().debug("the row of {}: {}", uid, why);
    player.set_failures(player.failures() + 1);
    if (player.tasks().empty()) {
      player.set_save_at_ms((now() + save_retry).count());
    } else {
      const auto delay = first_retry * (1U << std::min(player.failures() - 1, 4U));
      player.set_retrying(static_cast<bool>(after<&Game::on_retry>(std::min(delay, last_retry), uid)));
    }
  }

  void on_retry(const std::string& uid) {
    auto* player = players_.edit(uid);
    if (player == nullptr) return;
    player->set_retrying(false);
    go_on(uid);
  }

  static proto::SaveDataREQ save_of(const std::string& uid, std::uint64_t version, const proto::PlayerData& data) {
    proto::SaveDataREQ req;
    proto::DataWrite& write = *req.add_writes();
    set_key(*write.mutable_key(), uid);
    write.set_version(version);
    data.SerializeToString(write.mutable_value());
    return req;
  }

  // --- time

  void start_ticking() { ticking_ = static_cast<bool>(every<&Game::tick>(1s)); }

  // Gains of whoever was here for another minute; and all that no call or timer goes on with.
  void tick() {
    const std::int64_t time = now().count();
    std::vector<std::string> due;
    players_.for_each([&](const std::string& uid, const proto::GamePlayer& player) {
      const bool waits = player.call() == 0 && !player.retrying() &&
                         (!player.tasks().empty() || player.clients() == 0 || save_is_due(player));
      if (waits || (player.clients() > 0 && player.gains_at_ms() <= time)) due.push_back(uid);
    });
    for (const std::string& uid : due) {
      if (auto* player = players_.edit(uid); player->clients() > 0 && player->gains_at_ms() <= time) {
        player->set_gains_at_ms(time + minute.count());
        gain(*player, settings().minute_experience());
      }
      go_on(uid);
    }
  }

  void gain(proto::GamePlayer& player, std::uint64_t experience) {
    if (experience == 0) return;
    if (player.experience() == 0) player.set_save_at_ms((now() + std::chrono::seconds(settings().save_sec())).count());
    player.set_experience(player.experience() + experience);
  }

  void report_load_soon() {
    if (!load_timer_) load_timer_ = after<&Game::report_load>(200ms);
  }
  void report_load() {
    load_timer_ = {};
    directory().set_load(players_.size());
  }

  cellmesh::Table<Client, proto::GameClient> clients_{*this, "clients"};
  cellmesh::Table<std::string, proto::GamePlayer> players_{*this, "players_by_uid"};
  std::uint64_t calls_ = 0;
  bool ticking_ = false;
  std::mt19937_64 random_{std::random_device{}() | std::uint64_t{std::random_device{}()} << 32U};
  cellmesh::TimerId load_timer_;  // runs while a report is due
  cellmesh::Counter level_ups_ = counter("level_ups");
  cellmesh::Counter refused_ = counter("refused");
  cellmesh::Counter conflicts_ = counter("conflicts");
  cellmesh::Counter failures_ = counter("data_failures");
};

CELLMESH_PLUGIN(Game)
