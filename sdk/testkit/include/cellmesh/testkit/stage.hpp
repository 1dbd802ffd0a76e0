// SPDX-License-Identifier: MIT
//
// What of a Host is not about messages: see <cellmesh/testkit.hpp>, which includes it.
#ifndef CELLMESH_TESTKIT_STAGE_HPP
#define CELLMESH_TESTKIT_STAGE_HPP

#include <cellmesh/client.hpp>
#include <cellmesh/status.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory_host.hpp"

namespace cellmesh::test {

// A hook of the service failed inside, by an exception say: thrown by the function that called it. The service goes on,
// as in a real host. Since 1.0.
class Faulted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The service did not do what the test asks about. Since 1.0.
class Unexpected : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A reload was refused: the version before it serves on. Since 1.0.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A request that somebody else made with Host::ask(). Since 1.0.
struct Ask {
  Request request = {};
  Status status = Status::ok;  // what its handler returned
};

// The service under test and those around it. Functions that call a hook throw Faulted when it fails inside, and
// Unexpected when something comes for a handler that the service does not have. Since 1.0.
class Stage {
 public:
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // What start() of the service returned. When that is not ok it is gone, as in a real host.
  Status start();
  // Stops and destroys it.
  void stop();

  // A reload in place: the service's state goes over to a new instance, of the same code or of `kind_of<T>()`, and what
  // waits for a handler goes on there. Throws Refused when it is refused: the instance before serves on.
  void reload();
  void reload(const cm_service_kind& next, const std::string& version = {});

  // Who it is.
  [[nodiscard]] ServiceId self() const;

  // A client: of this service's own frontend when it opened one, which on_client_opened is told; else of that of
  // agent#0@<group>, which is up then.
  Client client();
  Client client(ServiceId agent);
  // One of the service's own frontend that comes from an address. Since 1.1.
  Client client_at(const std::string& address, cm_transport transport = CM_TRANSPORT_TCP);
  // It is gone: on_client_closed.
  void disconnect(Client client, CloseReason reason = CloseReason::by_client);
  // Its binding changed by itself: on_rebound.
  void rebind(Client client, ServiceId from, ServiceId to);

  // A service is up from now on, or what is known of it changed: on_service.
  ServiceId up(const std::string& id, const Peer& peer = {});
  // It went down: on_service, and what the service asked of it ends with Status::unavailable.
  void down(const std::string& id);

  // Messages of a channel were lost, with none after: on_lost.
  void lose(const std::string& channel, std::uint64_t lost);
  [[nodiscard]] bool subscribed(const std::string& channel) const;

  // Runs the jobs that wait, and brings their results; how many there were. Those that these start are not run.
  std::size_t run_jobs();

  // Lets time pass: timers fire and calls time out at their time.
  void advance(std::chrono::milliseconds time);

  // From now on this fails with a status, until it is Status::ok: refuse(Did::send, Status::backpressure).
  void refuse(Did did, Status status);

  // The status that a request was answered with, also by what its handler returned; nothing when it was not answered,
  // or by a message.
  std::optional<Status> reply_status(const Ask& ask);

  // What it did that was not taken yet, in words: "clients.broadcast proto.ChatACK", "timer.start Game::tick".
  [[nodiscard]] std::vector<std::string> did() const;
  // Forgets that.
  void clear();
  // Why the service asked for this client to be closed; nothing when it did not. Its end comes by disconnect().
  [[nodiscard]] std::optional<CloseReason> closed(Client client) const;

  // A counter or gauge; 0 when there is none of this name.
  [[nodiscard]] std::int64_t metric(const std::string& name) const { return memory_.metric(name); }
  // The load that it reported last.
  [[nodiscard]] std::optional<std::uint64_t> load() const { return memory_.load(); }
  // Why it is unhealthy, as it said last; empty: it is healthy. Since 1.2.
  [[nodiscard]] const std::string& unhealthy() const { return memory_.unhealthy(); }
  // Whether a line of its log has this text in it.
  [[nodiscard]] bool logged(std::string_view text) const;
  // Returns true if a record of its audit stream contains this text, such as `what=price amount=-100`. All of them, in
  // order: memory().audits(). Since 1.2.
  [[nodiscard]] bool audited(std::string_view text) const;

  // What is underneath, for all that has no word here: timers, bodies that are no message, what is not checked for
  // faults.
  [[nodiscard]] MemoryHost& memory() { return memory_; }
  [[nodiscard]] const MemoryHost& memory() const { return memory_; }

 protected:
  using MessageName = std::string (*)(std::uint16_t id);

  // `state`: what it takes over in place of its start.
  Stage(const cm_service_kind& kind, MemoryHostOptions options, std::optional<std::string> state, MessageName name);
  // Stops the service if it runs. What fails then is told on standard error: stop() before to have it thrown.
  ~Stage();

  [[nodiscard]] const std::string& id() const { return memory_.id(); }
  // Throws for what failed; else the status.
  Status checked(cm_status status);
  Status called(std::uint64_t number, cm_status status);
  Status published(const std::string& channel, cm_status status);

  // Whether an act is a message that went out, and that this one got and did not take yet. Clients of another agent
  // count as admitted there.
  [[nodiscard]] static bool sends(const Act& act);
  [[nodiscard]] bool reaches(const Act& act, Client client) const;
  [[nodiscard]] static bool reaches(const Act& act, ServiceId service);
  // It takes it; what others got as well stays for them.
  void read(const Act& act, Client client);
  void read(const Act& act);
  std::vector<Act> take_replies(const Ask& ask);
  std::uint64_t next_ask() { return next_ask_++; }

  [[nodiscard]] std::string list(const std::vector<Act>& acts, const std::string& none) const;

 private:
  void throw_what_failed();
  void reload_to(const Reload& next);
  [[nodiscard]] std::string describe(const Act& act) const;

  MemoryHost memory_;
  const std::optional<std::string> state_;
  const MessageName message_name_;
  bool running_ = false;
  std::vector<Client> clients_;                      // that are connected
  std::set<std::pair<std::uint64_t, Client>> read_;  // acts for several, and who took them
  std::uint64_t next_session_ = 1;
  std::uint64_t next_ask_ = 1;
};

}  // namespace cellmesh::test

#endif
