#include "plugin/takeover.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "plugin/clock.hpp"
#include "plugin/service_fence.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

constexpr std::uint32_t kSlice = 128;   // rows between two messages
constexpr std::uint64_t kFewRows = 16;  // may be left for the switch
constexpr int kMaxRounds = 100;         // of catching up with a service that changes more than that each time
constexpr auto kNoRows = std::numeric_limits<std::uint64_t>::max();
constexpr std::chrono::milliseconds kMeet{2000};  // for the other services of the plugin

std::string_view kind_text(cm_handler_kind kind) {
  switch (kind) {
    case CM_HANDLER_REPLY:
      return "reply";
    case CM_HANDLER_TIMER:
      return "timer";
    case CM_HANDLER_CHANNEL:
      return "subscription";
    default:
      return "job";
  }
}

const std::uint8_t* bytes(const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

}  // namespace

base::Status SwitchGate::arrive(base::Status ready, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (failure_ && !ready) failure_ = std::move(ready);
  --missing_;
  changed_.notify_all();
  if (!changed_.wait_for(lock, patience, [&] { return !failure_ || missing_ == 0; })) {
    failure_ = base::error("a service of the plugin was not ready to switch with the others within " +
                           std::to_string(patience.count()) + " ms");
    changed_.notify_all();
  }
  return failure_;
}

bool SwitchGate::call_off() {
  const std::lock_guard lock(mutex_);
  if (missing_ == 0 && failure_) return false;
  if (failure_) failure_ = base::error("the switch was called off");
  changed_.notify_all();
  return true;
}

Takeover::Takeover(std::shared_ptr<Service> service) : service_(std::move(service)), s_(*service_) {}

// ---- loader thread

base::Status Takeover::finish(const std::shared_ptr<ThreadTask>& task, const std::shared_ptr<base::Status>& result) {
  const auto patience = s_.surroundings().patience.stop;
  auto end = task->wait(patience);
  if (end == ThreadTask::End::waits && task->call_off()) {
    if (gate_) (void)gate_->call_off();
    return base::error(s_.id() + " was busy in a hook for " + std::to_string(patience.count()) +
                       " ms; move blocking work to offload, and reload again");
  }
  if (end != ThreadTask::End::done) end = task->wait(patience);
  if (end == ThreadTask::End::done) return *result;
  if (gate_ && !gate_->call_off()) return {};  // it has switched; what still runs is `resumed`
  if (!task->leave()) return *result;
  hangs_ = true;
  return base::error(s_.id() +
                     " hangs in a hook of the reload (save, load or rows) and handles nothing until that returns; see "
                     "what it waits for, or restart the host");
}

// Between two messages, however long that takes; waits for it a while.
void Takeover::do_when_free(std::function<void()> work) {
  const auto task = std::make_shared<ThreadTask>([self = shared_from_this(), work = std::move(work)] { work(); });
  s_.mailbox()->run(task);
  (void)task->wait(s_.surroundings().patience.stop);
}

base::Status Takeover::on_thread(std::function<base::Status()> step) {
  auto result = std::make_shared<base::Status>();
  auto task =
      std::make_shared<ThreadTask>([self = shared_from_this(), result, step = std::move(step)] { *result = step(); },
                                   [self = shared_from_this()] { self->drop_next(); });
  s_.mailbox()->run(task);
  return finish(task, result);
}

base::Status Takeover::copy_state() {
  if (auto status = on_thread([this] { return begin_copy(); }); !status) return status;
  auto fewest = kNoRows;
  for (int rounds = 0; rounds < kMaxRounds; ++rounds) {
    if (auto status = on_thread([this] { return copy_rows(); }); !status) return status;
    if (left_ == 0) break;
    if (left_ < fewest) rounds = 0;
    fewest = std::min(fewest, left_);
  }
  return on_thread([this] { return copy_message(); });
}

