// What players say to all, in a channel and to each other, and its limits.
#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

#include "e2e/fixture.hpp"
#include "e2e/social/talk.hpp"

namespace cm::test {
namespace {

using testing::Contains;
using testing::Not;

class Talk : public OnEveryWay {};
CM_ON_EVERY_WAY(Talk);

TEST_P(Talk, WorldIsHeardByAllWithItsAuthorAndAnsweredOnce) {
  Client ann = player();
  Client bob = player();
  const std::string uid = uid_of(ann);
  EXPECT_NE(uid, uid_of(bob));
  const auto done = say(ann, "hello");
  EXPECT_EQ(done.result(), proto::NoError);
  proto::ChatACK heard;
  while (heard.content() != "hello") heard = hear(bob);
  EXPECT_EQ(heard.from(), uid);
  EXPECT_EQ(heard.id(), done.id());
}

TEST_P(Talk, ChannelIsHeardByItsMembersAndWhoJoinsGetsTheLastLines) {
  Client ann = player();
  Client bob = player();
  Client cid = player();
  const std::string talk = fresh("talk");
  EXPECT_EQ(join(ann, talk).result(), proto::NoError);
  EXPECT_EQ(join(bob, talk).members(), 2U);
  for (const std::string line : {"one", "two"}) {
    EXPECT_EQ(say(ann, line, talk).result(), proto::NoError);
    EXPECT_EQ(hear(bob, talk).content(), line);
  }
  EXPECT_EQ(say(cid, "three", talk).result(), proto::NotInChannel);
  const auto joined = join(cid, talk);
  ASSERT_EQ(joined.history_size(), 2);
  EXPECT_EQ(joined.history(0).content(), "one");
  EXPECT_EQ(joined.history(1).content(), "two");
  EXPECT_THAT(who(ann, talk), Contains(uid_of(cid)));
}

TEST_P(Talk, WordsToOneAreHeardByThatOneAndKeptForWhoIsAway) {
  Client ann = player();
  std::optional<Client> bob = player();
  const std::string uid = uid_of(*bob);
  const auto done = tell(ann, uid, "psst");
  EXPECT_EQ(done.result(), proto::NoError) << done.text();
  const auto heard = hear(*bob, {}, uid);
  EXPECT_EQ(heard.content(), "psst");
  EXPECT_EQ(heard.id(), done.id());
  EXPECT_EQ(tell(ann, "nobody-at-all", "psst").result(), proto::PlayerUnknown);
  friends(ann, proto::FriendREQ::Add, uid);
  bob.reset();
  const auto presence = ann.expect<proto::PresenceACK>();
  EXPECT_EQ(presence.uid(), uid);
  EXPECT_FALSE(presence.online());
  const auto kept = tell(ann, uid, "when you are back");
  EXPECT_EQ(kept.result(), proto::NoError) << kept.text();
  EXPECT_FALSE(kept.text().empty());
}

TEST_P(Talk, WhatWaitsComesOnceInOrderWhenItsPlayerIsBack) {
  const std::string name = fresh("reader");
  const std::string uid = "guest-" + name;
  const auto come = [&] { return player(name); };
  Client ann = player();
  const std::string ann_uid = uid_of(ann);
  {
    Client reader = come();
    EXPECT_EQ(uid_of(reader), uid);
    EXPECT_EQ(tell(ann, uid, "at once").result(), proto::NoError);
    EXPECT_FALSE(hear(reader, {}, uid).old());
  }
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(ann);
    return std::find(all.begin(), all.end(), uid) == all.end();
  }));
  for (const std::string line : {"one", "two"}) {
    const auto kept = tell(ann, uid, line);
    EXPECT_EQ(kept.result(), proto::NoError) << kept.text();
    EXPECT_FALSE(kept.text().empty());
  }
  {
    Client reader = come();
    for (const std::string line : {"one", "two"}) {
      const auto heard = hear(reader, {}, uid);
      EXPECT_EQ(heard.content(), line);
      EXPECT_EQ(heard.from(), ann_uid);
      EXPECT_TRUE(heard.old());
    }
    // Who goes before its agent said that they were handed over gets them again. This answer comes behind that.
    (void)uid_of(reader);
  }
  EXPECT_TRUE(wait_until([&] {
    const auto all = who(ann);
    return std::find(all.begin(), all.end(), uid) == all.end();
  }));
  Client reader = come();
  EXPECT_EQ(uid_of(reader), uid);
  EXPECT_EQ(tell(ann, uid, "three").result(), proto::NoError);
  EXPECT_EQ(hear(reader, {}, uid).content(), "three") << "what was handed over comes again";
}

