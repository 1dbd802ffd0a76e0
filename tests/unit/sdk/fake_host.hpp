#pragma once

#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/gateway.h>
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/metrics.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/timer.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cm::test {

// What a service asked its host to do.
struct Asked {
  std::string what;  // "send", "call", "reply", "clients.send", "gateway.admit" ...
  cm_service to = 0;
  std::vector<cm_client> clients = {};
  std::uint16_t id = 0;
  std::string body = {};
  std::string name = {};  // handler, channel, kind or text
  std::string cookie = {};
  cm_request request{};
  std::int64_t number = 0;  // status, reason, delay, load ...
  std::int64_t period = 0;
  cm_job job = nullptr;
};

// The host's side of the plugin ABI for one service, in one thread: writes down what it is asked and answers what the
// test says. Owned by the test.
class FakeHost {
 public:
  struct Peer {
    cm_service ref = 0;
    std::string id;
    std::string kind;
    std::string public_address;
    std::int64_t load = -1;  // < 0: not known
    bool up = true;
  };

  explicit FakeHost(const std::string& id = "probe#0@test", std::optional<std::string> with_settings = std::nullopt);
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  [[nodiscard]] const cm_host* abi() const { return &host_; }
  [[nodiscard]] cm_service self() const { return host_.self; }

  // The handle of a service id, which is up from now on.
  cm_service up(const std::string& id, const std::string& public_address = {}, std::int64_t load = -1);
  void down(const std::string& id);

  // What was asked since the last take().
  std::vector<Asked> take();
  // That of one sort; the others are dropped.
  std::vector<Asked> take(std::string_view what);

  std::vector<Asked> asked;
  std::vector<std::string> faults;
  std::vector<std::string> lines;
  std::string settings;
  bool has_settings = false;
  std::int32_t log_level = CM_LOG_TRACE;
  std::set<std::string> missing;  // extensions that this host does not have
  std::map<std::string, std::int64_t> metrics;
  cm_frontend_options frontend{};
  std::uint64_t client_count = 0;
  std::uint64_t now = 0;
  // What an operation returns; CM_OK when it is not set.
  std::function<cm_status(const Asked&)> answer;

 private:
  friend struct FakeHostTables;
  cm_status ask(Asked what);
  Peer* find(cm_service ref);

  cm_host host_{};
  std::string id_;
  std::string kind_;
  std::string group_;
  std::vector<Peer> peers_;
  std::vector<std::string> metric_names_;
  cm_timer next_timer_ = 1;
};

// One service of a kind, driven as the host drives it.
class Running {
 public:
  Running(const cm_service_kind& kind, FakeHost& host) : kind_(kind), host_(host), self_(kind.create(host.abi())) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { destroy(); }

  [[nodiscard]] void* self() const { return self_; }
  void destroy() {
    if (self_ != nullptr) kind_.destroy(self_);
    self_ = nullptr;
  }
  [[nodiscard]] bool created() const { return self_ != nullptr; }
  cm_status start() { return kind_.start(self_); }
  void stop() { kind_.stop(self_); }

  // A message as it comes from a client, from a service, from a service that waits, and from one that waits on behalf
  // of a client.
  template <typename M>
  cm_status from_client(const cm_client& client, std::uint16_t id, const M& body) {
    return message({0, 0, 0, client}, id, body.SerializeAsString());
  }
  template <typename M>
  cm_status from_service(cm_service from, std::uint16_t id, const M& body, std::uint64_t call = 0,
                         const cm_client& client = {}) {
    return message({from, 0, call, client}, id, body.SerializeAsString());
  }
  cm_status message(const cm_request& request, std::uint16_t id, const std::string& body);

  // The answer to a call that was asked: OK with a body, or a status.
  cm_status answer(const Asked& call, std::uint16_t id, const std::string& body, cm_status status = CM_OK);
  cm_status fire(const Asked& timer);
  // Runs the job and brings its result back.
  cm_status run(const Asked& job);
  cm_status publish(const std::string& channel, const std::string& handler, const std::string& cookie, std::uint16_t id,
                    const std::string& body, std::uint64_t lost = 0, cm_service from = 0);
  cm_status change_settings(const std::string& bytes);
  void client_opened(const cm_client& client);
  void client_closed(const cm_client& client, cm_close_reason reason);
  void rebound(const cm_client& client, cm_service from, cm_service to);
  void service(cm_service which, bool up);

  template <typename E>
  const E* extension(const char* id) {
    return static_cast<const E*>(kind_.get_extension(self_, id));
  }

 private:
  const cm_service_kind& kind_;
  FakeHost& host_;
  void* self_;
};

}  // namespace cm::test
