// SPDX-License-Identifier: MIT
//
// The host's side of one service: what its extensions read and write. Internal.
#ifndef CELLMESH_TESTKIT_HOST_SIDE_HPP
#define CELLMESH_TESTKIT_HOST_SIDE_HPP

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cellmesh/abi/message.h"
#include "cellmesh/testkit/memory_host.hpp"

namespace cellmesh::test::detail {

// A service id in its parts.
struct ServiceName {
  std::string kind;
  std::uint32_t index = 0;
  std::string group;
  static std::optional<ServiceName> parse(std::string_view id);
};

// A service that the test or the service itself named.
struct KnownService {
  std::string id;
  ServiceName name;
  bool up = false;
  bool pickable = false;
  Peer peer;
  std::uint64_t load_until_ms = never;
  static constexpr std::uint64_t never = ~std::uint64_t{0};
};

class HostSide;

enum class Phase : std::uint8_t {
  creating,
  taking_over,  // made to take the place of another: nothing that it does may be seen outside
  starting,
  running,
  stopping,
  destroying
};

// One version of the service's code, the instance that it made, and the host that this one was given.
struct Generation {
  Generation(HostSide& of, const cm_service_kind& its_kind, std::string its_version);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation() = default;
  static Generation* of(const cm_host* host) {
    return host != nullptr ? static_cast<Generation*>(host->host_data) : nullptr;
  }

  // Constant after construction.
  HostSide& side;
  const cm_service_kind* const kind;
  const std::string version;
  cm_host host{};

  Phase phase = Phase::creating;
  void* self = nullptr;
  std::map<std::string_view, const void*> extensions;  // what it implements, as far as it was asked
};

// What the service sent to itself.
struct OwnMessage {
  bool reply = false;
  cm_request request = {};
  cm_status status = CM_OK;
  std::uint16_t id = 0;
  std::string body = {};
};

// Owned by its MemoryHost; one thread, but for what is said to be guarded.
class HostSide {
 public:
  HostSide(const cm_service_kind& kind, MemoryHostOptions options);
  HostSide(const HostSide&) = delete;
  HostSide& operator=(const HostSide&) = delete;
  ~HostSide() = default;

  static HostSide* of(const cm_host* host) {
    const Generation* generation = Generation::of(host);
    return generation != nullptr ? &generation->side : nullptr;
  }
  [[nodiscard]] bool on_this_thread() const { return std::this_thread::get_id() == thread_ && !in_job; }

  static constexpr std::size_t max_calls = 1'000'000;
  static constexpr std::size_t max_timers = 100'000;
  static constexpr std::size_t max_subscriptions = 10'000;
  static constexpr std::size_t max_jobs = 1'000;
  static constexpr std::size_t max_metrics = 1'000;
  static constexpr std::size_t max_published = 256;
  static constexpr std::size_t max_watches = 16;

  // Writes an act down with what comes of it: what the test decided, else `natural`.
  cm_status note(Act act, cm_status natural = CM_OK);
  // Writes a bad argument down; CM_INVALID.
  cm_status invalid(std::string_view why);
  void report_fault(std::string_view what);
  void write_line(cm_log_level level, std::string text);

  // The handle of an id, which is made known; 0 when it is none.
  cm_service service(std::string_view id);
  [[nodiscard]] KnownService* find(cm_service service);
  [[nodiscard]] const KnownService* find(cm_service service) const;
  [[nodiscard]] bool is_up(cm_service service) const;
  [[nodiscard]] std::optional<std::uint64_t> load_of(const KnownService& known) const;

  // Runs a hook of the service, whatever comes of it, and what the service sent to itself meanwhile.
  template <class Hook>
  cm_status drive(const std::string& hook, std::uint16_t id, Hook&& work) {
    const cm_status status = fenced(hook, id, std::forward<Hook>(work));
    settle();
    return status;
  }
  // Runs a hook alone.
  template <class Hook>
  cm_status fenced(const std::string& hook, std::uint16_t id, Hook&& work);
  // What the plugin implements of an extension; nullptr when it does not, or too little.
  template <class Extension>
  const Extension* plugin(const char* id) {
    return static_cast<const Extension*>(plugin_extension(id, sizeof(Extension)));
  }
  const void* plugin_extension(const char* id, std::size_t size);