base::Status Takeover::prepare(std::shared_ptr<Generation> next, std::optional<std::string> settings) {
  for (const auto& [name, table] : copy_.tables) {
    for (const auto& row : table) to_load_.emplace_back(&name, &row);
  }
  auto status = on_thread([this, next = std::move(next), settings = std::move(settings)]() mutable {
    return create_next(std::move(next), std::move(settings));
  });
  while (status && loaded_ < to_load_.size()) status = on_thread([this] { return load_copied(kSlice); });
  for (int round = 0; status && round < kMaxRounds; ++round) {
    status = on_thread([this] { return catch_up(); });
    if (left_ <= kFewRows) break;
  }
  return status;
}

void Takeover::begin_switch(std::shared_ptr<SwitchGate> gate, Probation probation, Edit edit) {
  gate_ = gate;
  switch_result_ = std::make_shared<base::Status>();
  switch_task_ = std::make_shared<ThreadTask>(
      [self = shared_from_this(), result = switch_result_, gate = std::move(gate), probation, edit = std::move(edit)] {
        *result = self->switch_over(*gate, probation, edit);
      },
      [self = shared_from_this()] { self->drop_next(); });
  s_.mailbox()->run(switch_task_);
}

base::Status Takeover::end_switch() {
  const auto task = std::exchange(switch_task_, nullptr);  // it holds this one
  return finish(task, switch_result_);
}

void Takeover::clean_up() {
  do_when_free([this] {
    for (const auto& old : s_.old_) s_.destroy(*old);
    s_.old_.clear();
  });
}

void Takeover::abandon() {
  if (!hangs_) do_when_free([this] { drop_next(); });
}

// ---- service thread

base::Error Takeover::failed(const Instance& instance, std::string_view what, cm_status status) const {
  std::string why = std::string(what) + " of " + s_.id() + " in version " + instance.generation->manifest().version +
                    " returned " + status_text(status);
  if (status == CM_FAULT) why += ": " + s_.last_fault();
  return base::error(why);
}

base::Status Takeover::begin_copy() {
  Instance& old = *s_.live_;
  copy_.version = old.generation->manifest().version;
  s_.noted_ = &noted_;
  learn_waiting();
  if (old.state_ext == nullptr || old.state_ext->follow == nullptr) return {};
  const cm_status status = s_.fenced({.hook = "follow"}, [&] {
    old.state_ext->follow(old.self, 1);
    return CM_OK;
  });
  if (status != CM_OK) return failed(old, "follow", status);
  return {};
}

base::Status Takeover::take_rows(Instance& from, std::uint32_t most, std::vector<StateCopy::Row>& rows) {
  left_ = 0;
  if (from.state_ext == nullptr || from.state_ext->rows == nullptr) return {};
  StateSink sink;
  const cm_status status = s_.fenced({.hook = "rows", .instance = &from},
                                     [&] { return from.state_ext->rows(from.self, sink.abi(), most, &left_); });
  if (status != CM_OK) return failed(from, "rows", status);
  rows = std::move(sink.rows);
  return {};
}

base::Status Takeover::copy_rows() {
  std::vector<StateCopy::Row> rows;
  if (auto status = take_rows(*s_.live_, kSlice, rows); !status) return status;
  for (const auto& row : rows) copy_.apply(row);
  return {};
}

// No message comes between, so each step must leave less than the one before.
base::Status Takeover::until_none_left(const std::function<base::Status()>& step) {
  for (auto before = kNoRows;; before = left_) {
    if (auto status = step(); !status) return status;
    if (left_ == 0) return {};
    if (left_ >= before) {
      return base::error("the rows of " + s_.id() + " come to no end: " + std::to_string(left_) +
                         " are left, as before");
    }
  }
}

base::Status Takeover::copy_message() {
  Instance& old = *s_.live_;
  copy_.message.clear();
  if (old.state_ext == nullptr || old.state_ext->save == nullptr) return {};
  StateSink sink;
  const cm_status status = s_.fenced({.hook = "save"}, [&] { return old.state_ext->save(old.self, sink.abi()); });
  if (status != CM_OK) return failed(old, "save", status);
  copy_.message = std::move(sink.message);
  return {};
}

