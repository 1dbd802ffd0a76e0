#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "mesh/mesh.hpp"
#include "support/fake_service.hpp"
#include "support/tcp_proxy.hpp"
#include "support/wait.hpp"

namespace cm::mesh {

using namespace std::chrono_literals;
using routing::ClientId;
using routing::Delivery;
using routing::Envelope;
using routing::Kind;
using routing::Registry;
using routing::ServiceRef;
using test::FakeService;
using test::TcpProxy;
using test::wait_until;

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Quick enough for a test, and never by accident.
inline Config config_of(const std::string& name) {
  Config config;
  config.name = name;
  config.mesh = "test";
  config.boot = new_boot();
  config.grace = test::patience(2000ms);
  config.backoff_min = 5ms;
  config.backoff_max = 50ms;
  config.backoff_refused = 100ms;
  config.ping = 200ms;
  config.silence = test::patience(10'000ms);
  return config;
}

// One host: io workers, a registry, a mesh, fake services.
class Host {
 public:
  explicit Host(Config config) : name(config.name), boot(config.boot), config_(config) {
    for (unsigned i = 0; i < 2; ++i) {
      workers_.push_back(std::make_unique<net::IoWorker>(i));
      raw_workers_.push_back(workers_.back().get());
    }
    registry.listen([this](Registry::Event event, std::span<const ServiceRef> refs) {
      ++events;
      if (event == Registry::Event::room) ++rooms;
      if (event == Registry::Event::down) downs += refs.size();
    });
    mesh = std::make_unique<Mesh>(std::move(config), raw_workers_, registry);
    for (const auto& worker : workers_) worker->start();
    address = mesh->start().value();
  }
  ~Host() {
    mesh->stop();
    for (const auto& worker : workers_) worker->stop();
  }

  // A service of this host's; with a frontend when `public_address` is not empty.
  FakeService& up(const std::string& id, const std::string& public_address = {}) {
    auto service = std::make_shared<FakeService>();
    services_.push_back(service);
    routing::ServiceEntry entry;
    entry.ref = ref(id);
    entry.kind = names.kind_of(entry.ref);
    entry.public_address = public_address;
    entry.gateway = !public_address.empty();
    entry.mailbox = service;
    if (entry.gateway) entry.clients = service;
    EXPECT_TRUE(registry.put(entry));
    return *service;
  }
  void down(const std::string& id) { EXPECT_TRUE(registry.remove(ref(id))); }

  ServiceRef ref(const std::string& id) { return names.service(id); }
  [[nodiscard]] bool sees(const std::string& id) { return registry.find(ref(id)).has_value(); }
  bool wait_sees(const std::string& id) {
    return wait_until([&] { return sees(id); });
  }

  [[nodiscard]] discovery::ServiceRecord record(const std::string& at = {}) const {
    discovery::ServiceRecord record;
    record.id = "any#0@t";
    record.kind = "any";
    record.mesh = config_.mesh;
    record.host = name;
    record.boot = boot;
    record.link_address = at.empty() ? address : at;
    return record;
  }
  void dial(const Host& other, const std::string& at = {}) { mesh->set_peers({other.record(at)}); }

  Envelope envelope(Kind kind, const std::string& to, const std::string& from, std::string_view body = {}) {
    Envelope e;
    e.kind = kind;
    e.to = ref(to);
    if (!from.empty()) e.from = ref(from);
    e.body = bytes_of(body);
    return e;
  }
  Delivery deliver(const Envelope& e) { return Registry::deliver(*registry.snapshot(), e); }
  Delivery send(const std::string& to, const std::string& from, std::string_view body) {
    return deliver(envelope(Kind::message, to, from, body));
  }
  // Until it is taken.
  void send_all(const Envelope& e) {
    EXPECT_TRUE(wait_until([&] { return deliver(e) == Delivery::sent; }));
  }

  [[nodiscard]] LinkInfo link(const std::string& host) const {
    for (const auto& info : mesh->links()) {
      if (info.host == host) return info;
    }
    return {};
  }
  bool wait_up(const std::string& host) {
    return wait_until([&] { return link(host).state == "up"; });
  }

  const std::string name;
  const std::string boot;
  routing::Names names;
  Registry registry{names};
  std::string address;
  std::unique_ptr<Mesh> mesh;
  std::atomic<std::uint64_t> rooms{0};
  std::atomic<std::uint64_t> downs{0};
  std::atomic<std::uint64_t> events{0};  // of the registry: how often listeners were called
  [[nodiscard]] net::IoWorker& worker(unsigned i) { return *workers_[i]; }

 private:
  const Config config_;
  std::vector<std::unique_ptr<net::IoWorker>> workers_;
  std::vector<net::IoWorker*> raw_workers_;
  std::vector<std::shared_ptr<FakeService>> services_;
};

// Host a with game#0@t dials host b with hub#0@t, through a proxy when a test wants to break what is between them.
class LinkTest : public testing::Test {
 protected:
  void link(Config config_a = config_of("a"), Config config_b = config_of("b")) {
    b = std::make_unique<Host>(config_b);
    proxy = std::make_unique<TcpProxy>(b->address);
    a = std::make_unique<Host>(config_a);
    game = &a->up("game#0@t");
    hub = &b->up("hub#0@t");
    a->dial(*b, proxy->address());
    ASSERT_TRUE(a->wait_sees("hub#0@t"));
    ASSERT_TRUE(b->wait_sees("game#0@t"));
  }
  // Host b dies without a word.
  void kill_b() {
    proxy->refuse(true);
    proxy->cut(true);
    b.reset();
  }
  // And comes back as another process.
  void restart_b(Config config_b = config_of("b")) {
    b = std::make_unique<Host>(config_b);
    proxy->retarget(b->address);
    proxy->refuse(false);
  }

  std::unique_ptr<TcpProxy> proxy;
  std::unique_ptr<Host> b;
  std::unique_ptr<Host> a;
  FakeService* game = nullptr;
  FakeService* hub = nullptr;
};

}  // namespace cm::mesh
