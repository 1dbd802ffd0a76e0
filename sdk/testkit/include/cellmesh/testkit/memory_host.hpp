// SPDX-License-Identifier: MIT
#ifndef CELLMESH_TESTKIT_MEMORY_HOST_HPP
#define CELLMESH_TESTKIT_MEMORY_HOST_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <cellmesh/abi/gateway.h>
#include <cellmesh/abi/listeners.h>
#include <cellmesh/abi/plugin.h>
#include "act.hpp"

namespace cellmesh::test {

namespace detail {
class HostSide;
}

// How a MemoryHost is made. Since 1.0.
struct MemoryHostOptions {
  std::string id = {};                       // "game#0@dev"; empty: <kind>#0@test
  std::optional<std::string> settings = {};  // a serialized settings message; nothing: the kind declares none
  std::string version = "0.0.0";             // of the plugin
  std::set<std::string> missing = {};        // extensions that this host does not have, as an older one
};

// What a test says of another service. Since 1.0.
struct Peer {
  std::optional<std::uint64_t> load = {};  // in users; nothing: it has not reported it
  std::string address = {};                // for clients, `host:port`; empty: it has no frontend
  std::string unhealthy = {};              // why it cannot do its work; empty: it is healthy. Since 1.2
};

// A listener of a service's frontend, as it opened or last updated it. Since 1.1.
struct FrontendListener {
  cm_listener_options options = {};  // its texts are those below
  std::string address;
  std::string public_host;
  std::string certificate;
  std::string private_key;
  std::string origins;
  std::string page_type;
  std::string page;
  std::string subprotocols;  // since 1.2
  std::uint16_t port = 0;
  std::string url;
};

// A service's frontend, as it opened or last updated it. Since 1.0.
struct Frontend {
  cm_frontend_options options = {};  // its texts are those below
  std::string address;
  std::string public_host;
  std::set<std::uint16_t> intercepted;
  std::vector<FrontendListener> listeners;  // [number - 1]; since 1.1
};

// A row of a service's table, as it is handed over. Since 1.0.
struct SavedRow {
  std::string table;
  std::string key;
  std::optional<std::string> bytes;  // nothing: there is none of this key any more
};

// A service's state, as it was handed over. Since 1.0.
struct SavedState {
  std::string message;
  std::string version;  // of the plugin that wrote it
  std::vector<SavedRow> rows;
};

// How a service is reloaded. Since 1.0.
struct Reload {
  const cm_service_kind* kind = nullptr;  // the next version's; nullptr: the same code
  std::string version = {};               // its version; empty: the same
  std::function<void()> between = {};     // what happens between the first copy and the switch
};

// A host for one service of any kind, C or C++, in memory and in one thread: a test drives the service's hooks and sees
// what it asks of its host. It knows no protobuf; <cellmesh/testkit.hpp> puts messages over it.
//
// Arguments are checked, limits kept and answers given as a real host does. What others do happens only when the test
// says so: answers, time, the end of a job, a channel's message, a client's end. Nothing of the mesh is there that the
// test did not bring up(); what the service sends to itself arrives before the driving function returns.
//
// The order of things is the test's: nothing keeps it from calling a hook before start(). All functions are for the
// thread that made the host, and none for a hook to call. Since 1.0.
class MemoryHost {
 public:
  // Throws std::invalid_argument when the id is none of this kind.
  explicit MemoryHost(const cm_service_kind& kind, MemoryHostOptions options = {});
  MemoryHost(const MemoryHost&) = delete;
  MemoryHost& operator=(const MemoryHost&) = delete;
  // Destroys the service if it is still there. stop() is not called.
  ~MemoryHost();

  // Life. create() is false when the service refuses; the others call one hook each. A service that was not created has
  // no hooks: functions that call one throw std::logic_error.
  bool create();
  cm_status start();
  void stop();
  void destroy();
  [[nodiscard]] bool created() const;

  // Who it is, as the ABI has it.
  [[nodiscard]] const cm_host* abi() const;
  [[nodiscard]] cm_service self() const;
  [[nodiscard]] const std::string& id() const;
  // The version of the plugin that it is now.
  [[nodiscard]] const std::string& version() const;
  // What its plugin implements of an extension; nullptr: nothing. For hooks to be called by hand, with `instance()`.
  [[nodiscard]] const void* extension(const char* id);
  [[nodiscard]] void* instance() const;

