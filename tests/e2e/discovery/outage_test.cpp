#include <atomic>
#include <thread>

#include "discovery/settings.hpp"
#include "e2e/discovery/fixture.hpp"
#include "support/captured_log.hpp"
#include "support/consul.hpp"

namespace cm::discovery {
namespace {

using test::ConsulServer;
using testing::HasSubstr;
using namespace std::chrono_literals;

bool reachable(Node& node, bool wanted) {
  return eventually([&] { return node.discovery->state().reachable == wanted; });
}

TEST(OutageTest, ConsulAbsentAtStartIsWaitedForAndSaid) {
  test::CapturedLog log(base::Room::discovery);
  ConsulServer consul;
  consul.kill9();
  Node node(patient(consul.url()));
  node.discovery->register_service(service("game", 0));
  node.watch({"game"});
  node.watch_kv("t/");
  EXPECT_TRUE(log.wait_for("Consul at " + consul.url()));
  EXPECT_TRUE(log.wait_for("--consul URL"));
  EXPECT_FALSE(node.discovery->state().reachable);
  EXPECT_THAT(node.discovery->state().last_error, HasSubstr(consul.url()));
  EXPECT_THAT(node.put("t/a", "1").error().text, HasSubstr(consul.url()));
  EXPECT_EQ(node.ready.size(), 0U);
  // At once, and then every five seconds.
  EXPECT_TRUE(eventually([&] { return log.count("waiting for it") >= 2; }));
  EXPECT_LE(log.count("waiting for it"), 3U);
  consul.start();
  EXPECT_TRUE(node.ready.wait_for_any());
  EXPECT_TRUE(node.sees({service("game", 0)}));
  EXPECT_FALSE(node.kv.wait_for_any()->lost);
  EXPECT_TRUE(node.discovery->state().reachable);
  EXPECT_EQ(node.discovery->state().last_error, "");
}

TEST(OutageTest, AConsulThatRestartsEmptyGetsEverythingBack) {
  ConsulServer consul;
  Node owner(patient(consul.url()));
  Node watcher(patient(consul.url()));
  ASSERT_TRUE(owner.ready.wait_for_any());
  owner.discovery->register_service(service("game", 0));
  owner.discovery->register_service(service("game", 1));
  watcher.watch({"game"});
  const std::vector<ServiceRecord> both{service("game", 0), service("game", 1)};
  ASSERT_TRUE(watcher.sees(both));
  EXPECT_TRUE(owner.put("cellmesh/routes/game", "v1"));
  watcher.watch_kv("cellmesh/routes/");
  ASSERT_TRUE(watcher.sees_value("cellmesh/routes/game", "v1"));
  // The owner of the value keeps it and writes it back.
  Seen<int> owner_knows;
  owner.discovery->watch_kv("cellmesh/routes/", [&](const KvMap& map, bool lost) {
    if (lost && !map.contains("cellmesh/routes/game"))
      owner.discovery->put_if("cellmesh/routes/game", "v1", 0, [](const base::Status&) {});
    owner_knows.push(1);
  });
  ASSERT_TRUE(owner_knows.wait_for_any());
  const auto services_before = watcher.services.size();
  const auto kv_before = watcher.kv.size();

  consul.kill9();
  EXPECT_TRUE(reachable(owner, false));
  EXPECT_TRUE(reachable(watcher, false));
  consul.start();

  EXPECT_TRUE(
      eventually([&] { return consul.get("/v1/catalog/service/game").find("game#1@dev") != std::string::npos; }));
  EXPECT_TRUE(watcher.kv.wait_for([](const Node::Kv& k) { return k.lost; }, kv_before));
  EXPECT_TRUE(watcher.sees_value("cellmesh/routes/game", "v1", kv_before));
  EXPECT_EQ(consul.kv_get("cellmesh/routes/game"), "v1");
  // Nothing was ever reported as gone, nor a key as deleted.
  const auto reports = watcher.services.all();
  for (std::size_t i = services_before; i < reports.size(); ++i) EXPECT_EQ(reports[i], both);
  const auto values = watcher.kv.all();
  for (std::size_t i = kv_before; i < values.size(); ++i)
    EXPECT_TRUE(values[i].lost || values[i].map.contains("cellmesh/routes/game"));
  // And what goes from now on is seen.
  owner.discovery->deregister_service("game#1@dev");
  EXPECT_TRUE(watcher.sees({service("game", 0)}, services_before));
}

TEST(OutageTest, AServiceThatDiedMeanwhileIsGoneAfterItsTime) {
  ConsulServer consul;
  auto owner = std::make_unique<Node>(quick(consul.url()));
  Node watcher(quick(consul.url()));
  owner->discovery->register_service(service("game", 0));
  watcher.watch({"game"});
  ASSERT_TRUE(watcher.sees({service("game", 0)}));
  consul.kill9();
  EXPECT_TRUE(reachable(watcher, false));
  owner.reset();
  consul.start();
  EXPECT_TRUE(reachable(watcher, true));
  const auto before = watcher.services.size();
  EXPECT_TRUE(watcher.sees({}, before));
}

TEST(OutageTest, AConsulThatComesBackWithItsDataHasLostNothing) {
  ConsulServer consul(ConsulServer::Data::keeps);
  Node node(patient(consul.url()));
  node.discovery->register_service(service("game", 0));
  node.watch({"game"});
  ASSERT_TRUE(node.sees({service("game", 0)}));
  EXPECT_TRUE(node.put("t/a", "1"));
  node.watch_kv("t/");
  ASSERT_TRUE(node.sees_value("t/a", "1"));
  const auto services_before = node.services.size();
  const auto kv_before = node.kv.size();
  consul.kill9();
  EXPECT_TRUE(reachable(node, false));
  consul.start();
  // Told once more, so that what failed meanwhile may be tried again.
  const auto again = node.kv.wait_for_any(kv_before);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->lost);
  EXPECT_EQ(again->map.at("t/a").value, "1");
  consul.kv_delete("t/a");
  const auto gone = node.kv.wait_for([](const Node::Kv& k) { return k.map.empty(); }, kv_before);
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->lost);
  EXPECT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  EXPECT_EQ(node.services.size(), services_before);
}