void Takeover::learn_waiting() {
  std::map<std::pair<cm_handler_kind, std::string>, std::size_t> counts;
  s_.calls_.for_each([&](const Service::Call& call) { ++counts[{CM_HANDLER_REPLY, call.handler}]; });
  s_.timers_.for_each([&](const Service::Timer& timer) { ++counts[{CM_HANDLER_TIMER, timer.handler}]; });
  s_.hub_.for_each_handler([&](const std::string& handler) { ++counts[{CM_HANDLER_CHANNEL, handler}]; });
  for (const auto& [handler, n] : s_.jobs_out_) counts[{CM_HANDLER_JOB, handler}] += n;
  waiting_.clear();
  for (const auto& [what, n] : counts) waiting_.push_back({what.first, what.second, n});
}

base::Status Takeover::create_next(std::shared_ptr<Generation> next, std::optional<std::string> settings) {
  const cm_service_kind* kind = next->kind(s_.kind());
  if (kind == nullptr) return base::error("the new version provides no " + s_.kind());
  next_ = s_.make_instance(std::move(next), *kind, std::move(settings));
  next_->phase = Instance::Phase::taking_over;
  if (auto status = s_.create(*next_); !status) {
    next_.reset();
    return status;
  }
  if (next_->state_ext == nullptr || next_->state_ext->reserve == nullptr) return {};
  for (const auto& [name, table] : copy_.tables) {
    const cm_status status = s_.fenced({.hook = "reserve", .instance = next_.get()}, [&] {
      next_->state_ext->reserve(next_->self, name.c_str(), table.size());
      return CM_OK;
    });
    if (status != CM_OK) return failed(*next_, "reserve", status);
  }
  return {};
}

base::Status Takeover::load_row(Instance& to, const std::string& table, const std::string& key,
                                const std::string* row) {
  cm_status status = CM_NOT_FOUND;
  if (to.state_ext != nullptr && to.state_ext->load_row != nullptr) {
    status = s_.fenced({.hook = "load_row", .instance = &to}, [&] {
      return to.state_ext->load_row(to.self, table.c_str(), bytes(key), key.size(),
                                    row != nullptr ? bytes(*row) : nullptr, row != nullptr ? row->size() : 0);
    });
  }
  if (status == CM_OK) return {};
  if (status != CM_NOT_FOUND) return failed(to, "load_row, for a row of the table " + table + ",", status);
  if (unknown_tables_.insert(table).second) {
    s_.log(spdlog::level::warn, "it has no table " + table + ": the rows of the version before are dropped",
           *to.generation);
  }
  return {};
}

base::Status Takeover::load_copied(std::size_t most) {
  const std::size_t end = std::min(to_load_.size(), loaded_ + most);
  for (; loaded_ < end; ++loaded_) {
    const auto& [table, row] = to_load_[loaded_];
    if (auto status = load_row(*next_, *table, row->first, &row->second); !status) return status;
  }
  return {};
}

base::Status Takeover::catch_up() {
  std::vector<StateCopy::Row> rows;
  if (auto status = take_rows(*s_.live_, kSlice, rows); !status) return status;
  for (const auto& row : rows) {
    if (auto status = load_row(*next_, row.table, row.key, row.erased ? nullptr : &row.row); !status) return status;
  }
  return {};
}

base::Status Takeover::switch_over(SwitchGate& gate, Probation probation, const Edit& edit) {
  const auto begin = std::chrono::steady_clock::now();
  if (auto status = gate.arrive(hand_over(edit), kMeet); !status) return status;
  commit(probation);
  pause_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  Instance& live = *s_.live_;
  s_.health_.begin_takeover();
  s_.health_.set("");
  if (live.state_ext != nullptr && live.state_ext->resumed != nullptr) {
    (void)s_.fenced({.hook = "resumed"}, [&] { return live.state_ext->resumed(live.self); });
  }
  s_.health_.end_takeover();
  s_.tell_entries_again();
  return {};
}

// All that is left of the old generation's state, to the new one.
base::Status Takeover::hand_over(const Edit& edit) {
  if (auto status = until_none_left([this] { return catch_up(); }); !status) return status;
  if (auto status = copy_message(); !status) return status;
  saved_ = copy_.message;
  if (auto status = load_message(*next_, edit ? edit(saved_) : saved_); !status) return status;
  for (const auto& w : waiting_) noted_.emplace(w.kind, w.handler);
  for (const auto& [kind, handler] : noted_) {
    const auto known = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&](const Waiting& w) { return w.kind == kind && w.handler == handler; });
    if (auto status = check_handler(*next_, kind, handler, known != waiting_.end() ? known->count : 1); !status) {
      return status;
    }
  }
  return {};
}