TEST_P(Talk, WhoIsBlockedIsNotHeard) {
  Client ann = player();
  Client bob = player();
  const std::string ann_uid = uid_of(ann);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Block, uid_of(bob)).blocked_size(), 1);
  EXPECT_EQ(tell(bob, ann_uid, "psst").result(), proto::PlayerBlocked);
}

TEST_P(Talk, WhoLeavesIsOnlineNoMore) {
  const std::string leavers = fresh("leavers");
  Client ann = player();
  std::string uid;
  {
    Client bob = player();
    uid = uid_of(bob);
    EXPECT_EQ(join(bob, leavers).result(), proto::NoError);
    EXPECT_EQ(join(ann, leavers).members(), 2U);
    EXPECT_THAT(who(ann), Contains(uid));
  }
  EXPECT_TRUE(wait_until([&] { return who(ann, leavers).size() == 1; }));
  EXPECT_THAT(who(ann), Not(Contains(uid)));
}

class TalkLimits : public OnEveryWay {};
CM_ON_TWO_WAYS(TalkLimits);

TEST_P(TalkLimits, AreOfTextAndRateWhileTheSettingsSaySo) {
  Client ann = player();
  {
    ScopedSetting longest(mesh(), "social/max_text", "5");
    EXPECT_TRUE(wait_until([&] { return say(ann, "123456").result() == proto::TextTooLong; }));
    EXPECT_EQ(say(ann, "12345").result(), proto::NoError);
    EXPECT_EQ(say(ann, "  ").result(), proto::TextEmpty);
  }
  ScopedSetting burst(mesh(), "social/chat_burst", "1");
  ScopedSetting rate(mesh(), "social/chat_per_sec", "5");
  proto::ChatDoneACK done;
  EXPECT_TRUE(wait_until([&] { return (done = say(ann, "again")).result() == proto::TooFast; }));
  EXPECT_GT(done.retry_after_ms(), 0U);
  EXPECT_TRUE(wait_until([&] { return say(ann, "again").result() == proto::NoError; }));
}

class TalkOfAll : public OnEveryWay {};
CM_ON_DEPLOYMENTS(TalkOfAll);

TEST_P(TalkOfAll, ReloadUnderChatLosesNothingAndKeepsTheMembers) {
  constexpr int kRounds = 5;
  constexpr int kLines = 20;
  const std::string channel = fresh("reload");
  auto players = players_by_every_transport(mesh());
  for (auto& player : players) join(player, channel);
  for (int round = 0; round < kRounds; ++round) {
    for (int line = round * kLines; line < (round + 1) * kLines; ++line) {
      for (std::size_t speaker = 0; speaker < players.size(); ++speaker) {
        auto req = chat_req(std::to_string(speaker) + ":" + std::to_string(line));
        req.set_channel(channel);
        players[speaker].send(req);
      }
    }
    const auto result = mesh().host("social").ctl({"reload", "social"});
    ASSERT_EQ(result.code, 0) << result.output;
  }
  for (auto& listener : players) {
    std::vector<int> next(players.size(), 0);
    std::uint64_t last_id = 0;
    for (std::size_t i = 0; i < players.size() * kRounds * kLines; ++i) {
      const auto heard = hear(listener, channel);
      const auto& content = heard.content();
      ASSERT_EQ(content.substr(2), std::to_string(next.at(static_cast<std::size_t>(content.at(0) - '0'))++));
      ASSERT_GT(heard.id(), last_id);
      last_id = heard.id();
    }
  }
}

}  // namespace
}  // namespace cm::test