  // Makes the instance of `now`, which is destroyed again when that fails. Destroys it, if there is one.
  cm_status create(Phase phase);
  void destroy();
  // It stands in the mesh from now on.
  void enter();

  cm_status on_message(const cm_request& request, std::uint16_t id, std::string_view body);
  cm_status on_reply(const WaitingCall& call, cm_status status, std::uint16_t id, std::string_view body);
  cm_status on_timer(cm_timer number);
  // An entry of the KV is so from now on; nothing: it is gone. Who watches it is told when it settles.
  void entry(const std::string& name, std::optional<std::string> value);
  [[nodiscard]] bool watched(std::string_view entry_name) const;
  void tell_entry(const std::string& name, const std::optional<std::string>& value);
  // Writes down that the service has no such handler.
  cm_status told(cm_status status, const std::string& hook);
  // Brings what the service sent to itself. Throws std::runtime_error when that does not end.
  void settle();

  // Constant after construction.
  std::string id_text;
  ServiceName name;
  std::set<std::string> missing;
  cm_service ref = 0;  // the service's handle

  // The service.
  std::unique_ptr<Generation> now;
  bool in_job = false;

  // What waits.
  std::uint64_t now_ms = 1'000'000;
  std::map<std::uint64_t, WaitingCall> calls;
  std::map<cm_timer, WaitingTimer> timers;
  std::map<std::string, Subscription> subscriptions;
  std::deque<WaitingJob> jobs;
  std::deque<OwnMessage> own;
  std::uint64_t next_call = 1;
  cm_timer next_timer = 1;

  // Its surroundings.
  std::vector<KnownService> services;  // [handle - 1]
  std::optional<std::string> settings;
  std::optional<std::uint64_t> load;
  std::optional<Frontend> frontend;
  std::map<std::uint64_t, bool> clients;  // of its frontend: session -> admitted
  std::map<Did, cm_status> refused;
  std::function<cm_status(const Act&)> decide;

  // The shared entries of the KV.
  std::map<std::string, std::string> entries;
  std::set<std::string> published;  // by the service
  std::set<std::string> watches;
  std::map<std::string, std::optional<std::string>> entries_to_tell;

  // What was seen.
  std::vector<Act> acts;
  std::vector<Fault> faults;
  std::vector<std::string> misuses;
  std::vector<std::string> unhandled;

  // Any thread.
  std::atomic<cm_log_level> log_level{CM_LOG_TRACE};
  std::atomic<std::uint64_t> any_thread_now{now_ms};
  mutable std::mutex mutex;  // guards all below
  std::vector<Line> lines;
  std::vector<std::string> audits;
  std::vector<std::pair<std::string, std::int64_t>> metrics;  // [handle - 1]

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  std::uint64_t acts_made_ = 0;
  bool in_hook_ = false;
  bool fault_reported_ = false;
  std::string fault_text_;
};

template <class Hook>
cm_status HostSide::fenced(const std::string& hook, std::uint16_t id, Hook&& work) {
  if (now->self == nullptr && hook != "create") throw std::logic_error(id_text + " is not there: create() it first");
  in_hook_ = true;
  fault_reported_ = false;
  cm_status status = CM_FAULT;
  try {
    status = std::forward<Hook>(work)();
  } catch (const std::exception& e) {
    report_fault(std::string("an exception left the hook: ") + e.what());
  } catch (...) {
    report_fault("an exception of an unknown type left the hook");
  }
  if (status == CM_FAULT && !fault_reported_) report_fault("it did not say why");
  in_hook_ = false;
  if (!fault_reported_) return status;
  faults.push_back({hook, id, fault_text_});
  write_line(CM_LOG_ERROR, "fault in " + hook + ": " + fault_text_);
  return CM_FAULT;
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return data == nullptr ? std::string_view{} : std::string_view(reinterpret_cast<const char*>(data), size);
}
inline const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace cellmesh::test::detail

#endif