base::Status Takeover::load_message(Instance& to, const std::string& message) {
  if (to.state_ext == nullptr || to.state_ext->load == nullptr) return {};
  cm_saved_state saved{};
  saved.struct_size = sizeof saved;
  saved.data = bytes(message);
  saved.size = message.size();
  saved.version = copy_.version.c_str();
  const cm_status status =
      s_.fenced({.hook = "load", .instance = &to}, [&] { return to.state_ext->load(to.self, &saved); });
  if (status != CM_OK) return failed(to, "load, for the state of version " + copy_.version + ",", status);
  return {};
}

base::Status Takeover::check_handler(Instance& to, cm_handler_kind kind, const std::string& handler,
                                     std::size_t count) {
  if (to.state_ext == nullptr || to.state_ext->has_handler == nullptr) return {};
  bool has = false;
  const cm_status status = s_.fenced({.hook = "has_handler", .handler = handler, .instance = &to}, [&] {
    has = to.state_ext->has_handler(to.self, kind, handler.c_str()) != 0;
    return CM_OK;
  });
  if (status != CM_OK) return failed(to, "has_handler", status);
  if (has) return {};
  const std::string what(kind_text(kind));
  return base::error(std::to_string(count) + " " + what + (count == 1 ? " of " : "s of ") + s_.id() +
                     (count == 1 ? " waits" : " wait") + " for " + handler +
                     ", which the new version does not have; keep the member and name it with keep_" +
                     (kind == CM_HANDLER_CHANNEL ? "channel" : what) + "<&...>(), or wait until none does");
}

void Takeover::commit(Probation probation) {
  auto old = std::move(s_.live_);
  s_.live_ = std::move(next_);
  s_.live_->phase = Instance::Phase::running;
  old->generation->watch(old->jobs);
  {
    const std::lock_guard lock(s_.mutex_);
    s_.generation_ = s_.live_->generation;
  }
  s_.old_.push_back(std::move(old));
  s_.noted_ = nullptr;
  s_.probation_faults_ = probation.faults;
  s_.probation_until_ = now_ms() + std::chrono::milliseconds(probation.time).count();
}

void Takeover::drop_next() {
  s_.noted_ = nullptr;
  if (next_) s_.destroy(*next_);
  next_.reset();
  Instance& old = *s_.live_;
  if (old.state_ext == nullptr || old.state_ext->follow == nullptr) return;
  (void)s_.fenced({.hook = "follow"}, [&] {
    old.state_ext->follow(old.self, 0);
    return CM_OK;
  });
}

base::Status Takeover::rehearse(Service& service, const StateCopy& state, const std::vector<Waiting>& waiting) {
  service.thread_id_ = std::this_thread::get_id();
  Takeover takeover(service.shared_from_this());
  takeover.copy_ = state;
  Instance& instance = *service.live_;
  instance.phase = Instance::Phase::taking_over;
  if (auto status = service.create(instance); !status) return status;
  const auto load = [&]() -> base::Status {
    for (const auto& [name, table] : state.tables) {
      for (const auto& [key, row] : table) {
        if (auto status = takeover.load_row(instance, name, key, &row); !status) return status;
      }
    }
    if (auto status = takeover.load_message(instance, state.message); !status) return status;
    for (const auto& w : waiting) {
      if (auto status = takeover.check_handler(instance, w.kind, w.handler, w.count); !status) return status;
    }
    // What it took over it must be able to hand on.
    if (auto status = takeover.begin_copy(); !status) return status;
    if (auto status = takeover.until_none_left([&] { return takeover.copy_rows(); }); !status) return status;
    return takeover.copy_message();
  };
  auto status = load();
  service.noted_ = nullptr;
  service.destroy(instance);
  return status;
}

}  // namespace cm::plugin
