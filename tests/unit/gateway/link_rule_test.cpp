#include "gateway/link_rule.hpp"

#include <gtest/gtest.h>

namespace cm::gateway {
namespace {

bool allows(const char* rule, const char* kind, const char* group) {
  return LinkRule::parse(rule, "dev")->allows(kind, group);
}

TEST(LinkRule, OwnIsTheHostsOwnGroup) {
  EXPECT_TRUE(allows("own", "game", "dev"));
  EXPECT_FALSE(allows("own", "game", "prod"));
}

TEST(LinkRule, WildcardsMatchGroups) {
  EXPECT_TRUE(allows("*", "game", "anything"));
  EXPECT_TRUE(allows("prod-*", "game", "prod-eu"));
  EXPECT_FALSE(allows("prod-*", "game", "prod"));
  EXPECT_TRUE(allows("a?c*e", "game", "abcxxe"));
  EXPECT_FALSE(allows("a?c*e", "game", "abxxe"));
}

TEST(LinkRule, AKindWithEntriesOfItsOwnFollowsThemAlone) {
  EXPECT_TRUE(allows("own, hub=shared*", "hub", "shared1"));
  EXPECT_FALSE(allows("own, hub=shared*", "hub", "dev"));
  EXPECT_TRUE(allows("own, hub=shared*", "game", "dev"));
}

TEST(LinkRule, AnEmptyRuleLinksToNobody) { EXPECT_FALSE(allows("", "game", "dev")); }

TEST(LinkRule, ABrokenEntryIsRefusedNamingIt) {
  for (const auto* text : {"own,,x", "=dev", "hub=", " "}) EXPECT_FALSE(LinkRule::parse(text, "dev")) << text;
}

}  // namespace
}  // namespace cm::gateway
