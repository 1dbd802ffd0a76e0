#include "gateway/readiness.hpp"

#include <gtest/gtest.h>

namespace cm::gateway {
namespace {

TEST(Readiness, HoldsWhileNoConditionIsBlocked) {
  Readiness readiness;
  EXPECT_TRUE(readiness.ready());
  readiness.block("plugins", "plugin agent is refused");
  readiness.block("consul", "it does not answer");
  EXPECT_FALSE(readiness.ready());
  EXPECT_EQ(readiness.reason(), "it does not answer; plugin agent is refused");
  readiness.clear("consul");
  EXPECT_EQ(readiness.reason(), "plugin agent is refused");
  readiness.set("plugins", "");
  EXPECT_TRUE(readiness.ready());
  EXPECT_EQ(readiness.reason(), "");
}

TEST(Readiness, TellsEachChangeOnce) {
  int changes = 0;
  Readiness readiness([&] { ++changes; });
  readiness.block("plugins", "one");
  readiness.block("plugins", "one");
  EXPECT_EQ(changes, 1);
  readiness.block("plugins", "two");
  EXPECT_EQ(changes, 2);
  readiness.clear("plugins");
  readiness.clear("plugins");
  EXPECT_EQ(changes, 3);
}

}  // namespace
}  // namespace cm::gateway
