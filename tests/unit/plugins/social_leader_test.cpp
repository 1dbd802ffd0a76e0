// Several social services: who leads, and what becomes of what was said when it ends.
#include "social_mesh.hpp"

namespace {

using social_test::Leaders;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

const std::string first = "social#0@test", second = "social#1@test";

TEST_F(Leaders, LeaderStaysLeaderWhenALowerIdComes) {
  kill(first);
  miss(first);
  run(3s);
  EXPECT_EQ(at_ann().leader, second);
  start(first);
  run(5s);
  EXPECT_EQ(at_ann().leader, second);
  EXPECT_GT(host(first).load(), 1'000'000U);
  EXPECT_EQ(host(second).load(), 2U);
}

TEST_F(Leaders, OneThatMeetsTheLeaderLateDoesNotTakeItsPlace) {
  stop(second);
  run(5s);
  start(second, false);
  run(2500ms);
  meet_others(second);
  run(3s);
  EXPECT_EQ(at_ann().leader, first);
}

TEST_F(Leaders, FollowerTakesOverWithinThreeSecondsThoughItsHostMissesNobody) {
  run(4s);
  kill(first);
  run(2500ms);
  EXPECT_EQ(at_ann().leader, second);
  EXPECT_EQ(at_bob().leader, second);
}

TEST_F(Leaders, MembersStayMembersAndNeedNotJoinAgain) {
  join(first, ann, "red");
  join(first, bob, "red");
  kill(first);
  run(3s);
  say(second, ann, chat("x", "1", "red"));
  EXPECT_THAT(done(second, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
}

TEST_F(Leaders, FollowerKnowsTheLastLinesThatTheLeaderDidNotStore) {
  join(first, ann, "red");
  say(first, ann, chat("x", "1", "red"));
  kill(first);
  run(3s);
  proto::JoinChannelREQ req;
  req.set_channel("red");
  host(second).deliver(req, client(second, bob));
  run();
  const auto ack = host(second).one<proto::JoinChannelACK>(client(second, bob));
  ASSERT_EQ(ack.history_size(), 1);
  EXPECT_EQ(ack.history(0).content(), "x");
}

TEST_F(Leaders, LineIsAcknowledgedWhenAllAgentsHaveIt) {
  at_bob().answers = 0;
  say(first, ann, chat("x", "1"));
  EXPECT_THAT(at_ann().lines(ann), ElementsAre("x"));
  EXPECT_THAT(done(first, ann), IsEmpty());
  at_bob().answers = 1;
  run();
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
}

TEST_F(Leaders, LineThatOneAgentMissedIsCompletedByTheNextLeaderAndHeardOnce) {
  at_bob().answers = 0;
  say(first, ann, chat("x", "1"));
  kill(first);
  at_bob().answers = 1'000;
  run(3s);
  EXPECT_THAT(at_ann().lines(ann), ElementsAre("x"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
  say(second, ann, chat("x", "1"));  // no answer came
  EXPECT_THAT(done(second, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), IsEmpty());
  say(second, ann, chat("y", "2"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("y"));
}

TEST_F(Leaders, NoAgentHearsALineBeforeTheFollowerHasIt) {
  hung.insert(second);
  say(first, ann, chat("x", "1"));
  EXPECT_THAT(at_ann().lines(ann), IsEmpty());
  run(2s);  // it is given up, and its lease lets the leader go on
  EXPECT_THAT(at_ann().lines(ann), ElementsAre("x"));
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  hung.clear();
  run(1s);
  EXPECT_EQ(at_ann().leader, first);
}

TEST_F(Leaders, LeaderThatIsCutOffAcknowledgesNothingAndFollowsWhenItIsBack) {
  hung.insert(first);
  host(first).down("data#0@test");
  at_bob().cut_off.insert(first);  // the other agent stays with it
  at_ann().cut_off.insert(second);
  say(first, ann, chat("x", "1"));
  run(3s);
  host(first).down("agent#1@test");  // its host gives that up last
  run(2s);
  EXPECT_EQ(at_bob().leader, second);
  EXPECT_THAT(done(first, ann), IsEmpty());
  hung.clear();
  for (auto& one : agents) one.second.cut_off.clear();
  ids[first]["data#0@test"] = host(first).up("data#0@test");
  ids[first]["agent#1@test"] = host(first).up("agent#1@test");
  run(3s);
  EXPECT_EQ(at_ann().leader, second);
  EXPECT_THAT(done(first, ann), IsEmpty());
}

TEST_F(Leaders, LineThatALeaderCouldNotTellIsHeardWhenItComesAgain) {
  hung.insert(first);
  host(first).down("data#0@test");
  for (auto& one : agents) one.second.cut_off.insert(first);
  say(first, ann, chat("x", "1"));
  run(3s);
  EXPECT_EQ(at_ann().leader, second);
  hung.clear();
  ids[first]["data#0@test"] = host(first).up("data#0@test");
  for (auto& one : agents) one.second.cut_off.clear();
  run(2s);
  kill(second);
  run(4s);
  EXPECT_EQ(at_ann().leader, first);
  say(first, ann, chat("x", "1"));
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
}

TEST_F(Leaders, OneThatBeginsToFollowKnowsWhatWasSaidBefore) {
  kill(second);
  miss(second);
  say(first, ann, chat("x", "1"));
  run(2s);
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
  start(second);
  run(1s);
  kill(first);
  run(3s);
  say(second, ann, chat("x", "1"));  // the answer did not come through
  EXPECT_THAT(done(second, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), IsEmpty());
}

TEST_F(Leaders, OneThatEndsHandsOverAtOnce) {
  at_bob().answers = 0;
  say(first, ann, chat("x", "1"));
  host(first).stop();
  const auto sent = host(first).one<proto::HandOverREQ>(id_at(first, second));
  at_bob().answers = 1'000;
  kill(first);
  host(second).deliver(sent, id_at(second, first));
  run();
  EXPECT_EQ(at_ann().leader, second);
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
}

TEST_F(Leaders, FollowerPassesOnWhatReachesIt) {
  say(second, ann, chat("x", "1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
}

TEST_F(Leaders, WhatReachesTheFollowerWhileNobodyLeadsWaits) {
  kill(first);
  run(1s);
  say(second, ann, chat("x", "1"));
  EXPECT_THAT(done(second, ann), IsEmpty());
  run(2s);
  EXPECT_THAT(done(second, ann), ElementsAre("1"));
}

TEST_F(Leaders, WithoutTheDataServiceTheAgentsDecide) {
  data_goes();
  run(3s);
  say(first, ann, chat("x", "1"));
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  kill(first);
  run(3s);
  EXPECT_EQ(at_bob().leader, second);
  say(second, ann, chat("y", "2"));
  EXPECT_THAT(done(second, ann), ElementsAre("2"));
}

TEST_F(Leaders, ReloadsKeepWhoLeadsAndWhatIsOnItsWay) {
  at_bob().answers = 0;
  say(first, ann, chat("x", "1"));
  host(first).reload();
  host(second).reload();
  at_bob().answers = 1'000;
  run(2s);
  EXPECT_EQ(at_ann().leader, first);
  EXPECT_THAT(done(first, ann), ElementsAre("1"));
  EXPECT_THAT(at_bob().lines(bob), ElementsAre("x"));
  kill(first);
  run(3s);
  EXPECT_EQ(at_ann().leader, second);
}

TEST_F(Leaders, OfThreeOneTakesOver) {
  start("social#2@test");
  run(1s);
  kill(first);
  run(3s);
  EXPECT_EQ(at_ann().leader, at_bob().leader);
  EXPECT_NE(at_ann().leader, first);
  const std::string leader = at_ann().leader;
  say(leader, ann, chat("x", "1"));
  EXPECT_THAT(done(leader, ann), ElementsAre("1"));
  kill(leader);
  run(4s);
  EXPECT_NE(at_ann().leader, leader);
}

TEST_F(Leaders, WhoIsAloneWritesNoLease) {
  stop(second);
  run(1s);
  const auto version = data.version;
  run(5s);
  EXPECT_EQ(data.version, version);
}

}  // namespace