TEST(OutageTest, ARestartTooQuickToBeNoticedIsNoticedByWhatIsLost) {
  ConsulServer consul;
  Node node(patient(consul.url()));
  node.discovery->register_service(service("game", 0));
  node.watch({"game"});
  EXPECT_TRUE(node.ready.wait_for_any());
  EXPECT_TRUE(node.put("t/a", "1"));
  node.watch_kv("t/");
  ASSERT_TRUE(node.sees_value("t/a", "1"));
  ASSERT_TRUE(node.sees({service("game", 0)}));
  const auto before = node.kv.size();
  consul.kill9();
  consul.start();
  EXPECT_TRUE(node.kv.wait_for([](const Node::Kv& k) { return k.lost; }, before));
  EXPECT_TRUE(eventually([&] { return consul.get("/v1/catalog/service/game").size() > 10; }));
  for (const auto& all : node.services.all()) EXPECT_LE(all.size(), 1U);
  EXPECT_EQ(node.services.all().back().size(), 1U);
}

TEST(OutageTest, AFrozenConsulIsNoticedAndNothingIsInvented) {
  ConsulServer consul;
  Node node(quick(consul.url()));
  node.discovery->register_service(service("game", 0));
  node.watch({"game"});
  node.watch_kv("t/");
  ASSERT_TRUE(node.sees({service("game", 0)}));
  ASSERT_TRUE(node.kv.wait_for_any());
  const auto before = node.services.size();
  consul.freeze();
  EXPECT_TRUE(reachable(node, false));
  EXPECT_EQ(node.services.size(), before);
  consul.thaw();
  EXPECT_TRUE(reachable(node, true));
  EXPECT_TRUE(eventually([&] { return consul.get("/v1/health/service/game?passing=1").size() > 10; }));
  consul.kv_put("t/a", "1");
  EXPECT_TRUE(node.sees_value("t/a", "1"));
  for (const auto& report : node.services.all()) EXPECT_LE(report.size(), 1U);
  EXPECT_EQ(node.services.size(), before);
}

