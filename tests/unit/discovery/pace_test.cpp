#include "discovery/pace.hpp"

#include <gtest/gtest.h>

namespace cm::discovery {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, GrowsToItsMostAndNeverIsZero) {
  Backoff backoff(200ms, 5s);
  std::chrono::milliseconds most = 200ms;
  for (int i = 0; i < 12; ++i) {
    const auto wait = backoff.next();
    EXPECT_GE(wait, most / 2);
    EXPECT_LE(wait, most);
    most = std::min<std::chrono::milliseconds>(most * 2, 5s);
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), 200ms);
}

TEST(Pace, LetsABurstThroughAndThenOneAnInterval) {
  Pace pace(100ms, 3);
  const auto now = Pace::Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pace.next(now), now);
  EXPECT_EQ(pace.next(now), now + 100ms);
  EXPECT_EQ(pace.next(now), now + 200ms);
}

TEST(Pace, ForgetsABurstAfterAQuietTime) {
  Pace pace(100ms, 2);
  const auto now = Pace::Clock::now();
  for (int i = 0; i < 5; ++i) (void)pace.next(now);
  EXPECT_EQ(pace.next(now + 10s), now + 10s);
  EXPECT_EQ(pace.next(now + 10s), now + 10s);
  EXPECT_EQ(pace.next(now + 10s), now + 10s + 100ms);
}

}  // namespace
}  // namespace cm::discovery
