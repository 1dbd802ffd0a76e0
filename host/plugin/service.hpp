#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <source_location>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <spdlog/common.h>

#include "base/result.hpp"
#include "plugin/deadline_map.hpp"
#include "plugin/health.hpp"
#include "plugin/hub_client.hpp"
#include "plugin/instance.hpp"
#include "plugin/mailbox.hpp"
#include "plugin/metrics.hpp"
#include "plugin/status_reports.hpp"
#include "plugin/surroundings.hpp"

namespace cm::base {
class Logger;
}

namespace cm::plugin {

// What a service counts. Written on its thread, read anywhere.
struct Counters {
  std::atomic<std::uint64_t> handled{0};       // messages given to on_message
  std::atomic<std::uint64_t> faults{0};        // hooks that failed inside
  std::atomic<std::uint64_t> bad_messages{0};  // bodies that did not parse
  std::atomic<std::uint64_t> refused{0};       // messages without a handler, or refused
  std::atomic<std::uint64_t> strays{0};        // late replies and other things that nobody waits for
};

// One running service: its thread, its mailbox, and the host's side of every ABI extension. All hooks of the plugin run
// on its thread. Owned by the plugin manager and by its own thread, which may outlive the manager's patience with it.
class Service final : public std::enable_shared_from_this<Service> {
 public:
  // `settings`: the first values, serialized; nullopt when the kind declares none.
  Service(const Surroundings& surroundings, std::shared_ptr<Generation> generation, const cm_service_kind& kind,
          std::optional<std::string> settings);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  // Loader thread.
  // Makes the thread, creates and starts the service there. While it starts it stands in the registry as draining, so
  // that answers find it and nobody picks it. On failure nothing of it is left.
  base::Status start(std::stop_token interrupt);
  // Clients and picks from now on.
  void go_public();
  // Lets it finish what it has, stops and destroys it. False when it hangs: then its code must stay loaded.
  bool stop();

