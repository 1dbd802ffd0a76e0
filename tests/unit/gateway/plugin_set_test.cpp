#include "gateway/plugin_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

namespace cm::gateway {
namespace {

using ::testing::ElementsAre;

using namespace std::chrono_literals;

struct PluginSetTest : ::testing::Test {
  std::vector<std::string> loaded;
  std::vector<std::string> steps;
  // Guarded by `mutex`.
  std::mutex mutex;
  std::map<std::string, PluginSet::Outcome> refusals;  // by name
  std::map<std::string, std::string> files;            // their states, by name
  std::vector<std::string> forgotten;
  TaskThread thread;
  PluginSet set{thread, actions(), {1ms, 5ms, 2ms}};

  PluginSet::Actions actions() {
    PluginSet::Actions actions;
    actions.load = [this](const WantedPlugin& plugin) -> PluginSet::Outcome {
      const std::lock_guard lock(mutex);
      steps.push_back("+" + plugin.text());
      if (const auto it = refusals.find(plugin.name); it != refusals.end()) return it->second;
      loaded.push_back(plugin.name);
      return {};
    };
    actions.unload = [this](const std::string& name) -> base::Status {
      const std::lock_guard lock(mutex);
      steps.push_back("-" + name);
      std::erase(loaded, name);
      return {};
    };
    actions.reload = [this](const WantedPlugin& plugin) -> PluginSet::Outcome {
      const std::lock_guard lock(mutex);
      steps.push_back("~" + plugin.text());
      if (plugin.version == "6.6.6") return {base::error("it is a bad version"), true};
      return {};
    };
    actions.loaded = [this] {
      const std::lock_guard lock(mutex);
      std::vector<WantedPlugin> all;
      for (const auto& name : loaded) all.push_back({name, "1.0.0"});
      return all;
    };
    actions.file_state = [this](const WantedPlugin& plugin) {
      const std::lock_guard lock(mutex);
      return files[plugin.name];
    };
    actions.forget = [this](const std::string& name) {
      const std::lock_guard lock(mutex);
      forgotten.push_back(name);
    };
    actions.changed = [] {};
    return actions;
  }

  base::Status want(std::vector<std::string> names) {
    std::promise<base::Status> promise;
    set.want(std::move(names), [&](base::Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }
  void refuse(const std::string& name, bool lasting) {
    const std::lock_guard lock(mutex);
    refusals[name] = {base::error("no"), lasting};
  }
  void accept(const std::string& name) {
    const std::lock_guard lock(mutex);
    refusals.erase(name);
  }
  std::size_t attempts(const std::string& name) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(std::count(steps.begin(), steps.end(), "+" + name));
  }
  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 30'000 && !condition(); ++i) std::this_thread::sleep_for(1ms);
    return condition();
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
  refuse("bad", true);
  const auto status = want({"bad", "game"});
  EXPECT_FALSE(status);
  EXPECT_THAT(loaded, ElementsAre("game"));
  EXPECT_EQ(set.refused().at("bad").why, "no");
  EXPECT_EQ(set.missing(), "plugin bad is refused: no");
  ASSERT_TRUE(want({"game"}));
  EXPECT_TRUE(set.refused().empty());
  EXPECT_EQ(set.missing(), "");
  EXPECT_THAT(forgotten, ElementsAre("bad"));
}

TEST_F(PluginSetTest, RetriesARefusalThatMayPassUntilItServes) {
  refuse("game", false);
  EXPECT_FALSE(want({"game"}));
  EXPECT_TRUE(soon([&] { return attempts("game") > 3; }));
  EXPECT_TRUE(set.refused().at("game").next_try.has_value());
  accept("game");
  EXPECT_TRUE(soon([&] { return set.missing().empty(); }));
  EXPECT_TRUE(set.refused().empty());
  const auto tries = attempts("game");
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(attempts("game"), tries);
}

TEST_F(PluginSetTest, RetriesALastingRefusalWhenItsFileChangesOnly) {
  refuse("game", true);
  EXPECT_FALSE(want({"game"}));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(attempts("game"), 1U);
  EXPECT_FALSE(set.refused().at("game").next_try.has_value());
  {
    const std::lock_guard lock(mutex);
    files["game"] = "another";
  }
  EXPECT_TRUE(soon([&] { return attempts("game") == 2; }));
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(attempts("game"), 2U);
}

TEST_F(PluginSetTest, RetriesAtOnceWhenSettingsChanged) {
  refuse("game", true);
  EXPECT_FALSE(want({"game"}));
  set.retry("game");
  EXPECT_TRUE(soon([&] { return attempts("game") == 2; }));
  set.retry("login");  // which nobody refused
  EXPECT_TRUE(want({"game"}).has_error());
  EXPECT_EQ(attempts("login"), 0U);
}

TEST_F(PluginSetTest, RetriesALastingRefusalWhenAnotherPluginGoes) {
  refuse("game", true);
  EXPECT_FALSE(want({"hub", "game"}));
  accept("game");
  std::promise<void> done;
  set.unload("hub", [&](const base::Status&) { done.set_value(); });
  done.get_future().get();
  EXPECT_EQ(set.missing(), "");
}

TEST_F(PluginSetTest, DoesNotRetryWhatIsNotWanted) {
  refuse("game", false);
  std::promise<base::Status> by_hand;
  set.load("game", [&](base::Status status) { by_hand.set_value(std::move(status)); });
  EXPECT_FALSE(by_hand.get_future().get());
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(attempts("game"), 1U);
  EXPECT_EQ(set.missing(), "");
  set.add("game");
  EXPECT_TRUE(soon([&] { return attempts("game") > 3; }));
  std::promise<base::Status> unloaded;
  set.unload("game", [&](base::Status status) { unloaded.set_value(std::move(status)); });
  EXPECT_TRUE(unloaded.get_future().get());
  EXPECT_EQ(set.missing(), "");
}

TEST_F(PluginSetTest, ANamedVersionThatIsNotThereIsReloadedAndWhatIsThereStays) {
  ASSERT_TRUE(want({"game", "hub@1.0.0"}));
  steps.clear();
  ASSERT_TRUE(want({"game@1.2.0", "hub@1.0.0"}));
  EXPECT_THAT(steps, ElementsAre("~game@1.2.0"));
  EXPECT_FALSE(want({"game@6.6.6", "hub"}));
  EXPECT_EQ(set.refused().at("game@6.6.6").why, "it is a bad version");
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