TEST(OutageTest, RequestsUnderWayEndWithTheCause) {
  ConsulServer consul;
  Node node(quick(consul.url()));
  ASSERT_TRUE(node.ready.wait_for_any());
  consul.freeze();
  Seen<base::Status> outcomes;
  for (int i = 0; i < 100; ++i) node.discovery->put("t/a", "1", [&](base::Status s) { outcomes.push(std::move(s)); });
  EXPECT_TRUE(outcomes.wait_for_any(99));
  for (const auto& outcome : outcomes.all()) EXPECT_THAT(outcome.error().text, HasSubstr("no answer"));
  consul.thaw();
}

TEST(OutageTest, StopWithoutConsulIsQuickAndEndsWhatIsUnderWay) {
  ConsulServer consul;
  Node node(quick(consul.url()));
  node.discovery->register_service(service("game", 0));
  ASSERT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  consul.freeze();
  std::atomic<int> ended{0};
  for (int i = 0; i < 10; ++i) node.discovery->put("t/a", "1", [&](const base::Status&) { ++ended; });
  const auto start = std::chrono::steady_clock::now();
  node.discovery->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  EXPECT_EQ(ended, 10);
  consul.thaw();
}

TEST(OutageTest, SettingsSurviveAConsulThatRestartsEmpty) {
  ConsulServer consul;
  Node node(patient(consul.url()));
  ASSERT_TRUE(node.ready.wait_for_any());
  consul.kv_put("cellmesh/config/game/motd", "of a service that does not run now");
  consul.kv_put("cellmesh/config/agent/heartbeat_sec", "30");
  SettingField field;
  field.name = "heartbeat_sec";
  field.number = 1;
  field.type = SettingType::int32;
  field.default_value = "5";
  Seen<std::string> seen;
  Settings settings(*node.discovery);
  settings.declare("agent", "0@dev", {field}, {}, [&](const auto& c) { seen.push(c.values.at("heartbeat_sec")); });
  ASSERT_TRUE(seen.wait_for([](const std::string& v) { return v == "30"; }));
  consul.kill9();
  EXPECT_TRUE(reachable(node, false));
  consul.start();
  EXPECT_TRUE(eventually([&] { return consul.kv_get("cellmesh/config/agent/heartbeat_sec") == "30"; }));
  EXPECT_TRUE(eventually([&] { return consul.kv_get("cellmesh/config/game/motd").has_value(); }));
  EXPECT_EQ(seen.size(), 1U);
  consul.kv_put("cellmesh/config/agent/heartbeat_sec", "31");
  EXPECT_TRUE(seen.wait_for([](const std::string& v) { return v == "31"; }));
}

TEST(OutageTest, RestartsUnderLoadLoseNoRegistrationAndNoWatch) {
  ConsulServer consul;
  Node node(patient(consul.url()));
  for (std::uint32_t i = 0; i < 10; ++i) node.discovery->register_service(service("game", i));
  node.watch({"game"});
  node.watch_kv("t/");
  ASSERT_TRUE(node.services.wait_for([](const auto& all) { return all.size() == 10; }));
  std::atomic<bool> end{false};
  std::thread traffic([&] {
    for (std::uint64_t n = 0; !end; ++n) {
      (void)node.put("t/a", std::to_string(n));
      auto record = service("game", static_cast<std::uint32_t>(n % 10));
      record.load = n;
      node.discovery->register_service(record);
    }
  });
  for (int i = 0; i < 3; ++i) {
    consul.kill9();
    consul.start();
    EXPECT_TRUE(eventually([&] {
      const auto reply = consul.request("GET", "/v1/agent/services");
      std::size_t there = 0;
      for (std::size_t at = 0; (at = reply.body.find("\"Service\": \"game\"", at)) != std::string::npos; ++at) ++there;
      return there == 10;
    }));
  }
  end = true;
  traffic.join();
  EXPECT_TRUE(reachable(node, true));
  const auto before = node.kv.size();
  EXPECT_TRUE(node.put("t/end", "1"));
  EXPECT_TRUE(node.sees_value("t/end", "1", before));
  bool full = false;  // once all were there, none went
  for (const auto& all : node.services.all()) {
    EXPECT_TRUE(!full || all.size() == 10);
    full = full || all.size() == 10;
  }
}

}  // namespace
}  // namespace cm::discovery
