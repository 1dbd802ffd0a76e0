#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cellmesh/abi/log.h"
#include "cellmesh/abi/metrics.h"
#include "plugin/registry_ears.hpp"
#include "plugin/service.hpp"
#include "support/fake_service.hpp"
#include "support/seen.hpp"

namespace cm::plugin::test {

using cm::test::FakeService;
using cm::test::Seen;
using namespace std::chrono_literals;

inline constexpr std::chrono::seconds kPatience{60};
inline constexpr std::uint16_t kRunId = 1;  // a message that carries a function for the service's thread

// A kind of service whose hooks a test writes. It keeps what it was told as text, "reply on_load:cookie CM_OK 7 body".
class Puppet {
 public:
  explicit Puppet(std::string kind_name);
  ~Puppet();
  Puppet(const Puppet&) = delete;
  Puppet& operator=(const Puppet&) = delete;

  [[nodiscard]] const cm_service_kind& kind() const { return kind_; }
  template <class Extension>
  [[nodiscard]] const Extension& ext(const char* id) const {
    return *static_cast<const Extension*>(host->get_extension(host, id));
  }
  [[nodiscard]] bool told(const std::string& what) {
    return seen.wait_for([&](const std::string& s) { return s == what; }).has_value();
  }
  [[nodiscard]] std::vector<std::string> all() const { return seen.all(); }

  // Set before the service starts, or on its thread.
  std::function<cm_status()> on_create = [] { return CM_OK; };
  std::function<cm_status()> on_start = [] { return CM_OK; };
  std::function<void()> on_stop = [] {};
  std::function<cm_status(const cm_message&)> on_message = [](const cm_message&) { return CM_OK; };
  std::function<void(const std::string&)> on_told = [](const std::string&) {};
  bool with_channels = true;

  Seen<std::string> seen;
  const cm_host* host = nullptr;  // between create and destroy; service thread only

 private:
  friend struct PuppetHooks;
  void tell(std::string what) {
    on_told(what);
    seen.push(std::move(what));
  }
  const std::string name_;
  cm_service_kind kind_{};
};

// Frontends that remember what was asked of them.
class FakeFrontends final : public routing::Frontends {
 public:
  base::Result<Opened> open(routing::ServiceRef /*owner*/, const routing::FrontendOptions& options) override {
    seen.push("open " + options.address);
    if (options.address == "taken") return base::error("the port is taken");
    return Opened{4711, "host:4711"};
  }
  base::Result<Opened> open(routing::ServiceRef owner, const routing::FrontendOptions& options,
                            const routing::ListenerOptions& first) override {
    seen.push(std::string("first ") + routing::name(first.transport));
    return open(owner, options);
  }
  base::Result<Listener> add_listener(routing::ServiceRef /*owner*/, const routing::ListenerOptions& options) override {
    seen.push(std::string("add ") + routing::name(options.transport) + " " + options.page_type + " " + options.page);
    if (options.port != 0) return base::error("the port is taken");
    return all.emplace_back(Listener{2, options.transport, 4712, {"ws://host:4712/"}});
  }
  base::Status update_listener(routing::ServiceRef /*owner*/, std::uint32_t number,
                               const routing::ListenerOptions& options) override {
    seen.push("update " + std::to_string(number) + " " + options.origins);
    return {};
  }
  [[nodiscard]] std::vector<Listener> listeners(routing::ServiceRef /*owner*/) const override { return all; }
  std::shared_ptr<routing::Destination> clients(routing::ServiceRef /*owner*/) override { return sessions; }
  void accept(routing::ServiceRef /*owner*/) override { seen.push("accept"); }
  base::Status update(routing::ServiceRef /*owner*/, const routing::FrontendOptions& options) override {
    seen.push("update " + std::to_string(options.max_clients));
    return {};
  }
  void intercept(routing::ServiceRef /*owner*/, std::uint16_t msg_id) override {
    seen.push("intercept " + std::to_string(msg_id));
  }
  void set_protocol(routing::ServiceRef /*owner*/, std::uint8_t version) override {
    seen.push("protocol " + std::to_string(version));
  }
  void stop_accepting(routing::ServiceRef /*owner*/) override { seen.push("stop_accepting"); }
  void close(routing::ServiceRef /*owner*/) override { seen.push("close"); }
  [[nodiscard]] Counts counts(routing::ServiceRef /*owner*/) const override { return {7, 3}; }

  Seen<std::string> seen;
  // Service thread only.
  std::vector<Listener> all{{1, routing::Transport::tcp, 4711, {"tcp://host:4711"}}};
  std::shared_ptr<FakeService> sessions = std::make_shared<FakeService>();
};

// A host with a registry, services of puppets, and fake services of other hosts.
class Rig {
 public:
  Rig();
  ~Rig();

  // Starts a service of the puppet's kind, `kind#0@test`, and makes it public.
  std::shared_ptr<Service> start(Puppet& puppet, std::optional<std::string> settings = std::nullopt);
  base::Status try_start(Puppet& puppet);
  std::shared_ptr<Service> make(Puppet& puppet, std::optional<std::string> settings = std::nullopt);
  // A service that was given up: it is the test's own from here on.
  void forget(const std::shared_ptr<Service>& service);
  // Runs fn on the service's thread and returns what it returns.
  template <class Fn>
  auto run(const std::shared_ptr<Service>& service, Fn&& fn);

  // Waits until a service of this host is going down.
  bool wait_draining(routing::ServiceRef ref);
  // A service of another host.
  routing::ServiceRef put_remote(const std::string& id, const std::shared_ptr<FakeService>& destination,
                                 bool draining = false);
  static void deliver(const std::shared_ptr<Service>& service, routing::Envelope envelope, std::string_view body = {});

  routing::Names names;
  routing::Registry registry{names};
  FakeFrontends frontends;
  Surroundings surroundings;
  Manifest manifest;
  Seen<std::pair<routing::Registry::Event, routing::ServiceRef>> events;

 private:
  std::shared_ptr<RegistryEars> ears_;
  std::vector<std::shared_ptr<Service>> services_;
};

template <class Fn>
auto Rig::run(const std::shared_ptr<Service>& service, Fn&& fn) {
  using R = decltype(fn());
  std::packaged_task<R()> task(std::forward<Fn>(fn));
  std::function<void()> call = [&] { task(); };
  auto* pointer = &call;
  auto result = task.get_future();
  deliver(service, {.kind = routing::Kind::message, .msg_id = kRunId},
          {reinterpret_cast<const char*>(&pointer), sizeof pointer});
  return result.get();
}

inline const std::uint8_t* bytes(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

}  // namespace cm::plugin::test
