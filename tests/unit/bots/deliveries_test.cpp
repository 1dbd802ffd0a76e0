#include "bots/deliveries.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace cm::bots {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Rule = Deliveries::Rule;

std::uint64_t key(std::uint64_t robot, std::uint32_t count) { return robot << 32U | count; }

class DeliveriesTest : public testing::Test {
 protected:
  // A line that was taken.
  void say(std::uint64_t robot, std::uint32_t count) {
    EXPECT_TRUE(all.said("world", key(robot, count)));
    all.settled("world", key(robot, count), true);
  }
  void hear(std::uint64_t robot, std::uint64_t speaker, std::uint32_t count, std::uint64_t order = 0,
            bool old = false) {
    all.heard(robot, "world", key(speaker, count), order, old);
  }

  std::map<Rule, std::vector<std::string>> broken;
  std::map<Rule, int> held;
  Deliveries all{[this](Rule rule, const std::string& why) {
    if (why.empty()) {
      ++held[rule];
    } else {
      broken[rule].push_back(why);
    }
  }};
};

TEST_F(DeliveriesTest, WhatEverybodyHearsOnceAndInOrderHolds) {
  for (const std::uint64_t robot : {1, 2, 3}) all.join(robot, "world");
  say(1, 1), say(2, 1), say(1, 2);
  for (const std::uint64_t robot : {1, 2, 3}) hear(robot, 1, 1, 10), hear(robot, 2, 1, 11), hear(robot, 1, 2, 12);
  EXPECT_EQ(all.missing(), 0U);
  all.finish();
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_EQ(held[Rule::heard], 9);
  EXPECT_EQ(held[Rule::once], 9);
  EXPECT_EQ(held[Rule::ordered], 9);
}

TEST_F(DeliveriesTest, ALineThatOneDidNotHearIsFoundAtTheEnd) {
  all.join(1, "world"), all.join(2, "world");
  say(1, 1);
  hear(1, 1, 1);
  EXPECT_EQ(all.missing(), 1U);
  all.finish();
  ASSERT_EQ(broken[Rule::heard].size(), 1U);
  EXPECT_THAT(broken[Rule::heard][0], HasSubstr("robot 2 in world: line 1 of robot 1"));
}

TEST_F(DeliveriesTest, ALineIsHeardTwiceByNobody) {
  all.join(2, "world");
  say(1, 1);
  hear(2, 1, 1), hear(2, 1, 1);
  EXPECT_EQ(broken[Rule::once].size(), 1U);
}

TEST_F(DeliveriesTest, ALineBehindALaterOneOfItsSpeakerIsOutOfOrder) {
  all.join(2, "world");
  say(1, 1), say(1, 2);
  hear(2, 1, 2), hear(2, 1, 1);
  EXPECT_EQ(broken[Rule::ordered].size(), 1U);
}

TEST_F(DeliveriesTest, NumbersGrowAndAreTheSameForAll) {
  all.join(2, "world"), all.join(3, "world");
  say(1, 1), say(4, 1);
  hear(2, 1, 1, 8), hear(2, 4, 1, 7);
  EXPECT_EQ(broken[Rule::ordered].size(), 1U) << "8, then 7";
  hear(3, 1, 1, 9);
  EXPECT_EQ(broken[Rule::ordered].size(), 2U) << "9 for one and 8 for the other";
}

TEST_F(DeliveriesTest, ALineMayBeMissedUntilItWasTaken) {
  all.join(2, "world");
  EXPECT_TRUE(all.said("world", key(1, 1)));
  EXPECT_EQ(all.missing(), 0U);
  all.finish();
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(DeliveriesTest, ARefusedLineMustNotBeHeard) {
  all.join(2, "world");
  EXPECT_TRUE(all.said("world", key(1, 1)));
  all.settled("world", key(1, 1), false);
  hear(2, 1, 1);
  EXPECT_EQ(broken[Rule::said].size(), 1U);
  EXPECT_TRUE(all.said("world", key(1, 2)));
  hear(2, 1, 2);
  all.settled("world", key(1, 2), false);
  EXPECT_EQ(broken[Rule::said].size(), 2U) << "also when it was heard before its speaker was told";
}

TEST_F(DeliveriesTest, WhatNobodySaidMustNotBeHeard) {
  all.join(2, "world");
  hear(2, 1, 77);
  EXPECT_EQ(broken[Rule::said].size(), 1U);
}

TEST_F(DeliveriesTest, WhoCameLaterOrWentBeforeMissesNothing) {
  all.join(1, "world");
  say(1, 1);
  hear(1, 1, 1, 1);
  all.join(2, "world");
  hear(2, 1, 1, 1, true);
  all.leave_all(2);
  say(1, 2);
  hear(1, 1, 2, 2);
  all.finish();
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(DeliveriesTest, WhoWentAndHadHeardALaterLineMissedTheEarlierOne) {
  all.join(1, "world"), all.join(2, "world");
  say(1, 1), say(1, 2), say(1, 3);
  hear(1, 1, 1, 1), hear(1, 1, 2, 2), hear(1, 1, 3, 3);
  hear(2, 1, 2, 2);
  all.leave_all(2);
  all.finish();
  ASSERT_EQ(broken[Rule::heard].size(), 1U) << "line 3 may have been on its way, line 1 was not";
  EXPECT_THAT(broken[Rule::heard][0], HasSubstr("line 1 of robot 1"));
}

TEST_F(DeliveriesTest, TopicsAreApart) {
  all.join(1, "a"), all.join(2, "b");
  EXPECT_TRUE(all.said("a", key(1, 1)));
  all.settled("a", key(1, 1), true);
  all.heard(1, "a", key(1, 1), 0, false);
  all.finish();
  EXPECT_THAT(broken, IsEmpty());
}

}  // namespace
}  // namespace cm::bots
