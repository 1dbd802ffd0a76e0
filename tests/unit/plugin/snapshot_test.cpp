// Plugins that are compiled against the ABI as it was released, in today's host: they load, every function of the host
// does for them what it did, every hook is called, and a reload takes them over. See tests/abi.
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>

#include <gmock/gmock.h>

#include "discovery/embedded.hpp"
#include "harness.hpp"
#include "hub.pb.h"
#include "plugin/plugin_manager.hpp"
#include "plugin/shared_kv.hpp"
#include "routing/message_id.hpp"
#include "support/captured_audit.hpp"

namespace cm::plugin::test {
namespace {

using routing::Envelope;
using routing::Kind;
using routing::message_id;

constexpr std::uint16_t kDo = message_id("everyDoREQ");
constexpr std::uint16_t kDone = message_id("everyDoACK");

std::vector<std::string> snapshots() {
  std::vector<std::string> names;
  const std::string all = CM_TEST_SNAPSHOTS;
  boost::algorithm::split(names, all, boost::is_any_of(" "));
  return names;
}

class Snapshot : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::promise<void> ready;
    discovery.start([&] { ready.set_value(); });
    ready.get_future().wait();
    PluginManagerConfig config;
    config.identity = rig.surroundings.identity;
    config.plugin_dir = CM_TEST_SNAPSHOT_DIR;
    config.kv = &kv;
    config.patience = {.settings = 20s, .start = 20s, .drain = 20s, .stop = 20s};
    manager = std::make_unique<PluginManager>(std::move(config), rig.registry, settings, &rig.frontends,
                                              PluginManagerHooks{});
    remote_ref = rig.put_remote("remote#0@test", remote);
    agent_ref = rig.put_remote("agent#0@test", agent);
    hub_ref = rig.put_remote("hub#0@test", hub);
    const auto status = manager->load(GetParam());
    ASSERT_TRUE(status) << status.error().text;
    self = rig.names.service(GetParam() + "#0@test");
    ask("events");
  }
  void TearDown() override {
    const auto status = manager->unload(GetParam());
    EXPECT_TRUE(status) << status.error().text;
    manager.reset();
    discovery.stop();
  }

  void deliver(Envelope e, std::string_view body = {}) const {
    e.to = self;
    e.body = std::as_bytes(std::span(body));
    ASSERT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
  }
  // Asks on behalf of a client of the agent.
  std::uint64_t begin(std::string_view word, std::uint16_t id = kDo) {
    deliver({.kind = Kind::call, .msg_id = id, .from = remote_ref, .client = {agent_ref, 9}, .call = ++asked}, word);
    return asked;
  }
  std::string end(std::uint64_t call) {
    const auto got = seen.wait_for([&](const auto& e) { return e.kind == Kind::reply && e.call == call; });
    if (!got) return "no answer";
    return got->status != 0 ? "status " + std::to_string(got->status) : got->body;
  }
  std::string ask(std::string_view word) { return end(begin(word)); }
  // Until what the hooks were told has this in it.
  bool told(const std::string& what) {
    for (const auto until = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < until;) {
      if ((events += ask("events")).find(what) != std::string::npos) return true;
    }
    ADD_FAILURE() << "told only: " << events;
    return false;
  }
  [[nodiscard]] static std::vector<Kind> kinds(const FakeService& of) {
    std::vector<Kind> all;
    for (const auto& got : of.got()) all.push_back(got.kind);
    return all;
  }

  Rig rig;
  discovery::EmbeddedDiscovery discovery;
  discovery::Settings settings{discovery};
  SharedKv kv{discovery};
  Seen<FakeService::Got> seen;  // by the remote service
  std::shared_ptr<FakeService> remote = [this] {
    auto fake = std::make_shared<FakeService>();
    fake->on_deliver = [this](const Envelope& e) {
      seen.push({.kind = e.kind,
                 .msg_id = e.msg_id,
                 .status = e.status,
                 .call = e.call,
                 .body = {reinterpret_cast<const char*>(e.body.data()), e.body.size()}});
    };
    return fake;
  }();
  std::shared_ptr<FakeService> agent = std::make_shared<FakeService>();
  std::shared_ptr<FakeService> hub = std::make_shared<FakeService>();
  routing::ServiceRef remote_ref{};
  routing::ServiceRef agent_ref{};
  routing::ServiceRef hub_ref{};
  routing::ServiceRef self{};
  std::uint64_t asked = 0;
  std::string events;
  std::unique_ptr<PluginManager> manager;
};
INSTANTIATE_TEST_SUITE_P(Released, Snapshot, testing::ValuesIn(snapshots()),
                         [](const auto& test) { return test.param; });

TEST_P(Snapshot, IsToldWhoItIs) {
  EXPECT_EQ(ask("host"), GetParam() + "#0@test " + GetParam() + " test 0 self abi 1 initialised");
  EXPECT_EQ(manager->list().at(0).manifest.messages.size(), 2U);
}