  // Any thread.
  [[nodiscard]] routing::ServiceRef ref() const { return ref_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& kind() const { return kind_name_; }
  // The one that serves.
  [[nodiscard]] std::shared_ptr<Generation> generation() const;
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  [[nodiscard]] std::string last_fault() const;
  [[nodiscard]] const Surroundings& surroundings() const { return surroundings_; }
  // A line about it, with its id and its plugin's name, version, generation and build; of the generation that serves,
  // or of another one.
  // Lines of one place are limited for each service.
  void log(spdlog::level::level_enum level, std::string_view text,
           std::source_location where = std::source_location::current()) const {
    log(level, text, *generation(), where);
  }
  void log(spdlog::level::level_enum level, std::string_view text, const Generation& generation,
           std::source_location where = std::source_location::current()) const;
  // A line that its plugin writes.
  void log_own(spdlog::level::level_enum level, std::string_view text, const Generation& generation) const;

  // For the host extensions. [service thread]
  static Service* of(const cm_host* host);
  static const Instance* instance_of(const cm_host* host);
  [[nodiscard]] bool on_this_thread() const { return std::this_thread::get_id() == thread_id_.load(); }
  [[nodiscard]] bool given_up() const { return given_up_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] routing::Registry::View& view() { return view_; }
  [[nodiscard]] routing::Registry& registry() const { return surroundings_.registry; }
  [[nodiscard]] routing::Names& names() const { return surroundings_.registry.names(); }
  [[nodiscard]] HubClient& hub() { return hub_; }
  [[nodiscard]] StatusReports& reports() { return reports_; }
  // Says how it is, and logs a change. Empty: healthy.
  void say_health(std::string_view reason);
  // Logs what the host could not do for it. If its start fails, that is why.
  void log_failure(const std::string& text);
  // An envelope from this service.
  [[nodiscard]] routing::Envelope envelope(routing::Kind kind, routing::ServiceRef to) const;
  cm_status send(const routing::Envelope& envelope);
  // The version of the client protocol that one of its messages came with: what `status` of an envelope to clients is.
  [[nodiscard]] std::int32_t since(std::uint16_t msg_id) const { return live_->generation->manifest().since(msg_id); }
  // Writes a limited line and returns CM_INVALID.
  cm_status invalid(std::string_view why);
  void report_fault(std::string_view what);
  [[nodiscard]] bool has_frontend() const;
  // `first`: what its first listener is in place of TCP; may be null.
  base::Status open_frontend(const routing::FrontendOptions& options, const routing::ListenerOptions* first,
                             std::uint16_t& port);

  struct Call {
    routing::ServiceRef to = routing::ServiceRef::none;
    std::string handler;
    std::string cookie;
  };
  struct Timer {
    std::int64_t due = 0;
    std::int64_t period = 0;
    std::string handler;
    std::string cookie;
  };
  static constexpr std::size_t kMaxCalls = 1'000'000;
  static constexpr std::size_t kMaxTimers = 100'000;
  static constexpr std::size_t kMaxJobs = 1'000;  // of one service, until their results were handled
  [[nodiscard]] DeadlineMap<Call>& calls() { return calls_; }
  [[nodiscard]] DeadlineMap<Timer>& timers() { return timers_; }
  cm_status run_job(Job job, const Instance& instance);
  // Something will come to this handler: the next generation must have it.
  void note_handler(cm_handler_kind kind, std::string_view handler) {
    if (noted_ != nullptr) noted_->emplace(kind, handler);
  }

 private:
  void write_line(const base::Logger& logger, spdlog::level::level_enum level, std::string_view text,
                  const Generation& generation, std::source_location where) const;
  friend class Takeover;  // gives it its next generation

  // What a hook is handling, for the log.
  struct Handling {
    std::string_view hook{};
    std::string_view handler{};
    std::uint16_t msg_id = 0;
    routing::ServiceRef from = routing::ServiceRef::none;
    routing::ClientId client{};
    const Instance* instance = nullptr;  // whose hook it is; null: of the one that serves
  };
  template <class Hook>
  cm_status fenced(const Handling& handling, Hook&& hook);
  void count_fault(const Handling& handling, std::string_view what);
  void count_on_probation();
  [[nodiscard]] std::string describe(const Handling& handling) const;

  // service.cpp: the thread's life.
  void run();
  base::Status begin();
  base::Status enter_mesh();
  base::Status create(Instance& instance);
  void destroy(Instance& instance);
  void loop();
  void end();
  void withdraw();
  void forget_entries();
  enum class State : std::uint8_t { idle, starting, up, failed, ended };
  void set_state(State state, std::string failure = {});
  base::Error not_started(std::string_view hook, cm_status status) const;
  void give_up(std::string_view why);
  bool finish_jobs();
  void close_frontend();
  void handle_batch(int most);
  void handle_aside(Mailbox::Aside aside);
  void run_due(std::int64_t now);
  void drop_batch();
  [[nodiscard]] std::int64_t next_deadline() const;

  // service_dispatch.cpp: envelopes to hooks.
  void dispatch(const routing::Envelope& envelope);
  void on_client_address(const routing::Envelope& envelope);
  void on_message(const routing::Envelope& envelope);
  void answer_failure(const routing::Envelope& envelope, cm_status status);
  void notify_client(routing::ClientId client, std::uint16_t msg_id, cm_status status);
  void on_reply(const routing::Envelope& envelope);
  void finish_call(const Call& call, cm_status status, const routing::Envelope* reply);
  void on_service(routing::ServiceRef ref, bool up);
  void on_hub_message(const routing::Envelope& envelope);
  void on_timer(std::uint64_t number);
  void on_settings(std::string bytes);
  void on_entry(const std::string& name, const std::string* value);
  void tell_entries_again();
  void on_job(const JobResult& result);
  template <class Extension>
  [[nodiscard]] const Extension* plugin_extension(Instance& instance, const char* id);
  std::unique_ptr<Instance> make_instance(std::shared_ptr<Generation> generation, const cm_service_kind& kind,
                                          std::optional<std::string> settings);

  // Constant after construction.
  const Surroundings& surroundings_;
  const std::string kind_name_;
  const std::string id_;
  const routing::ServiceRef ref_;
  const std::shared_ptr<Mailbox> mailbox_;

  // Service thread only.
  std::unique_ptr<Instance> live_;                                      // never null
  std::vector<std::unique_ptr<Instance>> old_;                          // their place was taken; to be destroyed
  std::set<std::pair<cm_handler_kind, std::string>>* noted_ = nullptr;  // while a takeover wants to know
  bool draining_ = false;
  std::int64_t drain_until_ = kNever;
  routing::Registry::View view_;
  routing::EnvelopeQueue::Batch batch_;
  DeadlineMap<Call> calls_;
  DeadlineMap<Timer> timers_{1};
  std::vector<std::uint64_t> due_;
  std::set<routing::ServiceRef> known_up_;
  HubClient hub_;
  StatusReports reports_;
  Health health_;
  std::map<std::string, std::size_t> jobs_out_;  // by handler
  std::size_t jobs_out_count_ = 0;
  std::string start_failure_;  // what the host could not do for it while it started
  bool fault_reported_ = false;
  std::string fault_text_;
  std::uint64_t probation_faults_ = 0;  // that the generation may still have until it is given back; 0: any number
  std::int64_t probation_until_ = 0;

  // Any thread.
  Counters counters_;
  Metrics metrics_;
  std::atomic<std::thread::id> thread_id_{};
  std::atomic<bool> registered_{false};
  std::atomic<bool> given_up_{false};

  std::thread thread_;        // loader thread only
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::shared_ptr<Generation> generation_;
  State state_ = State::idle;
  std::string failure_;
  std::string last_fault_;
  bool public_ = false;
  bool has_frontend_ = false;
};

}  // namespace cm::plugin
