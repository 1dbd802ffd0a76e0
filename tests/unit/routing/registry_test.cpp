#include "routing/registry.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace cm::routing {
namespace {

class Sink : public Destination {
 public:
  Delivery deliver(const Envelope& e) override {
    kinds.push_back(e.kind);
    return Delivery::sent;
  }
  std::vector<Kind> kinds;
};

struct RegistryTest : ::testing::Test {
  Names names;
  Registry registry{names};
  std::shared_ptr<Sink> mailbox = std::make_shared<Sink>();
  std::shared_ptr<Sink> clients = std::make_shared<Sink>();

  ServiceEntry entry(const std::string& id) {
    ServiceEntry e;
    e.ref = names.service(id);
    e.kind = names.kind_of(e.ref);
    e.mailbox = mailbox;
    return e;
  }
};

TEST_F(RegistryTest, TheKindOfAnEnvelopeChoosesMailboxOrClients) {
  auto agent = entry("agent#0@dev");
  agent.clients = clients;
  ASSERT_TRUE(registry.put(agent));
  Envelope e;
  e.to = agent.ref;
  EXPECT_EQ(Registry::deliver(*registry.snapshot(), e), Delivery::sent);
  e.kind = Kind::to_client;
  EXPECT_EQ(Registry::deliver(*registry.snapshot(), e), Delivery::sent);
  EXPECT_EQ(mailbox->kinds.size(), 1U);
  EXPECT_EQ(clients->kinds.size(), 1U);
}

TEST_F(RegistryTest, AServiceThatIsNotUpIsGone) {
  Envelope e;
  e.to = names.service("game#0@dev");
  EXPECT_EQ(Registry::deliver(*registry.snapshot(), e), Delivery::gone);
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  e.kind = Kind::broadcast;  // it has no clients
  EXPECT_EQ(Registry::deliver(*registry.snapshot(), e), Delivery::gone);
  EXPECT_TRUE(registry.remove(e.to));
  EXPECT_FALSE(registry.remove(e.to));
}

TEST_F(RegistryTest, AnIdThatIsUpOnAnotherHostIsRefusedWithTheCure) {
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  auto twin = entry("game#0@dev");
  twin.host = "1@dev";
  const auto status = registry.put(twin);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("--index"), std::string::npos);
}

