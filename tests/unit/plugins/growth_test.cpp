#include "game/growth.hpp"

#include <gmock/gmock.h>

#include <random>

namespace {

using growth::Changes;
using testing::SizeIs;

proto::GameSettings some_settings() {
  proto::GameSettings settings;
  for (const std::uint64_t price : {100, 200, 400}) settings.add_prices(price);
  settings.set_start_coins(500);
  settings.set_level_experience(25);
  settings.set_reward_step(10);
  settings.set_reward_coins(3);
  settings.set_remembered_answers(4);
  return settings;
}

TEST(Growth, ExperienceBringsCoinsForEachStepOnce) {
  const auto settings = some_settings();
  Changes changes;
  auto player = growth::new_player(settings, changes);
  growth::gain(player, 9, settings, changes);
  EXPECT_EQ(player.coins(), 500U);
  growth::gain(player, 1, settings, changes);
  EXPECT_EQ(player.coins(), 503U);
  growth::gain(player, 0, settings, changes);
  EXPECT_EQ(player.coins(), 503U);
  growth::gain(player, 25, settings, changes);
  EXPECT_EQ(player.coins(), 509U);
  EXPECT_THAT(changes, SizeIs(3));
}

TEST(Growth, ALevelBringsExperience) {
  const auto settings = some_settings();
  Changes changes;
  auto player = growth::new_player(settings, changes);
  growth::level_up(player, "r", settings, changes);
  EXPECT_EQ(player.level(), 2U);
  EXPECT_EQ(player.experience(), 25U);
  EXPECT_EQ(player.coins(), 406U);
  EXPECT_EQ(growth::answer_to(player, "r")->coins(), 406U);
  EXPECT_EQ(growth::text(*growth::answer_to(player, "r")), "level 2 for 100 coins; you have 406");
}

TEST(Growth, NoNumberRunsOver) {
  auto settings = some_settings();
  settings.set_reward_step(1);
  settings.set_reward_coins(1'000'000'000);
  Changes changes;
  auto player = growth::new_player(settings, changes);
  for (int i = 0; i < 10; ++i) growth::gain(player, ~std::uint64_t{0} / 2, settings, changes);
  EXPECT_EQ(player.experience(), ~std::uint64_t{0});
  EXPECT_EQ(player.coins(), player.granted() - player.spent());
}

TEST(Growth, CoinsAreWhatWasGrantedLessWhatWasSpent) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    auto settings = some_settings();
    Changes changes;
    auto player = growth::new_player(settings, changes);
    for (int step = 0; step < 50; ++step) {
      settings.set_reward_step(static_cast<std::uint32_t>(random() % 20));
      settings.set_reward_coins(random() % 50);
      settings.set_prices(static_cast<int>(random() % 3), 1 + random() % 300);
      if (random() % 2 == 0) {
        growth::gain(player, random() % 100, settings, changes);
      } else {
        growth::level_up(player, std::to_string(step), settings, changes);
      }
      ASSERT_EQ(player.coins(), player.granted() - player.spent());
      ASSERT_GE(player.granted(), player.spent());
      ASSERT_LE(player.answers_size(), 4);
    }
    std::uint64_t coins = 0;
    for (const auto& change : changes) {
      ASSERT_EQ(change.before(), coins) << "each change begins where the one before ended";
      coins = change.after();
    }
    ASSERT_EQ(player.coins(), coins);
  }
}

TEST(Growth, TheOldestAnswerIsForgotten) {
  const auto settings = some_settings();
  Changes changes;
  auto player = growth::new_player(settings, changes);
  for (const char* id : {"a", "b", "c", "d", "e"}) growth::level_up(player, id, settings, changes);
  EXPECT_EQ(growth::answer_to(player, "a"), nullptr);
  for (const char* id : {"b", "c", "d", "e"}) EXPECT_NE(growth::answer_to(player, id), nullptr);
}

TEST(Growth, AWriteIsFoundWithItsVersion) {
  proto::PlayerData player;
  std::uint64_t version = 0;
  for (std::uint64_t write = 1; write <= 40; ++write) {
    growth::mark(player, write);
    ++version;
    EXPECT_EQ(growth::version_of(player, version, write), version);
  }
  EXPECT_EQ(growth::version_of(player, version, 39), 39U);
  EXPECT_EQ(growth::version_of(player, version, 25), 25U);
  EXPECT_EQ(growth::version_of(player, version, 24), 0U) << "too long ago";
  EXPECT_EQ(growth::version_of(player, version, 99), 0U);
}

TEST(Growth, UidIsAWordOf32) {
  EXPECT_TRUE(growth::is_uid("ann-4.7_X"));
  for (const auto& bad : {std::string(), std::string("a b"), std::string(33, 'a')}) {
    EXPECT_FALSE(growth::is_uid(bad)) << bad;
  }
}

}  // namespace
