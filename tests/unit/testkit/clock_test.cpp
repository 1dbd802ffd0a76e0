#include <gmock/gmock.h>

#include "puppet.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class Clock : public testing::Test, public OnStage {};

TEST_F(Clock, GoesOnlyWhenTheTestTurnsIt) {
  const auto now = host.now_ms();
  EXPECT_GT(now, 0U);
  EXPECT_EQ(timer().now_ms(puppet.host), now);
  host.advance(5);
  EXPECT_EQ(timer().now_ms(puppet.host), now + 5);
}

TEST_F(Clock, TimersFireInTheOrderOfTheirTimeAndThenOfTheirStart) {
  start_timer(20, 0, "c");
  start_timer(10, 0, "a");
  start_timer(20, 0, "d");
  start_timer(10, 0, "b");
  host.advance(9);
  EXPECT_THAT(puppet.seen, IsEmpty());
  host.advance(11);
  EXPECT_THAT(puppet.seen, ElementsAre("a", "b", "c", "d"));
}

TEST_F(Clock, StandsAtTheTimersTimeWhileItRuns) {
  const auto begin = host.now_ms();
  std::vector<std::uint64_t> times;
  puppet.handled = [&](const std::string& /*handler*/) { times.push_back(timer().now_ms(puppet.host) - begin); };
  start_timer(3, 4, "tick");
  host.advance(12);
  EXPECT_THAT(times, ElementsAre(3, 7, 11));
  EXPECT_EQ(host.now_ms(), begin + 12);
}

TEST_F(Clock, TimerThatATimerStartsFiresInItsTurn) {
  puppet.handled = [&](const std::string& handler) {
    if (handler == "first") start_timer(0, 0, "child");
  };
  start_timer(5, 0, "first");
  start_timer(6, 0, "last");
  host.advance(10);
  EXPECT_THAT(puppet.seen, ElementsAre("first", "child", "last"));
}

TEST_F(Clock, TimerThatAnEarlierOneOfItsTimeCancelsDoesNotFire) {
  puppet.handled = [&](const std::string& handler) {
    if (handler != "a") return;
    EXPECT_EQ(timer().cancel(puppet.host, 2), CM_OK);
  };
  start_timer(5, 0, "a");
  start_timer(5, 0, "b");
  host.advance(5);
  EXPECT_THAT(puppet.seen, ElementsAre("a"));
  EXPECT_EQ(timer().cancel(puppet.host, 1), CM_NOT_FOUND);
}

TEST_F(Clock, CallsTimeOutBehindTheTimersOfTheirTime) {
  const cm_service data = host.up("data#0@test");
  puppet.seen.clear();
  call(data, 10, "answer");
  call(data, 0, "default");
  start_timer(10, 0, "tick");
  host.advance(10);
  EXPECT_THAT(puppet.seen, ElementsAre("tick", "answer status 3"));
  host.advance(4989);
  EXPECT_EQ(host.calls().size(), 1U);
  host.advance(1);
  EXPECT_THAT(host.calls(), IsEmpty());
}

TEST_F(Clock, TimersWithoutDelayForEverAreToldAndDoNotHang) {
  puppet.handled = [&](const std::string& handler) { start_timer(0, 0, handler.c_str()); };
  start_timer(0, 0, "again");
  EXPECT_THAT([&] { host.advance(1); }, ThrowsMessage<std::runtime_error>(HasSubstr("for again")));
}

}  // namespace
}  // namespace cm::test