TEST_P(Snapshot, SendsCallsAndAnswers) {
  EXPECT_EQ(ask("send"), "send 0, to nobody 4");
  EXPECT_TRUE(seen.wait_for([](const auto& e) { return e.kind == Kind::message && e.body == "sent"; }));
  const auto waiting = begin("call");
  const auto ping = seen.wait_for([](const auto& e) { return e.kind == Kind::call; });
  ASSERT_TRUE(ping);
  EXPECT_EQ(ping->body, "ping");
  deliver({.kind = Kind::reply, .msg_id = kDone, .from = remote_ref, .call = ping->call}, "pong");
  EXPECT_EQ(end(waiting), "answered 0 " + std::to_string(kDone) + " pong");
  EXPECT_EQ(ask("refuse"), "status 11");
  EXPECT_EQ(ask("no such word"), "status 9");
  EXPECT_EQ(end(begin("timer", kDone)), "status 10");
}

TEST_P(Snapshot, TimersAndJobsComeBackByName) {
  EXPECT_EQ(ask("timer"), "tick of a timer");
  EXPECT_EQ(ask("cancel"), "start 0, cancel 0, again 6, the clock goes forward");
  EXPECT_EQ(ask("offload"), "worked 0 desserts");
}

TEST_P(Snapshot, ReadsAndFollowsItsSettings) {
  EXPECT_EQ(ask("settings"), "0a0568656c6c6f1007");  // word: "hello" number: 7
  std::promise<bool> done;
  settings.set(GetParam() + "/number", "8", false, [&](const auto& written) { done.set_value(written.has_value()); });
  EXPECT_TRUE(done.get_future().get());
  EXPECT_TRUE(told("settings 0a0568656c6c6f1008; "));
}

TEST_P(Snapshot, LogsAndMeasures) {
  EXPECT_EQ(ask("log"), "errors are logged");
  EXPECT_EQ(ask("metrics"), "two metrics, and no bad name");
  using Metrics = std::vector<std::pair<std::string, std::int64_t>>;
  EXPECT_EQ(manager->list().at(0).services.at(0).metrics, (Metrics{{"counted", 3}, {"measured", -4}}));
}

TEST_P(Snapshot, FindsOtherServices) {
  EXPECT_EQ(ask("directory"),
            "found 13 remote#0@test [remote#0@test remote test 0 ]0 picked it [remote#0@test remote test 0 ]");
  const auto later = rig.put_remote("later#1@test", std::make_shared<FakeService>());
  EXPECT_TRUE(told("later#1@test up; "));
  rig.registry.remove(later);
  EXPECT_TRUE(told("later#1@test down; "));
}

TEST_P(Snapshot, UsesChannels) {
  EXPECT_EQ(ask("channel"), "subscribe 0, publish 0, unsubscribe 6");
  proto::ChannelMessageACK message;
  message.set_channel("news");
  message.set_msg_id(kDone);
  message.set_body("good");
  message.set_from("remote#0@test");
  message.set_lost(2);
  deliver({.kind = Kind::message, .msg_id = message_id("protoChannelMessageACK"), .from = hub_ref},
          message.SerializeAsString());
  EXPECT_TRUE(told("heard " + std::to_string(kDone) + " good of news, lost 2; "));
}

TEST_P(Snapshot, ReachesClients) {
  EXPECT_EQ(ask("clients"), "send 0, list 0, broadcast 0, bind 0, unbind 0, close 0, close list 0, close all 0");
  EXPECT_EQ(kinds(*agent), (std::vector<Kind>{Kind::to_client, Kind::to_clients, Kind::broadcast, Kind::bind,
                                              Kind::unbind, Kind::close_client, Kind::close_clients, Kind::close_all}));
  deliver({.kind = Kind::client_closed, .status = CM_CLOSE_IDLE, .client = {agent_ref, 9}});
  EXPECT_TRUE(told("closed 9 7; "));
}

TEST_P(Snapshot, IsAGateway) {
  EXPECT_EQ(ask("gateway"),
            "port 4711, update 0, intercept 0, release 0, admit 0, bind 0, unbind 0, clients 7 of them admitted 3");
  EXPECT_EQ(kinds(*rig.frontends.sessions), (std::vector<Kind>{Kind::release, Kind::admit, Kind::bind, Kind::unbind}));
  EXPECT_TRUE(rig.frontends.seen.wait_for([](const auto& s) { return s == "open 127.0.0.1"; }));
  EXPECT_TRUE(rig.frontends.seen.wait_for([](const auto& s) { return s == "update 10"; }));
  deliver({.kind = Kind::client_opened, .client = {self, 41}});
  deliver({.kind = Kind::rebound, .from = remote_ref, .client = {self, 41}});
  EXPECT_TRUE(told("opened 41; rebound 41 from one to none; "));
}

