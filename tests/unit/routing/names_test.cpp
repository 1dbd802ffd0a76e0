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
  for (std::size_t i = 0; i < Names::kMaxKinds; ++i) ASSERT_NE(names.kind("k" + std::to_string(i)), KindRef::none);
  EXPECT_EQ(names.kind("one_more"), KindRef::none);
  EXPECT_EQ(names.service("one_more#0@dev"), ServiceRef::none);
  EXPECT_NE(names.kind("k5"), KindRef::none);
}

}  // namespace
}  // namespace cm::routing
