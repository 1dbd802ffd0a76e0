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
                {[this](const std::string& name) -> base::Status {
                   steps.push_back("+" + name);
                   if (name == "bad") return base::error("it is no plugin");
                   loaded.push_back(name);
                   return {};
                 },
                 [this](const std::string& name) -> base::Status {
                   steps.push_back("-" + name);
                   std::erase(loaded, name);
                   return {};
                 },
                 [this] { return loaded; }}};

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

TEST(PluginList, NamesAreTrimmedAndDoublesDropped) {
  EXPECT_THAT(*PluginSet::parse(" agent, login,,agent \n"), ElementsAre("agent", "login"));
  EXPECT_TRUE(PluginSet::parse("")->empty());
}

TEST(PluginList, APathIsNoName) {
  for (const auto* text : {"../x", "/etc/x", ".hidden", "a b"}) EXPECT_FALSE(PluginSet::parse(text)) << text;
}

}  // namespace
}  // namespace cm::gateway
