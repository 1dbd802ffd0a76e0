#include "discovery/consul.hpp"
#include "discovery/consul_codec.hpp"
#include "e2e/discovery/fixture.hpp"
#include "support/captured_log.hpp"
#include "support/consul.hpp"

namespace cm::discovery {
namespace {

using test::ConsulServer;
using test::stays_true;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

class CatalogTest : public testing::Test {
 protected:
  std::string passing(const std::string& kind) { return consul.get("/v1/health/service/" + kind + "?passing=1"); }

  ConsulServer consul;
};

TEST_F(CatalogTest, AServiceIsListedWithAddressMetaAndHealth) {
  Node node(patient(consul.url()));
  ASSERT_TRUE(node.ready.wait_for_any());
  auto record = service("game", 0);
  record.public_address = "203.0.113.7:9000";
  node.discovery->register_service(record);
  ASSERT_TRUE(eventually([&] { return passing("game").size() > 10; }));
  const std::string listed = passing("game");
  for (const auto* part : {R"("ID": "game#0@dev")", R"("Service": "game")", R"("cellmesh")", R"("Port": 4000)",
                           R"("group": "dev")", R"("public": "203.0.113.7:9000")", R"("Status": "passing")"})
    EXPECT_THAT(listed, HasSubstr(part));
  EXPECT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  node.discovery->deregister_service("game#0@dev");
  EXPECT_TRUE(eventually([&] { return passing("game").size() < 10; }));
  EXPECT_TRUE(eventually([&] { return node.discovery->state().registered == 0; }));
}

TEST_F(CatalogTest, ServicesAskedForBeforeConsulIsReachedAreRegistered) {
  auto discovery = ConsulDiscovery::make(patient(consul.url())).value();
  discovery->register_service(service("game", 0));
  discovery->register_service(service("hub", 0));
  discovery->deregister_service("hub#0@dev");
  discovery->start(nullptr);
  EXPECT_TRUE(eventually([&] { return passing("game").size() > 10; }));
  EXPECT_LT(passing("hub").size(), 10U);
}

TEST_F(CatalogTest, AWatcherSeesServicesComeChangeAndGo) {
  Node a(patient(consul.url()));
  Node b(patient(consul.url()));
  b.watch({"game", "hub"});
  ASSERT_TRUE(b.sees({}));
  auto game = service("game", 0);
  a.discovery->register_service(game);
  EXPECT_TRUE(b.sees({game}));
  a.discovery->register_service(service("hub", 3));
  a.discovery->register_service(service("echo", 0));
  EXPECT_TRUE(b.sees({game, service("hub", 3)}));
  game.draining = true;
  a.discovery->register_service(game);
  EXPECT_TRUE(b.sees({game, service("hub", 3)}));
  a.discovery->deregister_service(game.id);
  EXPECT_TRUE(b.sees({service("hub", 3)}));
}

TEST_F(CatalogTest, StopDeregistersEverything) {
  Node b(patient(consul.url()));
  b.watch({"game"});
  {
    Node a(patient(consul.url()));
    for (std::uint32_t i = 0; i < 20; ++i) a.discovery->register_service(service("game", i));
    ASSERT_TRUE(b.services.wait_for([](const auto& all) { return all.size() == 20; }));
    a.discovery->stop();
    EXPECT_FALSE(a.discovery->state().reachable);
    EXPECT_EQ(a.discovery->state().registered, 0U);
  }
  EXPECT_LT(passing("game").size(), 10U);
  EXPECT_TRUE(b.services.wait_for([](const auto& all) { return all.empty(); }, b.services.size() - 1));
}

TEST_F(CatalogTest, ServicesOfAnotherMeshAreNotSeen) {
  Node a(patient(consul.url()));
  auto blue_config = patient(consul.url());
  blue_config.mesh = "blue";
  Node blue(blue_config);
  blue.watch({"game"});
  a.discovery->register_service(service("game", 0));
  a.discovery->register_service(service("game", 1, "blue"));
  EXPECT_TRUE(blue.sees({service("game", 1, "blue")}));
  for (const auto& all : blue.services.all()) EXPECT_LE(all.size(), 1U);
}

TEST_F(CatalogTest, AServiceWithoutHeartbeatIsGone) {
  Node b(patient(consul.url()));
  b.watch({"game"});
  ASSERT_TRUE(b.sees({}));
  // As its host would register it, which then dies.
  EXPECT_EQ(consul
                .request("PUT", "/v1/agent/service/register", R"({"ID":"game#0@dev","Name":"game","Tags":["cellmesh"],
    "Meta":{"group":"dev","index":"0","mesh":"cellmesh","host":"0@dev","boot":"boot0","link":"127.0.0.1:4000"},
    "Check":{"TTL":"5s","Status":"passing"}})")
                .status,
            200);
  const auto before = b.services.size();
  consul.kv_put("cellmesh/services/game", "game#0@dev");
  EXPECT_TRUE(b.sees({service("game", 0)}));
  EXPECT_TRUE(b.sees({}, before));
}

// Nobody announces it: another program registered it, or an older host.
TEST_F(CatalogTest, ServiceThatNobodyAnnouncesIsFoundInTime) {
  Node b(quick(consul.url()));
  b.watch({"game"});
  ASSERT_TRUE(b.sees({}));
  const auto game = service("game", 0);
  ASSERT_EQ(
      consul.request("PUT", "/v1/agent/service/register", consul::registration(game, patient(consul.url()))).status,
      200);
  EXPECT_TRUE(b.sees({game}));
  EXPECT_FALSE(consul.kv_get("cellmesh/services/game"));
}

// A host hears of those that would be in conflict with its own services, and of no others of kinds that it only
// provides.
TEST_F(CatalogTest, OfAKindThatIsOnlyProvidedConflictsAreSeen) {
  AccessRole role;
  role.host = "0@dev";
  role.provides = {"game"};
  role.needs = {"hub"};
  Node a(patient(consul.url()), role);
  a.watch({"game", "hub"});
  a.discovery->register_service(service("game", 0));
  ASSERT_TRUE(a.sees({service("game", 0)}));
  Node others(patient(consul.url()));
  others.discovery->register_service(service("game", 1));
  auto same_name = service("game", 2);
  same_name.host = "0@dev";
  others.discovery->register_service(same_name);
  EXPECT_TRUE(a.sees({service("game", 0), same_name}));
  others.discovery->register_service(service("hub", 1));
  EXPECT_TRUE(a.sees({service("game", 0), same_name, service("hub", 1)}));
  (void)consul.request(
      "PUT", "/v1/catalog/register",
      R"({"Node":"other","Address":"10.9.9.9","Service":{"ID":"game#0@dev","Service":"game","Tags":["cellmesh"],
    "Meta":{"group":"dev","index":"0","mesh":"cellmesh","host":"9@dev","boot":"boot9","link":"127.0.0.1:4000"}}})");
  consul.kv_put("cellmesh/services/game", "game#0@dev 9@dev boot9 1");
  EXPECT_TRUE(a.services.wait_for([&](const auto& all) {
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return r.boot == "boot9"; });
  }));
}

