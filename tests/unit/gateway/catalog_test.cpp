#include <gtest/gtest.h>

#include <memory>

#include "gateway/peers.hpp"
#include "gateway/registrar.hpp"
#include "unit/gateway/fake_discovery.hpp"
#include "unit/gateway/nowhere.hpp"

namespace cm::gateway {
namespace {

discovery::ServiceRecord record(const std::string& kind, const std::string& group, const std::string& boot,
                                const std::string& mesh = "m") {
  discovery::ServiceRecord r;
  r.id = kind + "#0@" + group;
  r.kind = kind;
  r.group = group;
  r.boot = boot;
  r.mesh = mesh;
  return r;
}

struct RegistrarTest : ::testing::Test {
  FakeDiscovery discovery;
  routing::Names names;
  routing::Registry registry{names};
  int changes = 0;
  Registrar registrar{registry, discovery, [this] { ++changes; }};

  void SetUp() override {
    registry.listen([this](auto event, auto refs) { registrar.on_event(event, refs); });
  }
  void put(const char* id, const char* host = "", const char* address = "") {
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.host = host;
    entry.public_address = address;
    entry.mailbox = std::make_shared<Nowhere>();
    ASSERT_TRUE(registry.put(entry));
  }
};

TEST_F(RegistrarTest, OwnServicesAreRegisteredAndOthersAreNot) {
  put("game#0@dev");
  registrar.start({"0@dev", "m", "boot", "127.0.0.1:7"});
  put("agent#0@dev", "", "1.2.3.4:5");
  put("hub#1@dev", "1@dev");
  ASSERT_EQ(discovery.registered.size(), 2U);
  EXPECT_EQ(discovery.registered["agent#0@dev"].public_address, "1.2.3.4:5");
  EXPECT_EQ(discovery.registered["game#0@dev"].link_address, "127.0.0.1:7");
}

TEST_F(RegistrarTest, NothingIsRegisteredAgainWhileNothingChanged) {
  registrar.start({"0@dev", "m", "boot", "127.0.0.1:7"});
  put("game#0@dev");
  EXPECT_EQ(discovery.registrations, 1);
  registrar.refresh_loads();
  EXPECT_EQ(discovery.registrations, 1);
  registry.set_load(names.service("game#0@dev"), 9, 60'000);
  registrar.refresh_loads();
  EXPECT_EQ(discovery.registrations, 2);
  EXPECT_EQ(discovery.registered["game#0@dev"].load, 9U);
}

TEST_F(RegistrarTest, AServiceThatStoppedLeavesTheCatalogAndWithdrawIsFinal) {
  registrar.start({"0@dev", "m", "boot", "127.0.0.1:7"});
  put("game#0@dev");
  put("hub#0@dev");
  registry.remove(names.service("game#0@dev"));
  EXPECT_EQ(discovery.registered.size(), 1U);
  registrar.withdraw();
  EXPECT_TRUE(discovery.registered.empty());
  put("game#0@dev");
  EXPECT_TRUE(discovery.registered.empty());
}

TEST_F(RegistrarTest, HealthIsRegisteredAndTold) {
  registrar.start({"0@dev", "m", "boot", "127.0.0.1:7"});
  put("game#0@dev");
  EXPECT_EQ(changes, 1);
  registry.update(names.service("game#0@dev"), [](auto& entry) { entry.unhealthy = "sick"; });
  EXPECT_EQ(discovery.registered["game#0@dev"].unhealthy, "sick");
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(registrar.services().at("game#0@dev"), "sick");
  registry.remove(names.service("game#0@dev"));
  EXPECT_TRUE(registrar.services().empty());
  EXPECT_EQ(changes, 3);
}

struct PeersTest : ::testing::Test {
  FakeDiscovery discovery;
  std::vector<discovery::ServiceRecord> wanted;
  std::vector<std::string> conflicts;
  std::vector<std::string> namesakes;
  Peers peers{
      discovery,
      HostRecord{"0@dev", "m", "me", "127.0.0.1:7"},
      {[this](auto records) { wanted = std::move(records); }, [this](const auto& r) { conflicts.push_back(r.id); },
       [this](const auto& r) { namesakes.push_back(r.boot); }}};

  void SetUp() override {
    peers.set_rule(*LinkRule::parse("own", "dev"));
    peers.set_kinds({"game", "hub"}, {"agent"});
  }
};

TEST_F(PeersTest, NeededServicesOfTheOwnMeshWithinTheRuleAreWanted) {
  discovery.on_services({record("game", "dev", "a"), record("game", "prod", "a"), record("hub", "dev", "me"),
                         record("agent", "dev", "b"), record("hub", "dev", "c", "other")});
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].id, "game#0@dev");
  peers.set_rule(*LinkRule::parse("*", "dev"));
  EXPECT_EQ(wanted.size(), 2U);
}

TEST_F(PeersTest, AnotherHostUnderAnOwnIdIsAConflict) {
  peers.set_own({"agent#0@dev"});
  discovery.on_services({record("agent", "dev", "me")});
  EXPECT_TRUE(conflicts.empty());
  discovery.on_services({record("agent", "dev", "other")});
  EXPECT_EQ(conflicts, std::vector<std::string>{"agent#0@dev"});
}

TEST_F(PeersTest, AnotherHostOfTheOwnNameIsToldOnce) {
  auto same = record("game", "dev", "other");
  same.host = "0@dev";
  auto own = record("hub", "dev", "me");
  own.host = "0@dev";
  auto foreign = record("hub", "dev", "third", "another mesh");
  foreign.host = "0@dev";
  for (int i = 0; i < 2; ++i) discovery.on_services({same, own, foreign, record("hub", "dev", "b")});
  EXPECT_EQ(namesakes, std::vector<std::string>{"other"});
  discovery.on_services({});
  discovery.on_services({same});
  EXPECT_EQ(namesakes.size(), 2U) << "it came back";
}

TEST_F(PeersTest, OwnServicesAreListedWhenThisProcessRegisteredThem) {
  discovery.on_services({record("agent", "dev", "before"), record("game", "dev", "other")});
  EXPECT_TRUE(peers.own_listed().empty());
  discovery.on_services({record("agent", "dev", "me")});
  EXPECT_EQ(peers.own_listed(), std::set<std::string>{"agent#0@dev"});
  discovery.on_services({});
  EXPECT_TRUE(peers.own_listed().empty());
}

TEST_F(PeersTest, KnownComesWithTheFirstAnswerForTheseKinds) {
  int known = 0;
  peers.when_known([&](const auto&) { ++known; });
  EXPECT_EQ(known, 0);
  discovery.on_services({});
  EXPECT_EQ(known, 1);
  peers.when_known([&](const auto&) { ++known; });
  EXPECT_EQ(known, 2);
  peers.set_kinds({"game", "hub", "rps"}, {"agent"});
  EXPECT_EQ(discovery.watched.size(), 4U);
  peers.when_known([&](const auto&) { ++known; });
  EXPECT_EQ(known, 2);
}

}  // namespace
}  // namespace cm::gateway
