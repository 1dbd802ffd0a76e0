#include "routing/names.hpp"

#include <gtest/gtest.h>

namespace cm::routing {
namespace {

TEST(ServiceName, PartsComeBackAsTheId) {
  const auto name = ServiceName::parse("game#12@dev-eu");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->kind, "game");
  EXPECT_EQ(name->index, 12U);
  EXPECT_EQ(name->group, "dev-eu");
  EXPECT_EQ(name->id(), "game#12@dev-eu");
}

TEST(ServiceName, WhatIsNoIdIsRefused) {
  for (const auto* id : {"", "game", "game#0", "#0@dev", "game#@dev", "game#x@dev", "game#0@", "game#-1@dev",
                         "game#00@dev", "game#1234567890@dev", "ga me#0@dev", "game#0@de v", "game@dev#0"}) {
    EXPECT_FALSE(ServiceName::parse(id)) << id;
  }
  EXPECT_FALSE(ServiceName::parse(std::string(100, 'a') + "#0@dev"));
}

TEST(Names, OneIdHasOneNumber) {
  Names names;
  const auto game = names.service("game#0@dev");
  EXPECT_NE(game, ServiceRef::none);
  EXPECT_EQ(names.service("game#0@dev"), game);
  EXPECT_NE(names.service("game#1@dev"), game);
  EXPECT_EQ(names.service_id(game), "game#0@dev");
  EXPECT_EQ(names.kind_name(names.kind_of(game)), "game");
}

TEST(Names, WhatDoesNotExistIsEmpty) {
  Names names;
  EXPECT_EQ(names.service("no id"), ServiceRef::none);
  EXPECT_EQ(names.service_id(static_cast<ServiceRef>(77)), "");
  EXPECT_EQ(names.kind_of(static_cast<ServiceRef>(77)), KindRef::none);
  EXPECT_EQ(names.kind_name(KindRef::none), "");
}

TEST(Names, KindsPastTheLimitAreRefused) {
  Names names;
  for (std::size_t i = 0; i < Names::Limits().max_kinds; ++i)
    ASSERT_NE(names.kind("k" + std::to_string(i)), KindRef::none);
  EXPECT_EQ(names.kind("one_more"), KindRef::none);
  EXPECT_EQ(names.service("one_more#0@dev"), ServiceRef::none);
  EXPECT_NE(names.kind("k5"), KindRef::none);
}

TEST(Names, WhatPeersNameIsHeldUntilAllLetGo) {
  Names names;
  const auto game = names.hold("game#0@dev").value();
  EXPECT_EQ(names.hold("game#0@dev").value(), game);
  names.hold(game);
  EXPECT_EQ(names.counts().held, 1U);
  for (int i = 0; i < 2; ++i) names.release(game);
  EXPECT_EQ(names.counts().held, 1U);
  names.release(game);
  EXPECT_EQ(names.counts().held, 0U);
  EXPECT_EQ(names.service_id(game), "game#0@dev") << "its number may wait in a queue";
  EXPECT_EQ(names.hold("game#0@dev").value(), game);
  EXPECT_FALSE(names.hold("no id"));
}

TEST(Names, WhatThisHostNamesStaysWhoeverLetsGo) {
  Names::Limits limits;
  limits.max_idle = 0;
  limits.idle_time = {};
  Names names(limits);
  const auto game = names.hold("game#0@dev").value();
  EXPECT_EQ(names.service("game#0@dev"), game);
  names.release(game);
  for (int i = 0; i < 100; ++i) names.release(names.hold("x#" + std::to_string(i) + "@dev").value());
  EXPECT_EQ(names.find("game#0@dev"), game);
  EXPECT_EQ(names.service_id(game), "game#0@dev");
}

TEST(Names, FreshNamesForEverTakeNoMoreMemory) {
  Names::Limits limits;
  limits.max_idle = 100;
  limits.idle_time = {};
  Names names(limits);
  const auto first = names.mention("first#0@dev");
  for (int i = 0; i < 100'000; ++i) {
    const std::string number = std::to_string(i);
    names.release(names.hold("k" + number + "#0@dev").value());  // a kind each, too
    ASSERT_LE(names.counts().services, 103U);
    ASSERT_LE(names.counts().kinds, 103U);
  }
  EXPECT_EQ(names.find("first#0@dev"), ServiceRef::none);
  EXPECT_NE(names.service_id(first), "first#0@dev");
}

TEST(Names, ThatWereLetGoLatelyAreKept) {
  Names::Limits limits;
  limits.max_idle = 0;
  limits.max_peer_services = 100;
  limits.idle_time = std::chrono::hours(1);
  Names names(limits);
  for (int i = 0; i < 100; ++i) ASSERT_NE(names.mention("x#" + std::to_string(i) + "@dev"), ServiceRef::none);
  EXPECT_NE(names.find("x#0@dev"), ServiceRef::none);
  const auto more = names.hold("more#0@dev");
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().text.find("max_peer_services"), std::string::npos);
  EXPECT_NE(names.service("own#0@dev"), ServiceRef::none) << "this host's own have room";
}

TEST(Names, PeersCannotTakeAllKinds) {
  Names names;
  base::Result<ServiceRef> last = ServiceRef::none;
  for (std::size_t i = 0; i < Names::Limits().max_kinds; ++i) last = names.hold("k" + std::to_string(i) + "#0@dev");
  ASSERT_FALSE(last);
  EXPECT_NE(last.error().text.find("max_peer_kinds"), std::string::npos);
  EXPECT_NE(names.kind("own"), KindRef::none);
}

}  // namespace
}  // namespace cm::routing
