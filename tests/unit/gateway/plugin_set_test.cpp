#include "gateway/plugin_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>

namespace cm::gateway {
namespace {

using ::testing::ElementsAre;

struct PluginSetTest : ::testing::Test {
  std::vector<std::string> loaded;
  std::vector<std::string> steps;
  TaskThread thread;
  PluginSet set{thread,
                {[this](const WantedPlugin& plugin) -> base::Status {
                   steps.push_back("+" + plugin.text());
                   if (plugin.name == "bad") return base::error("it is no plugin");
                   loaded.push_back(plugin.name);
                   return {};
                 },
                 [this](const std::string& name) -> base::Status {
                   steps.push_back("-" + name);
                   std::erase(loaded, name);
                   return {};
                 },
                 [this](const WantedPlugin& plugin) -> base::Status {
                   steps.push_back("~" + plugin.text());
                   if (plugin.version == "6.6.6") return base::error("it is a bad version");
                   return {};
                 },
                 [this] {
                   std::vector<WantedPlugin> all;
                   for (const auto& name : loaded) all.push_back({name, "1.0.0"});
                   return all;
                 }}};

  base::Status want(std::vector<std::string> names) {
    std::promise<base::Status> promise;
    set.want(std::move(names), [&](base::Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }
};

TEST_F(PluginSetTest, WhatIsNotWantedGoesLastFirstThenWhatIsMissingComes) {
  ASSERT_TRUE(want({"hub", "game", "agent"}));
  steps.clear();
  ASSERT_TRUE(want({"game", "login"}));
  EXPECT_THAT(steps, ElementsAre("-agent", "-hub", "+login"));
  EXPECT_THAT(loaded, ElementsAre("game", "login"));
}

TEST_F(PluginSetTest, ARefusedPluginDoesNotKeepTheOthersOut) {
  const auto status = want({"bad", "game"});
  EXPECT_FALSE(status);
  EXPECT_THAT(loaded, ElementsAre("game"));
  EXPECT_EQ(set.refused().at("bad"), "it is no plugin");
  ASSERT_TRUE(want({"game"}));
  EXPECT_TRUE(set.refused().empty());
}

TEST_F(PluginSetTest, ANamedVersionThatIsNotThereIsReloadedAndWhatIsThereStays) {
  ASSERT_TRUE(want({"game", "hub@1.0.0"}));
  steps.clear();
  ASSERT_TRUE(want({"game@1.2.0", "hub@1.0.0"}));
  EXPECT_THAT(steps, ElementsAre("~game@1.2.0"));
  EXPECT_FALSE(want({"game@6.6.6", "hub"}));
  EXPECT_EQ(set.refused().at("game@6.6.6"), "it is a bad version");
}

TEST_F(PluginSetTest, AVersionThatIsWantedFollowsAReloadByHand) {
  ASSERT_TRUE(want({"game@1.0.0", "hub"}));
  EXPECT_TRUE(set.follow({"game", "1.2.0"}));
  EXPECT_FALSE(set.follow({"hub", "1.2.0"}));
  EXPECT_THAT(set.wanted(), ElementsAre("game@1.2.0", "hub"));
}

TEST(PluginList, OneVersionOfAPluginIsWanted) {
  EXPECT_THAT(*PluginSet::parse("game@1.2.0,hub"), ElementsAre("game@1.2.0", "hub"));
  EXPECT_FALSE(PluginSet::parse("game@1.2.0,game"));
  EXPECT_FALSE(PluginSet::parse("game@"));
  EXPECT_FALSE(PluginSet::parse("@1.0.0"));
  EXPECT_FALSE(PluginSet::parse("game@1@2"));
}

TEST(PluginList, NamesAreTrimmedAndDoublesDropped) {
  EXPECT_THAT(*PluginSet::parse(" agent, login,,agent \n"), ElementsAre("agent", "login"));
  EXPECT_TRUE(PluginSet::parse("")->empty());
  EXPECT_THAT(*PluginSet::parse("\xef\xbb\xbf"
                                "agent,\xc2\xa0login\r\n"),
              ElementsAre("agent", "login"));
  EXPECT_EQ(PluginSet::parse("echo\nhub\n").error().text,
            "it has a line feed (\\x0a) at byte 5; write it as one line, without control characters; names have commas "
            "between them: agent,login");
}

TEST(PluginList, APathIsNoName) {
  for (const auto* text : {"../x", "/etc/x", ".hidden", "a b"}) EXPECT_FALSE(PluginSet::parse(text)) << text;
}

}  // namespace
}  // namespace cm::gateway
