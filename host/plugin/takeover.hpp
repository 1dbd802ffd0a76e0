#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "plugin/service.hpp"
#include "plugin/state_copy.hpp"

namespace cm::plugin {

// Where the services of one plugin meet, so that all of them switch or none does. Shared by their threads.
class SwitchGate {
 public:
  explicit SwitchGate(std::size_t services) : missing_(services) {}
  // Good when every service came, ready: then all switch. Else why not, of the first. Waits for the others.
  // [service threads]
  base::Status arrive(base::Status ready, std::chrono::milliseconds patience);
  // Nobody switches any more; false when all were let through already. [loader thread]
  bool call_off();

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::size_t missing_;
  base::Status failure_;
};

// How long a new generation is on trial, and how many faults bring the old one back; 0 faults: it is not on trial.
struct Probation {
  std::chrono::seconds time{30};
  std::uint64_t faults = 10;
};

// The way of one service from one generation of its plugin to the next, see abi/state.h. Its steps are taken by a
// loader, each waits for the service's thread; what happens there stands in the private part. Held by the loader and by
// what it gave to the thread, so that it outlives a hook that hangs.
class Takeover : public std::enable_shared_from_this<Takeover> {
 public:
  // What is to come to the service's handlers: how often, by kind and name.
  struct Waiting {
    cm_handler_kind kind = 0;
    std::string handler;
    std::size_t count = 0;
  };

  explicit Takeover(std::shared_ptr<Service> service);
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  // Loader thread, in this order.
  // Copies the state while the service works, and learns what waits.
  base::Status copy_state();
  // Makes the new generation's instance and gives it the rows, while the old one works.
  base::Status prepare(std::shared_ptr<Generation> next, std::optional<std::string> settings);
  // The message that load gets is made of that of the old one by `edit`.
  using Edit = std::function<std::string(const std::string& message)>;
  void begin_switch(std::shared_ptr<SwitchGate> gate, Probation probation, Edit edit);
  base::Status end_switch();
  // Destroys the old generation's instance; later, when the service has no time for it now.
  void clean_up();
  // In place of the rest: the new instance is destroyed, the old one goes on. Later, when the service has no time now.
  void abandon();

  [[nodiscard]] Service& service() const { return *service_; }
  [[nodiscard]] const StateCopy& state() const { return copy_; }
  [[nodiscard]] const std::vector<Waiting>& waiting() const { return waiting_; }
  // What the old generation saved at the switch.
  [[nodiscard]] const std::string& saved_message() const { return saved_; }
  [[nodiscard]] std::chrono::microseconds pause() const { return pause_; }
  // A hook did not return in time: code of both generations may still run.
  [[nodiscard]] bool hangs() const { return hangs_; }

  // Gives a service that was never started a state in this thread, as a switch would, and takes it back: for a
  // rehearsal.
  static base::Status rehearse(Service& service, const StateCopy& state, const std::vector<Waiting>& waiting);

 private:
  void do_when_free(std::function<void()> work);
  base::Status on_thread(std::function<base::Status()> step);
  base::Status finish(const std::shared_ptr<ThreadTask>& task, const std::shared_ptr<base::Status>& result);

  // Service thread.
  base::Status begin_copy();
  base::Status copy_rows();
  base::Status until_none_left(const std::function<base::Status()>& step);
  base::Status copy_message();
  void learn_waiting();
  base::Status create_next(std::shared_ptr<Generation> next, std::optional<std::string> settings);
  base::Status load_copied(std::size_t most);
  base::Status catch_up();
  base::Status switch_over(SwitchGate& gate, Probation probation, const Edit& edit);
  base::Status hand_over(const Edit& edit);
  void commit(Probation probation);
  void drop_next();
  base::Status take_rows(Instance& from, std::uint32_t most, std::vector<StateCopy::Row>& rows);
  base::Status load_row(Instance& to, const std::string& table, const std::string& key, const std::string* row);
  base::Status load_message(Instance& to, const std::string& message);
  base::Status check_handler(Instance& to, cm_handler_kind kind, const std::string& handler, std::size_t count);
  [[nodiscard]] base::Error failed(const Instance& instance, std::string_view what, cm_status status) const;

  const std::shared_ptr<Service> service_;
  Service& s_;

  // Handed to and fro between loader and service thread, never used by both at once.
  StateCopy copy_;
  std::vector<Waiting> waiting_;
  std::set<std::pair<cm_handler_kind, std::string>> noted_;
  std::unique_ptr<Instance> next_;
  std::vector<std::pair<const std::string*, const StateCopy::Table::value_type*>> to_load_;  // table and row
  std::size_t loaded_ = 0;
  std::uint64_t left_ = 0;  // rows that the old one has not handed over
  std::set<std::string> unknown_tables_;
  std::string saved_;
  std::atomic<std::chrono::microseconds> pause_{};
  bool hangs_ = false;  // loader only

  // Of the switch; loader only.
  std::shared_ptr<SwitchGate> gate_;
  std::shared_ptr<ThreadTask> switch_task_;
  std::shared_ptr<base::Status> switch_result_;
};

}  // namespace cm::plugin
