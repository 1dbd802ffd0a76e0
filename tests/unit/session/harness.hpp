#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "session/frontend_clients.hpp"
#include "session/session_table.hpp"
#include "support/fake_service.hpp"
#include "support/fake_transport.hpp"
#include "support/notice_reader.hpp"
#include "support/wait.hpp"

namespace cm::session {

using routing::ClientId;
using routing::Delivery;
using routing::Envelope;
using routing::Kind;
using routing::KindRef;
using routing::RouteMode;
using routing::ServiceRef;
using test::FakeService;
using test::FakeWire;
using test::Received;
using test::wire_frame;

// Message ids of the tests' routes.
inline constexpr std::uint16_t kPing = 10;     // agent, pass
inline constexpr std::uint16_t kVerify = 20;   // game, pass, and intercepted where a test says so
inline constexpr std::uint16_t kChat = 30;     // game, auth
inline constexpr std::uint16_t kTalk = 31;     // game, pass
inline constexpr std::uint16_t kMail = 40;     // mail, auth
inline constexpr std::uint16_t kUnknown = 99;  // no route

inline void append(std::vector<std::byte>& to, const std::vector<std::byte>& more) {
  to.insert(to.end(), more.begin(), more.end());
}
inline std::string client_list(const std::vector<std::uint64_t>& numbers, std::string_view rest) {
  const auto count = static_cast<std::uint32_t>(numbers.size());
  std::string out(sizeof(count), '\0');
  std::memcpy(out.data(), &count, sizeof(count));
  for (const std::uint64_t number : numbers) out.append(reinterpret_cast<const char*>(&number), sizeof(number));
  return out.append(rest);
}

// One io worker with its table of sessions, a frontend of `agent#0@t`, fake services and fake connections.
class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    worker.start();
    registry.listen([this](routing::Registry::Event event, std::span<const ServiceRef> services) {
      if (event == routing::Registry::Event::down) table->services_lost(services);
      if (event == routing::Registry::Event::room) table->room();
      if (event == routing::Registry::Event::room) ++rooms;
    });
    set_routes("agent", {{kPing, "Ping", RouteMode::pass}});
    set_routes("game",
               {{kVerify, "Verify", RouteMode::pass}, {kChat, "Chat", RouteMode::auth}, {kTalk, "T", RouteMode::pass}});
    set_routes("mail", {{kMail, "Mail", RouteMode::auth}});
    owner = names.service("agent#0@t");
    agent = up("agent#0@t");
    options.routes = true;
    options.outbox_limit = 100'000;
  }

  void TearDown() override {
    if (frontend) {
      on([&] {
        table->close_all(owner, CloseReason::going_down, {});
        table->abort_all(owner);
      });
      EXPECT_TRUE(frontend->wait_empty(std::chrono::seconds(20)));
      on([&] { table->remove(*frontend); });
    }
    on([&] { table->stop(); });
    for (const auto& wire : wires) EXPECT_TRUE(wire->freed);
    worker.stop();
  }

  void open() {
    frontend = std::make_shared<Frontend>(owner, names.kind("agent"), options);
    port = &frontend->add_port({});
    on([&] { table->add(frontend, options); });
    clients = std::make_shared<FrontendClients>(frontend, std::vector{table});
  }

  void set_routes(const std::string& service, std::vector<routing::RouteRule> rules) {
    ASSERT_TRUE(routes.set({service, "1.0.0", std::move(rules)}).has_value());
  }
  std::shared_ptr<FakeService> up(const std::string& id, std::uint64_t users = 0) {
    auto service = std::make_shared<FakeService>();
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.mailbox = service;
    EXPECT_TRUE(registry.put(entry).has_value());
    registry.set_load(entry.ref, users, 60'000);
    return service;
  }
  void down(const std::string& id) {
    registry.remove(names.service(id));
    settle();
  }

  void on(const std::function<void()>& fn) { worker.run_and_wait(fn); }

  // Several turns have ended since, and what they brought about has happened.
  void settle() {
    struct Probe : net::Flushable {
      std::promise<void> flushed;
      void flush() override { flushed.set_value(); }
    };
    for (int i = 0; i < 6; ++i) {
      Probe probe;
      worker.post([&] { worker.mark_dirty(probe, net::IoWorker::FlushOrder::session); });
      probe.flushed.get_future().wait();
    }
  }
  bool eventually(const std::function<bool()>& done) {
    settle();
    return test::wait_until(done);
  }

  struct Player {
    std::shared_ptr<FakeWire> wire;
    ClientId id;
  };
  // A connection that the agent is told of.
  Player join(const std::function<void(FakeWire&)>& faults = {}) {
    const auto wire = connect(faults);
    settle();
    const auto opened = agent->got(Kind::client_opened);
    return {wire, opened.empty() ? ClientId{} : opened.back().client};
  }
  Player join_admitted() {
    Player player = join();
    command(Kind::admit, player, owner);
    return player;
  }
  std::shared_ptr<FakeWire> connect(const std::function<void(FakeWire&)>& faults = {}, bool full = false) {
    auto wire = std::make_shared<FakeWire>(worker);
    if (faults) faults(*wire);
    wires.push_back(wire);
    if (!full) (void)frontend->take_place();
    on([&] {
      const auto unwanted = table->adopt(frontend, *port, std::make_unique<test::FakeTransport>(wire), full);
      if (unwanted) unwanted->close();
    });
    return wire;
  }

  Delivery command(Kind kind, const Player& player, ServiceRef from, std::string_view body = {},
                   std::int32_t status = 0, std::uint16_t msg_id = 0) {
    const auto bytes = test::bytes_of(body);
    const Delivery delivery = clients->deliver({.kind = kind,
                                                .msg_id = msg_id,
                                                .status = status,
                                                .to = owner,
                                                .from = from,
                                                .client = player.id,
                                                .call = 0,
                                                .body = bytes});
    settle();
    return delivery;
  }
  Delivery to_client(const Player& player, std::uint16_t id, std::string_view body) {
    return command(Kind::to_client, player, owner, body, 0, id);
  }
  Delivery broadcast(std::uint16_t id, std::string_view body) {
    return command(Kind::broadcast, {}, owner, body, 0, id);
  }
  void bind(const Player& player, const std::string& service) { command(Kind::bind, player, owner, service); }

  void send(const Player& player, std::uint16_t id, std::string_view body = {}) {
    player.wire->send(wire_frame(id, body));
    settle();
  }
  // So much later by the table's clock, which stands still otherwise.
  void later(std::int64_t ms) {
    on([&] {
      passed_ms += ms;
      table->tick(begun_ms + passed_ms);
    });
    settle();
  }

  static std::vector<test::NoticeRead> notices(const Player& player) {
    std::vector<test::NoticeRead> result;
    for (const auto& received : player.wire->received()) {
      if (received.id != kNoticeId) continue;
      const auto notice = test::read_notice(received.body);
      EXPECT_TRUE(notice.has_value());
      if (notice) result.push_back(*notice);
    }
    return result;
  }
  static std::vector<std::uint32_t> codes(const Player& player) {
    std::vector<std::uint32_t> result;
    for (const auto& notice : notices(player)) result.push_back(notice.code);
    return result;
  }
  static std::vector<std::string> bodies(const std::vector<FakeService::Got>& got) {
    std::vector<std::string> result;
    for (const auto& g : got) result.push_back(g.body);
    return result;
  }
  using Strings = std::vector<std::string>;
  using Codes = std::vector<std::uint32_t>;

  net::IoWorker worker{0};
  const std::int64_t begun_ms = worker.now_ms();
  routing::Names names;
  routing::Registry registry{names};
  routing::Routes routes{names};
  std::shared_ptr<SessionTable> table = std::make_shared<SessionTable>(worker, registry, routes, 5);
  routing::FrontendOptions options;
  ServiceRef owner{};
  std::shared_ptr<FakeService> agent;
  std::shared_ptr<Frontend> frontend;
  Port* port = nullptr;  // the frontend's
  std::shared_ptr<FrontendClients> clients;
  std::vector<std::shared_ptr<FakeWire>> wires;
  std::atomic<int> rooms{0};
  std::int64_t passed_ms = 0;
};

}  // namespace cm::session
