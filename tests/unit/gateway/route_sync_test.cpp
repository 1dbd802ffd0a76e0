#include "gateway/route_sync.hpp"

#include <gtest/gtest.h>

#include "support/captured_log.hpp"
#include "unit/gateway/fake_discovery.hpp"

namespace cm::gateway {
namespace {

using routing::RouteMode;
using routing::ServiceRoutes;

ServiceRoutes game(const std::string& version = "1.0.0", RouteMode mode = RouteMode::auth) {
  return {"game", version, {{29052, "proto.ChatREQ", mode}}};
}

struct RouteSyncTest : ::testing::Test {
  FakeDiscovery discovery;
  routing::Names names;
  routing::Routes routes{names};
  int changes = 0;
  RouteSync sync{discovery, routes, [this] { ++changes; }};

  void SetUp() override {
    sync.start();
    discovery.run();
  }
  RouteMode chat() { return (*routes.table()).find(29052).mode; }
  void somebody_writes(const ServiceRoutes& value) {
    discovery.put("cellmesh/routes/game", value.to_json(), [](const base::Status&) {});
    discovery.run();
  }
  std::string in_kv() {
    return discovery.kv.contains("cellmesh/routes/game") ? discovery.kv["cellmesh/routes/game"].value : "";
  }
};

TEST_F(RouteSyncTest, WhatAPluginBringsIsPublishedAndInForce) {
  sync.publish(game());
  discovery.run();
  EXPECT_EQ(in_kv(), game().to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
  EXPECT_EQ(changes, 1);
}

TEST_F(RouteSyncTest, WhatAPluginBringsIsInForceBeforeTheKvHasIt) {
  sync.publish(game());
  EXPECT_EQ(chat(), RouteMode::auth);
  EXPECT_EQ(changes, 1);
  discovery.changed(false);  // a change of something else meanwhile
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, JunkKeysDoNotFloodTheLog) {
  test::CapturedLog log(base::Room::gateway);
  for (int i = 0; i < 10'000; ++i) discovery.kv["cellmesh/routes/junk" + std::to_string(i)].value = "{";
  discovery.changed(false);
  discovery.changed(false);
  discovery.run();
  EXPECT_GE(log.count("junk"), 100U);
  EXPECT_LE(log.count("junk"), 500U);
  base::look_after_logs(true);
  EXPECT_GE(log.count("more lines such as"), 1U);
}

TEST_F(RouteSyncTest, ANextGenerationsRoutesTakeThePlaceOfThoseBefore) {
  sync.publish(game("1.1.0"));
  discovery.run();
  sync.replace(game("1.1.0"), game("1.0.0", RouteMode::pass));  // rolled back, say
  EXPECT_EQ(chat(), RouteMode::pass) << "at once";
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.0.0", RouteMode::pass).to_json());
  sync.replace(game("1.0.0", RouteMode::pass), {"game", "1.2.0", {}});
  EXPECT_EQ(chat(), RouteMode::blocked);
}

TEST_F(RouteSyncTest, WhatSomebodyElseWroteMeanwhileStaysOverANextGenerations) {
  sync.publish(game("1.0.0"));
  discovery.run();
  sync.push(game("9.0.0", RouteMode::pass), [](const base::Status&) {});
  discovery.run();
  sync.replace(game("1.0.0"), game("1.1.0"));
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::pass);
}

TEST_F(RouteSyncTest, TheNewerPluginVersionWins) {
  sync.publish(game("1.9.0"));
  discovery.run();
  sync.publish(game("1.10.0", RouteMode::pass));
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::pass);
  sync.publish(game("1.9.0"));
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::pass);
}

TEST_F(RouteSyncTest, AnOlderHostThatWritesLaterIsReplaced) {
  sync.publish(game("1.1.0"));
  discovery.run();
  somebody_writes(game("1.0.0", RouteMode::pass));  // the KV had lost them, say, and that host was first
  EXPECT_EQ(in_kv(), game("1.1.0").to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, AnOlderPluginHereLeavesANewerOnesRoutes) {
  somebody_writes(game("1.1.0"));
  sync.publish(game("1.0.0", RouteMode::pass));
  discovery.run();
  somebody_writes(game("1.2.0"));
  EXPECT_EQ(in_kv(), game("1.2.0").to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, OfTwoThatPublishAtOnceTheNewerOneWins) {
  sync.publish(game("1.1.0"));  // looks first, and sees nothing
  discovery.put("cellmesh/routes/game", game("1.2.0", RouteMode::pass).to_json(), [](const base::Status&) {});
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.2.0", RouteMode::pass).to_json());
  sync.publish(game("1.3.0"));
  discovery.put("cellmesh/routes/game", game("1.2.5", RouteMode::pass).to_json(), [](const base::Status&) {});
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.3.0").to_json());
}

TEST_F(RouteSyncTest, AHostThatWasRolledBackDoesNotFightANewerOne) {
  sync.publish(game("1.1.0"));
  discovery.run();
  sync.replace(game("1.1.0"), game("1.0.0", RouteMode::pass));
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.0.0", RouteMode::pass).to_json()) << "its own are replaced";
  somebody_writes(game("1.1.0"));  // another host runs that still
  EXPECT_EQ(in_kv(), game("1.1.0").to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, PushedRoutesStayUntilANewerVersionIsLoaded) {
  sync.publish(game("1.1.0"));
  discovery.run();
  for (const auto* version : {"", "1.0.0", "1.1.0"}) {
    sync.push(game(version, RouteMode::pass), [](const base::Status&) {});
    discovery.run();
    EXPECT_EQ(in_kv(), game("1.1.0", RouteMode::pass).to_json());
    EXPECT_EQ(chat(), RouteMode::pass);
  }
  sync.publish(game("1.1.0"));
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::pass);
  sync.replace(game("1.1.0"), game("1.2.0"));
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.2.0").to_json());
}

TEST_F(RouteSyncTest, WhatALostKvGetsBackIsTheNewestKnown) {
  somebody_writes(game("1.1.0"));  // of a plugin of another host
  discovery.kv.clear();
  discovery.writable = false;
  discovery.changed(true);
  discovery.run();
  discovery.writable = true;
  somebody_writes(game("1.0.0", RouteMode::pass));  // a host that never saw the newer ones was first
  EXPECT_EQ(in_kv(), game("1.1.0").to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
  somebody_writes(game("1.0.0", RouteMode::pass));  // this time somebody wants it
  EXPECT_EQ(in_kv(), game("1.0.0", RouteMode::pass).to_json());
}

TEST_F(RouteSyncTest, AKvThatCameBackOlderGetsTheNewestKnown) {
  somebody_writes(game("1.1.0"));
  discovery.kv["cellmesh/routes/game"].value = game("1.0.0", RouteMode::pass).to_json();
  discovery.changed(true);
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.1.0").to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, WhatWasChangedByHandStaysForTheSameVersion) {
  sync.push(game("1.0.0", RouteMode::pass), [](const base::Status&) {});
  discovery.run();
  sync.publish(game("1.0.0", RouteMode::auth));
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::pass);
}

TEST_F(RouteSyncTest, ABrokenValueIsRefusedAndTheOldOnesStay) {
  sync.publish(game());
  discovery.run();
  discovery.kv["cellmesh/routes/game"].value = "{broken";
  discovery.changed(false);
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::auth);
  EXPECT_EQ(in_kv(), "{broken");
}

TEST_F(RouteSyncTest, ALostKvGetsTheLastKnownRoutesBack) {
  sync.push(game(), [](const base::Status&) {});  // not published by a plugin of this host
  discovery.run();
  discovery.kv.clear();
  discovery.changed(true);
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::auth);
  EXPECT_EQ(in_kv(), game().to_json());
}

TEST_F(RouteSyncTest, LostRoutesStayUntilTheKvHasThemAgain) {
  sync.push(game("1.0.0", RouteMode::pass), [](const base::Status&) {});
  discovery.run();
  sync.publish(game());  // of a plugin of this host; what stood in the KV counts
  discovery.run();
  discovery.kv.clear();
  discovery.writable = false;
  discovery.changed(true);
  discovery.changed(false);  // discovery waits no longer
  discovery.run();
  EXPECT_EQ(in_kv(), "");
  EXPECT_EQ(chat(), RouteMode::pass);
  discovery.writable = true;
  discovery.changed(false);
  discovery.run();
  EXPECT_EQ(in_kv(), game("1.0.0", RouteMode::pass).to_json());
  EXPECT_EQ(chat(), RouteMode::pass);
}

TEST_F(RouteSyncTest, RoutesThatWereLostAndWrittenBackMayBeDeleted) {
  sync.push(game(), [](const base::Status&) {});
  discovery.run();
  discovery.kv.clear();
  discovery.changed(true);
  discovery.run();
  ASSERT_EQ(in_kv(), game().to_json());
  discovery.remove("cellmesh/routes/game", [](const base::Status&) {});
  discovery.run();
  EXPECT_EQ(in_kv(), "");
  EXPECT_EQ(chat(), RouteMode::blocked);
}

TEST_F(RouteSyncTest, WhatCouldNotBePublishedIsWhenTheKvIsBack) {
  discovery.reachable = false;
  sync.publish(game());
  discovery.run();
  EXPECT_EQ(in_kv(), "");
  discovery.reachable = true;
  discovery.changed(false);
  discovery.run();
  EXPECT_EQ(in_kv(), game().to_json());
  EXPECT_EQ(chat(), RouteMode::auth);
}

TEST_F(RouteSyncTest, RoutesOfAnUnloadedPluginAreNotKeptThere) {
  sync.publish(game());
  discovery.run();
  sync.retract("game");
  discovery.remove("cellmesh/routes/game", [](const base::Status&) {});
  discovery.run();
  EXPECT_EQ(chat(), RouteMode::blocked);
  EXPECT_EQ(in_kv(), "");
}

TEST(NewerVersion, ComparesNumbersNotText) {
  EXPECT_TRUE(newer_version("1.10.0", "1.9.9"));
  EXPECT_FALSE(newer_version("1.9.9", "1.10.0"));
  EXPECT_FALSE(newer_version("1.0.0", "1.0.0"));
  EXPECT_TRUE(newer_version("2", "1.99"));
  EXPECT_FALSE(newer_version("x", "0.0.1"));
}

}  // namespace
}  // namespace cm::gateway