TEST_F(CatalogTest, HeartbeatsKeepAServiceForLongerThanItsTtl) {
  auto config = patient(consul.url());
  config.ttl = 6s;
  Node a(config);
  a.discovery->register_service(service("game", 0));
  ASSERT_TRUE(eventually([&] { return passing("game").size() > 10; }));
  EXPECT_TRUE(stays_true([&] { return passing("game").size() > 10; }, 8s));
}

TEST_F(CatalogTest, AServiceThatConsulForgotIsRegisteredAgain) {
  test::CapturedLog log(base::Room::discovery);
  Node a(patient(consul.url()));
  Node b(patient(consul.url()));
  b.watch({"game"});
  a.discovery->register_service(service("game", 0));
  ASSERT_TRUE(b.sees({service("game", 0)}));
  ASSERT_EQ(consul.request("PUT", "/v1/agent/service/deregister/game%230@dev").status, 200);
  EXPECT_TRUE(log.wait_for("Consul does not know it any more", spdlog::level::info));
  EXPECT_TRUE(eventually([&] { return passing("game").size() > 10; }));
  EXPECT_TRUE(eventually([&] { return b.services.all().back().size() == 1; }));
}

TEST_F(CatalogTest, LoadIsToldNowAndThenNotAtEachChange) {
  Node a(patient(consul.url()));
  Node b(patient(consul.url()));
  b.watch({"game"});
  auto game = service("game", 0);
  a.discovery->register_service(game);
  ASSERT_TRUE(b.sees({game}));
  for (std::uint64_t load = 1; load <= 500; ++load) {
    game.load = load;
    a.discovery->register_service(game);
  }
  EXPECT_TRUE(b.sees({game}));
  EXPECT_LE(b.services.size(), 4U);
}

TEST_F(CatalogTest, AnotherSetOfKindsReplacesTheFirst) {
  Node a(patient(consul.url()));
  Node b(patient(consul.url()));
  a.discovery->register_service(service("game", 0));
  a.discovery->register_service(service("hub", 0));
  Seen<int> old;
  b.discovery->watch_services({"game"}, [&](const auto&) { old.push(1); });
  ASSERT_TRUE(old.wait_for_any());
  b.watch({"hub"});
  const auto before = old.size();
  EXPECT_TRUE(b.sees({service("hub", 0)}));
  a.discovery->deregister_service("game#0@dev");
  a.discovery->register_service(service("hub", 1));
  EXPECT_TRUE(b.sees({service("hub", 0), service("hub", 1)}));
  EXPECT_EQ(old.size(), before);
}

TEST_F(CatalogTest, AHundredServicesOfOneHostAreKept) {
  Node a(patient(consul.url()));
  for (std::uint32_t i = 0; i < 100; ++i) a.discovery->register_service(service("game", i));
  EXPECT_TRUE(eventually([&] { return a.discovery->state().registered == 100; }));
}

}  // namespace
}  // namespace cm::discovery