TEST_F(RegistryTest, PickTakesTheLowerLoadOfTwo) {
  for (const auto* id : {"game#0@dev", "game#1@dev"}) ASSERT_TRUE(registry.put(entry(id)));
  registry.set_load(names.service("game#0@dev"), 5, 60'000);
  registry.set_load(names.service("game#1@dev"), 3, 60'000);
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game"))->ref, names.service("game#1@dev"));
}

TEST_F(RegistryTest, PickNeverTakesTheHighestLoadOfMany) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back("game#" + std::to_string(i) + "@dev");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_TRUE(registry.put(entry(ids[i].c_str())));
    registry.set_load(names.service(ids[i]), i * 10'000, 60'000);
  }
  std::map<ServiceRef, int> picked;
  for (int i = 0; i < 1'000; ++i) ++picked[Registry::pick(*registry.snapshot(), names.kind("game"))->ref];
  EXPECT_FALSE(picked.contains(names.service(ids[4])));
  EXPECT_GT(picked[names.service(ids[0])], picked[names.service(ids[2])]);
}

TEST_F(RegistryTest, PicksSpreadABurstBetweenTwoReports) {
  for (const auto* id : {"game#0@dev", "game#1@dev"}) {
    ASSERT_TRUE(registry.put(entry(id)));
    registry.set_load(names.service(id), 0, 60'000);
  }
  std::map<ServiceRef, int> picked;
  for (int i = 0; i < 300; ++i) {
    // One of the two reports late, and not all of those who are on their way.
    if (i == 100) registry.set_load(names.service("game#0@dev"), 20, 60'000);
    ++picked[Registry::pick(*registry.snapshot(), names.kind("game"))->ref];
  }
  EXPECT_NEAR(picked[names.service("game#0@dev")], 150, 2);
}

TEST_F(RegistryTest, ReportTakesTheCountedPicksAway) {
  for (const auto* id : {"game#0@dev", "game#1@dev"}) {
    ASSERT_TRUE(registry.put(entry(id)));
    registry.set_load(names.service(id), 0, 60'000);
  }
  const auto pick = [&] { return Registry::pick(*registry.snapshot(), names.kind("game"))->ref; };
  for (int i = 0; i < 100; ++i) pick();
  registry.set_load(names.service("game#0@dev"), 50, 60'000);
  registry.set_load(names.service("game#1@dev"), 60, 60'000);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pick(), names.service("game#0@dev"));
}

TEST_F(RegistryTest, PickPassesUnhealthyServicesOver) {
  auto sick = entry("game#0@dev");
  sick.unhealthy = "its database is away";
  ASSERT_TRUE(registry.put(sick));
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game")), nullptr);
  ASSERT_TRUE(registry.put(entry("game#1@dev")));
  registry.set_load(sick.ref, 0, 60'000);
  registry.set_load(names.service("game#1@dev"), 1000, 60'000);
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game"))->ref, names.service("game#1@dev"));
  Envelope e;
  e.to = sick.ref;
  EXPECT_EQ(Registry::deliver(*registry.snapshot(), e), Delivery::sent) << "what is bound to it stays";
}

TEST_F(RegistryTest, PickBreaksTiesAtRandom) {
  for (const auto* id : {"game#0@dev", "game#1@dev"}) {
    ASSERT_TRUE(registry.put(entry(id)));
    registry.set_load(names.service(id), 7, 60'000);
  }
  std::set<ServiceRef> picked;
  for (int i = 0; i < 200; ++i) picked.insert(Registry::pick(*registry.snapshot(), names.kind("game"))->ref);
  EXPECT_EQ(picked.size(), 2U);
}

TEST_F(RegistryTest, PickPutsUnknownLoadLastAndSkipsWhatIsGoingDown) {
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  ASSERT_TRUE(registry.put(entry("game#1@dev")));
  registry.set_load(names.service("game#1@dev"), 1000, 60'000);
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game"))->ref, names.service("game#1@dev"));
  registry.set_load(names.service("game#1@dev"), 1000, 0);  // expired
  EXPECT_FALSE(Registry::load_known(registry.find(names.service("game#1@dev")).value()));
  registry.update(names.service("game#1@dev"), [](ServiceEntry& e) { e.draining = true; });
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game"))->ref, names.service("game#0@dev"));
  registry.remove(names.service("game#0@dev"));
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("game")), nullptr);
}

TEST_F(RegistryTest, PickTakesWhatIsNotReachableOnlyWhenNoOtherIsThere) {
  ASSERT_TRUE(registry.put(entry("agent#0@dev")));
  ASSERT_TRUE(registry.put(entry("agent#1@dev")));
  registry.set_load(names.service("agent#0@dev"), 0, 60'000);
  registry.update(names.service("agent#0@dev"), [](ServiceEntry& e) { e.reachable = false; });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("agent"))->ref, names.service("agent#1@dev"));
  }
  registry.remove(names.service("agent#1@dev"));
  EXPECT_EQ(Registry::pick(*registry.snapshot(), names.kind("agent"))->ref, names.service("agent#0@dev"));
}

TEST_F(RegistryTest, ListenersHearUpChangedAndDown) {
  std::vector<Registry::Event> events;
  registry.listen([&](Registry::Event event, std::span<const ServiceRef>) { events.push_back(event); });
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  registry.remove(names.service("game#0@dev"));
  registry.notify_room(ServiceRef::none);
  using E = Registry::Event;
  EXPECT_EQ(events, (std::vector<E>{E::up, E::changed, E::down, E::room}));
}

TEST_F(RegistryTest, ManyChangesAtOnceAreOneSnapshotAndToldOnce) {
  ASSERT_TRUE(registry.put(entry("game#0@dev")));
  auto twin = entry("game#0@dev");
  twin.host = "other";
  std::vector<std::pair<Registry::Event, std::size_t>> told;
  registry.listen(
      [&](Registry::Event event, std::span<const ServiceRef> refs) { told.emplace_back(event, refs.size()); });
  const auto version = (*registry.snapshot()).version;
  registry.change([&](Registry::Change& change) {
    for (int i = 1; i < 100; ++i) EXPECT_TRUE(change.put(entry("game#" + std::to_string(i) + "@dev")));
    EXPECT_FALSE(change.put(twin));
    EXPECT_TRUE(change.update(names.service("game#5@dev"), [](ServiceEntry& e) { e.draining = true; }));
    EXPECT_TRUE(change.remove(names.service("game#7@dev")));
    EXPECT_FALSE(change.remove(names.service("game#7@dev")));
    EXPECT_FALSE(registry.find(names.service("game#1@dev"))) << "not yet";
  });
  const auto now = registry.snapshot();
  EXPECT_EQ(now->version, version + 1);
  EXPECT_EQ(now->entries.size(), 99U);
  EXPECT_EQ(now->by_kind[static_cast<std::size_t>(names.kind("game"))].size(), 99U);
  EXPECT_TRUE(now->find(names.service("game#5@dev"))->draining);
  EXPECT_EQ(now->find(names.service("game#7@dev")), nullptr);
  using E = Registry::Event;
  EXPECT_EQ(told, (std::vector<std::pair<E, std::size_t>>{{E::up, 99}, {E::changed, 1}, {E::down, 1}}));
  registry.change([](Registry::Change&) {});
  EXPECT_EQ((*registry.snapshot()).version, version + 1);
}

TEST_F(RegistryTest, ASnapshotSharesWhatStayedTheSame) {
  constexpr int kServices = 12'000;
  registry.change([&](Registry::Change& change) {
    for (int i = 0; i < kServices; ++i) EXPECT_TRUE(change.put(entry("game#" + std::to_string(i) + "@dev")));
  });
  const auto before = registry.snapshot();
  ASSERT_TRUE(registry.put(entry("chat#0@dev")));
  const auto now = registry.snapshot();
  std::size_t copied = 0;
  std::size_t seen = 0;
  for (const auto& e : before->entries) {
    ++seen;
    if (now->find(e.ref) != &e) ++copied;
  }
  EXPECT_EQ(seen, static_cast<std::size_t>(kServices));
  EXPECT_LT(copied, 100U);
}

TEST_F(RegistryTest, AViewSeesEveryChangeWhileOthersMakeThem) {
  std::atomic<bool> done{false};
  std::thread changer([&] {
    for (int i = 0; i < 2'000; ++i) {
      (void)registry.put(entry("game#0@dev"));
      registry.remove(names.service("game#0@dev"));
    }
    (void)registry.put(entry("game#1@dev"));
    done = true;
  });
  Registry::View view(registry);
  std::uint64_t last = 0;
  while (!done) {
    const auto& snapshot = view.get();
    EXPECT_GE(snapshot.version, last);
    last = snapshot.version;
    EXPECT_LE(snapshot.entries.size(), 1U);
  }
  changer.join();
  EXPECT_NE(view.get().find(names.service("game#1@dev")), nullptr);
}

}  // namespace
}  // namespace cm::routing