  // A message comes. What on_message returned; of a call whose handling failed, its caller is told.
  cm_status deliver(const cm_request& request, std::uint16_t id, std::string_view body);
  // The answer to a call that waits, or a status instead: what on_reply returned, CM_NOT_FOUND when no such call waits.
  cm_status answer(std::uint64_t call, std::uint16_t id, std::string_view body);
  cm_status fail(std::uint64_t call, cm_status status);
  // A message of a channel: what on_channel returned, CM_NOT_FOUND when it is not subscribed. `id` 0: only `lost`.
  cm_status publish(const std::string& channel, std::uint16_t id, std::string_view body, std::uint64_t lost = 0,
                    cm_service from = 0);
  // Runs the oldest job that waits and brings its result: what on_job returned, CM_NOT_FOUND when none waits.
  cm_status run_job();
  // The settings are others now.
  cm_status change_settings(std::string bytes);
  // A shared entry of the KV is so from now on; nothing: it is gone. The service is told if it watches it. Since 1.1.
  void entry(const std::string& name, std::optional<std::string> value);
  // A client of the service's own frontend connected; a client is gone; its binding changed by itself.
  void client_opened(const cm_client& client, const std::string& address = "203.0.113.7",
                     cm_transport transport = CM_TRANSPORT_TCP);
  void client_closed(const cm_client& client, cm_close_reason reason);
  void rebound(const cm_client& client, cm_service from, cm_service to);
  // A service is up from now on, or what is known of it changed; it went down: calls to it end with CM_UNAVAILABLE. The
  // handle of an id is the same for the life of this host. Throws std::invalid_argument when `id` is none.
  cm_service up(const std::string& id, const Peer& peer = {});
  void down(const std::string& id);

  // Its state as the next generation would get it; anything but CM_OK is what a hook of it returned.
  cm_status save(SavedState& saved);
  // In place of start(), and of create() when it is not there yet: it takes a state over and serves. Anything but CM_OK
  // is what a hook returned.
  cm_status load(const SavedState& saved);
  // The next generation takes its place, as a host does it: what waits goes on by handler. Empty when it serves; else
  // why it was refused, and the old one goes on. Throws std::invalid_argument when it is another kind of service.
  std::string reload(const Reload& how = {});

  // Lets so much time pass: timers fire and calls time out at their time, in order. Throws std::runtime_error when the
  // service starts timers of no delay for ever.
  void advance(std::uint64_t ms);
  // The clock. It does not start at 0.
  [[nodiscard]] std::uint64_t now_ms() const;

  // From now on functions of this sort fail with a status, until accept() or CM_OK. Nothing happens then.
  void refuse(Did did, cm_status status);
  void accept(Did did);
  // The same, asked for each one: what it returns other than CM_OK is the result. An empty function: no longer.
  void decide(std::function<cm_status(const Act&)> decide);

  // What the service did, in order, since the last take().
  [[nodiscard]] const std::vector<Act>& acts() const;
  std::vector<Act> take();
  // Takes those of one sort; the others stay.
  std::vector<Act> take(Did did);
  std::vector<Act> take_if(const std::function<bool(const Act&)>& wanted);
  // In words: "gateway.bind 41 @game#0@dev", "timer.start Game::tick", with the status when it was refused.
  [[nodiscard]] std::string describe(const Act& act) const;
  [[nodiscard]] std::string name(cm_service service) const;

  // What waits, oldest first; timers and calls in the order in which they are due.
  [[nodiscard]] std::vector<WaitingCall> calls() const;
  [[nodiscard]] std::vector<WaitingTimer> timers() const;
  [[nodiscard]] std::vector<Subscription> subscriptions() const;
  [[nodiscard]] std::vector<WaitingJob> jobs() const;

  // Hooks that failed inside; calls of host functions with arguments that are none; what came for a handler that the
  // service does not have ("on_timer Game::tick").
  [[nodiscard]] const std::vector<Fault>& faults() const;
  std::vector<Fault> take_faults();
  [[nodiscard]] const std::vector<std::string>& misuses() const;
  [[nodiscard]] const std::vector<std::string>& unhandled() const;
  std::vector<std::string> take_unhandled();

  // Its log; lines below a level are not asked for (CM_LOG_TRACE: all are).
  [[nodiscard]] std::vector<Line> lines() const;
  // The records of its audit stream, `uid=ann what=price amount=-100`, in order. Since 1.2.
  [[nodiscard]] std::vector<std::string> audits() const;
  void log_level(cm_log_level level);
  // A counter or gauge; 0 when there is none of this name.
  [[nodiscard]] std::int64_t metric(const std::string& name) const;
  // The shared entries of the KV: what the service published, and the test said. Since 1.1.
  [[nodiscard]] const std::map<std::string, std::string>& entries() const;
  // Why the service is unhealthy, as it said last; empty: it is healthy. Since 1.2.
  [[nodiscard]] const std::string& unhealthy() const;
  // The load that it reported.
  [[nodiscard]] std::optional<std::uint64_t> load() const;
  // Nothing when it opened none.
  [[nodiscard]] const std::optional<Frontend>& frontend() const;
  // Whether it admitted a client of its frontend that is still there.
  [[nodiscard]] bool admitted(const cm_client& client) const;

 private:
  void tell_service(cm_service service, bool up);

  std::unique_ptr<detail::HostSide> side_;
};

}  // namespace cellmesh::test

#endif
