#include "base/log.hpp"

#include <gtest/gtest.h>

namespace cm::base {
namespace {

TEST(LogLevels, OneRoomChangesAlone) {
  ASSERT_TRUE(set_log_levels("info"));
  ASSERT_TRUE(set_log_levels("mesh=trace"));
  EXPECT_TRUE(log(Room::mesh).should_log(spdlog::level::trace));
  EXPECT_FALSE(log(Room::net).should_log(spdlog::level::debug));
}

TEST(LogLevels, ABadSpecChangesNothingAndNamesTheCure) {
  ASSERT_TRUE(set_log_levels("info"));
  const auto level = set_log_levels("mesh=trace,net=loud");
  ASSERT_FALSE(level);
  EXPECT_NE(level.error().text.find("net=loud"), std::string::npos);
  EXPECT_FALSE(log(Room::mesh).should_log(spdlog::level::trace));
  const auto room = set_log_levels("kitchen=info");
  ASSERT_FALSE(room);
  EXPECT_NE(room.error().text.find("session"), std::string::npos);
}

TEST(LogValue, ControlCharactersOfAPeerCannotForgeALine) {
  EXPECT_EQ(log_value("plain-1"), "plain-1");
  EXPECT_EQ(log_value("a b"), "\"a b\"");
  EXPECT_EQ(log_value("x\ny\""), "\"x\\x0ay\\\"\"");
  EXPECT_EQ(log_value(""), "\"\"");
  EXPECT_EQ(log_value("\xc3\xa4\xff"), "\"\xc3\xa4\\xff\"");
  EXPECT_LT(log_value(std::string(10'000, 'x')).size(), 600U);
}

}  // namespace
}  // namespace cm::base