TEST_P(Snapshot, HasSeveralListeners) {
  if (GetParam() == "abi_1_0") GTEST_SKIP() << "since 1.1";
  EXPECT_EQ(ask("listeners"),
            "open again 4, add 0, number 2, update 0, of none 6, list [1 1 4711 tcp://host:4711]"
            " [2 3 4712 ws://host:4712/] 0");
  EXPECT_TRUE(rig.frontends.seen.wait_for([](const auto& s) { return s == "add ws text/plain page"; }));
  EXPECT_TRUE(rig.frontends.seen.wait_for([](const auto& s) { return s == "update 2 *"; }));
}

TEST_P(Snapshot, WritesAuditRecordsSince12) {
  if (GetParam() != "abi_1_2") {
    EXPECT_EQ(ask("audit"), "status 9");
    return;
  }
  const cm::test::CapturedAudit audit;
  EXPECT_EQ(ask("audit"), "write 0, no fields 4, the host's name 4, too large 5");
  EXPECT_EQ(audit.records().size(), 1U);
  EXPECT_THAT(
      audit.records(),
      testing::Contains(testing::StartsWith("audit uid=ann%201%0a amount=-100 note= service=abi_1_2#0@test host=")));
}

TEST_P(Snapshot, SharesEntriesSince11) {
  if (GetParam() == "abi_1_0") {
    EXPECT_EQ(ask("kv"), "status 9");
    return;
  }
  EXPECT_EQ(ask("kv"), "watch 0, publish 0, no name 4, remove 0, unwatch 6");
  EXPECT_TRUE(told("entry notes/one good; "));
  kv.remove(remote_ref, "notes/one");  // kept by who published it
  discovery.put("cellmesh/shared/notes/three", "by hand", [](const auto&) {});
  EXPECT_TRUE(told("entry notes/three by hand; "));
  EXPECT_EQ(events.find("gone"), std::string::npos) << events;
  ASSERT_TRUE(manager->reload(GetParam()).status);
  EXPECT_TRUE(told("resumed; entry notes/one good; entry notes/three by hand; "));
  discovery.remove("cellmesh/shared/notes/three", [](const auto&) {});
  EXPECT_TRUE(told("entry notes/three gone; "));
}

TEST_P(Snapshot, SaysItsHealthSince12) {
  if (GetParam() == "abi_1_0" || GetParam() == "abi_1_1") GTEST_SKIP() << "since 1.2";
  EXPECT_EQ(ask("health"), "no reason 4, unhealthy 0, sick, picked 0, healthy 0, ");
}

TEST_P(Snapshot, ToldWhereClientsComeFromSince11) {
  const std::string address = "203.0.113.7";
  deliver({.kind = Kind::client_opened, .status = CM_TRANSPORT_WS, .client = {self, 41}}, address);
  EXPECT_TRUE(told(GetParam() == "abi_1_0" ? "opened 41; "
                   : GetParam() == "abi_1_1"
                       ? "client 41 from 203.0.113.7; opened 41; "
                       : "client 41 from 203.0.113.7; client 41 by 3 from 203.0.113.7; opened 41; "));
}

TEST_P(Snapshot, SetsTheProtocolOfClientsSince12) {
  if (GetParam() == "abi_1_0" || GetParam() == "abi_1_1") {
    EXPECT_EQ(ask("protocol"), "status 9");
    return;
  }
  EXPECT_EQ(ask("protocol"), "default 0, client 0, of another 4, none 4");
  EXPECT_EQ(kinds(*rig.frontends.sessions), (std::vector<Kind>{Kind::protocol}));
  EXPECT_TRUE(rig.frontends.seen.wait_for([](const auto& s) { return s == "protocol 1"; }));
}

TEST_P(Snapshot, FaultsAreItsOwn) {
  EXPECT_EQ(ask("fault"), "status 8");
  const auto service = manager->list().at(0).services.at(0);
  EXPECT_EQ(service.faults, 1U);
  EXPECT_NE(service.last_fault.find("as it was asked"), std::string::npos) << service.last_fault;
}

TEST_P(Snapshot, StateTablesAndWhatWaitsGoOverInAReload) {
  EXPECT_EQ(ask("note"), "c2 of 2");  // SetUp asked before
  EXPECT_EQ(ask("note"), "c2 d3 of 3");
  const auto waiting = begin("call");
  const auto ping = seen.wait_for([](const auto& e) { return e.kind == Kind::call; });
  ASSERT_TRUE(ping);
  const auto report = manager->reload(GetParam());
  ASSERT_TRUE(report.status) << report.status.error().text;
  EXPECT_EQ(report.to, report.from + 1);
  deliver({.kind = Kind::reply, .msg_id = kDone, .from = remote_ref, .call = ping->call}, "pong");
  EXPECT_EQ(end(waiting), "answered 0 " + std::to_string(kDone) + " pong");
  EXPECT_TRUE(told("resumed; "));
  EXPECT_NE(events.find("2 notes; "), std::string::npos) << events;
  EXPECT_NE(events.find("loaded from 1.0.0; "), std::string::npos) << events;
  EXPECT_EQ(ask("note").substr(0, 6), "c2 d3 ");
}

}  // namespace
}  // namespace cm::plugin::test
