#include "base/log_limits.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "support/captured_log.hpp"

namespace cm::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kFile[] = "file";

struct Limits : testing::Test {
  LogLimits limits;
  LogLimits::Clock::time_point now{std::chrono::hours(1)};
  const LogLimit limit{10, seconds(2)};

  // How many of so many lines of a cause are written.
  int written(int lines, std::size_t subject = 0) {
    int n = 0;
    for (int i = 0; i < lines; ++i) n += limits.take({kFile, 1, subject}, limit, now).write ? 1 : 0;
    return n;
  }
};

TEST_F(Limits, WriteABurstThenOneAtATime) {
  EXPECT_EQ(written(10'000), 10);
  now += milliseconds(1999);
  EXPECT_EQ(written(1), 0);
  now += milliseconds(1);
  const auto verdict = limits.take({kFile, 1, 0}, limit, now);
  EXPECT_TRUE(verdict.write);
  EXPECT_EQ(verdict.left_out, 9'991U);
  now += seconds(100);
  EXPECT_EQ(written(100), 10) << "the burst is there again, and not more";
}

TEST_F(Limits, KeepCausesApart) {
  EXPECT_EQ(written(100, 1), 10);
  EXPECT_EQ(written(100, 2), 10);
  EXPECT_TRUE(limits.take({kFile, 2, 1}, limit, now).write);
}

TEST_F(Limits, TellWhatWasLeftOutOnceItIsQuiet) {
  written(12);
  limits.written({kFile, 1, 0}, 3, 4, "what they look like");
  EXPECT_TRUE(limits.take_left_out(now + seconds(4), seconds(5)).empty());
  const auto told = limits.take_left_out(now + seconds(5), seconds(5));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].lines, 2U);
  EXPECT_EQ(told[0].like, "what they look like");
  EXPECT_EQ(told[0].room, 3U);
  EXPECT_TRUE(limits.take_left_out(now + seconds(50), seconds(5)).empty()) << "once";
}

TEST_F(Limits, BoundTheirMemoryWhateverTheSubjects) {
  int lines = 0;
  for (std::size_t subject = 1; subject <= 100'000; ++subject) lines += written(1, subject);
  EXPECT_LE(limits.size(), LogLimits::kMaxCauses + 1);
  EXPECT_LE(lines, static_cast<int>(LogLimits::kMaxCauses) + 10) << "those beyond share one budget";
  now += seconds(60);
  EXPECT_EQ(written(1, 200'000), 1);
  EXPECT_LE(limits.size(), 10U) << "those that are quiet are forgotten";
}

TEST(LoggerOfARoom, LimitsLinesOfOnePlace) {
  test::CapturedLog captured(Room::routing);
  for (int i = 0; i < 10'000; ++i) log(Room::routing).warn("junk number={}", i);
  log(Room::routing).warn("something else");
  EXPECT_GE(captured.count("junk number="), 200U);
  EXPECT_LE(captured.count("junk number="), 300U);
  EXPECT_EQ(captured.count("something else"), 1U);
  look_after_logs(true);
  EXPECT_EQ(captured.count("more lines such as: junk number=199"), 1U);
}

TEST(LoggerOfARoom, LimitsLinesForEachSubject) {
  test::CapturedLog captured(Room::routing);
  for (int i = 0; i < 1'000; ++i) {
    for (const auto* service : {"game#0@dev", "game#1@dev"}) {
      log(Room::routing, service).warn("fault {} service={}", i, service);
    }
  }
  EXPECT_GE(captured.count("service=game#0@dev"), 200U);
  EXPECT_LE(captured.count("service=game#1@dev"), 300U);
}

TEST(LoggerOfARoom, DoesNotLimitDebugLines) {
  test::CapturedLog captured(Room::routing);
  ASSERT_TRUE(set_log_levels("routing=debug"));
  for (int i = 0; i < 1'000; ++i) log(Room::routing).debug("detail {}", i);
  ASSERT_TRUE(set_log_levels("info"));
  EXPECT_EQ(captured.count("detail", spdlog::level::debug), 1'000U);
}

TEST(LoggerOfARoom, LetsNoValueForgeALine) {
  test::CapturedLog captured(Room::routing);
  log(Room::routing).warn("peer={}", "x\n2026-01-01T00:00:00.000000Z info service forged\x1b[2J\r");
  EXPECT_EQ(captured.count("peer=x\n  2026-01-01T00:00:00.000000Z info service forged?[2J?"), 1U);
  EXPECT_EQ(captured.count("\n2026"), 0U);
}

}  // namespace
}  // namespace cm::base
