// What a client may send, and where it goes.
#include "harness.hpp"

namespace cm::session {
namespace {

class RulesTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    game = up("game#0@t");
  }
  std::shared_ptr<FakeService> game;
};

TEST_F(RulesTest, TheAgentIsToldOfAClient) {
  open();
  const Player player = join();
  EXPECT_EQ(player.id.agent, owner);
  EXPECT_NE(player.id.session, 0U);
  EXPECT_EQ(frontend->clients, 1U);
}

TEST_F(RulesTest, AMessageOfTheAgentsOwnKindGoesToIt) {
  open();
  const Player player = join();
  send(player, kPing, "ping");
  const auto got = agent->got(Kind::client_message);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].msg_id, kPing);
  EXPECT_EQ(got[0].body, "ping");
  EXPECT_EQ(got[0].client, player.id);
  EXPECT_EQ(got[0].to, owner);
  EXPECT_EQ(got[0].from, ServiceRef::none);
}

TEST_F(RulesTest, APassRouteNeedsNoAdmission) {
  open();
  const Player player = join();
  send(player, kTalk, "hi");
  EXPECT_EQ(bodies(game->got(Kind::client_message)), Strings{"hi"});
  EXPECT_EQ(codes(player), Codes{});
}

TEST_F(RulesTest, AnAuthRouteNeedsAnAdmittedClient) {
  open();
  const Player player = join();
  send(player, kChat, "early");
  EXPECT_TRUE(game->got().empty());
  ASSERT_EQ(codes(player), Codes{101});
  EXPECT_EQ(notices(player)[0].msg_id, kChat);
  command(Kind::admit, player, owner);
  send(player, kChat, "now");
  EXPECT_EQ(bodies(game->got()), Strings{"now"});
}

TEST_F(RulesTest, AMessageWithoutARouteIsBlockedAndSaidSo) {
  open();
  const Player player = join_admitted();
  send(player, kUnknown, "x");
  ASSERT_EQ(codes(player), Codes{100});
  EXPECT_EQ(notices(player)[0].msg_id, kUnknown);
  EXPECT_EQ(table->counters().blocked.get(), 1U);
  send(player, kChat, "still here");
  EXPECT_EQ(bodies(game->got()), Strings{"still here"});
}

TEST_F(RulesTest, AfterTooManyBlockedMessagesTheClientIsClosed) {
  options.max_refused = 3;
  open();
  const Player player = join();
  for (int i = 0; i < 3; ++i) send(player, kUnknown);
  EXPECT_EQ(codes(player), (Codes{100, 100, 100, 5}));
  EXPECT_TRUE(player.wire->get(&FakeWire::half_closed));
  const auto ends = agent->got(Kind::client_closed);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].status, static_cast<int>(CloseReason::blocked));
}

TEST_F(RulesTest, AfterTooManyMessagesBeforeAdmissionTheClientIsClosed) {
  options.max_refused = 2;
  open();
  const Player player = join();
  std::vector<std::byte> burst;
  for (int i = 0; i < 5; ++i) append(burst, wire_frame(kChat));
  player.wire->send(burst);
  settle();
  EXPECT_EQ(codes(player), (Codes{101, 101, 6}));
}

TEST_F(RulesTest, AFrontendThatDoesNotRouteReachesItsOwnerOnly) {
  options.routes = false;
  open();
  const Player player = join_admitted();
  send(player, kTalk);
  send(player, kPing, "p");
  EXPECT_TRUE(game->got().empty());
  EXPECT_EQ(codes(player), Codes{100});
  EXPECT_EQ(bodies(agent->got(Kind::client_message)), Strings{"p"});
}

TEST_F(RulesTest, AChangedRouteTableHoldsForTheNextMessage) {
  open();
  const Player player = join();
  set_routes("game", {{kUnknown, "New", RouteMode::pass}});
  send(player, kUnknown, "new");
  send(player, kTalk, "old");
  EXPECT_EQ(bodies(game->got()), Strings{"new"});
  EXPECT_EQ(codes(player), Codes{100});
}

TEST_F(RulesTest, WithoutAServiceOfItsKindAMessageIsAnsweredSo) {
  open();
  const Player player = join_admitted();
  send(player, kMail);
  const auto all = notices(player);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].code, 103U);
  EXPECT_EQ(all[0].msg_id, kMail);
  EXPECT_EQ(all[0].service, "mail");
}

TEST_F(RulesTest, AMessageTooLargeForItsWayIsAnsweredSo) {
  open();
  const Player player = join();
  game->answer(Delivery::too_large);
  send(player, kTalk);
  EXPECT_EQ(codes(player), Codes{106});
}

TEST_F(RulesTest, FramesOfLengthZeroAndOneAreMalformed) {
  for (const char length : {'\0', '\1'}) {
    if (!frontend) open();
    const Player player = join();
    player.wire->send(test::bytes_of(std::string{length, '\0', 'x', 'x', 'x', 'x'}));
    settle();
    EXPECT_EQ(codes(player), Codes{2});
    EXPECT_TRUE(player.wire->get(&FakeWire::half_closed));
  }
  EXPECT_EQ(agent->got(Kind::client_closed).size(), 2U);
  EXPECT_EQ(agent->got(Kind::client_closed)[0].status, static_cast<int>(CloseReason::malformed));
}

TEST_F(RulesTest, ABodyOverTheLimitIsTooLarge) {
  options.max_body = 10;
  open();
  const Player player = join();
  send(player, kTalk, std::string(10, 'x'));
  send(player, kTalk, std::string(11, 'y'));
  EXPECT_EQ(game->got(Kind::client_message).size(), 1U);
  ASSERT_EQ(codes(player), Codes{3});
  EXPECT_EQ(notices(player)[0].msg_id, kTalk);
}

TEST_F(RulesTest, TheLargestFrameThereIsPasses) {
  open();
  const Player player = join();
  const std::string body(net::kMaxFrameBody, 'b');
  std::vector<std::byte> burst = wire_frame(kTalk, body);
  append(burst, wire_frame(kTalk, "behind"));
  player.wire->send(burst);
  settle();
  EXPECT_EQ(bodies(game->got()), (Strings{body, "behind"}));
}

TEST_F(RulesTest, FramesArriveWholeHoweverTheStreamIsCut) {
  open();
  std::vector<std::byte> burst;
  Strings expected;
  for (std::size_t i = 0; i < 40; ++i) {
    expected.push_back(std::string(i * i * i % 2500, static_cast<char>('a' + i % 26)));
    append(burst, wire_frame(kTalk, expected.back()));
  }
  for (const std::size_t cut : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, std::size_t{4097}}) {
    const std::size_t before = game->got().size();
    const Player player = join([&](FakeWire& wire) { wire.read_at_most = cut; });
    player.wire->send(burst);
    ASSERT_TRUE(eventually([&] { return game->got().size() == before + expected.size(); }));
    auto got = bodies(game->got());
    got.erase(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(before));
    EXPECT_EQ(got, expected) << cut;
  }
}

TEST_F(RulesTest, ATruncatedFrameIsDroppedWithItsConnection) {
  open();
  const Player player = join();
  auto cut = wire_frame(kTalk, "truncated");
  cut.pop_back();
  player.wire->send(cut);
  player.wire->finish();
  settle();
  EXPECT_TRUE(game->got().empty());
  EXPECT_EQ(codes(player), Codes{});
  ASSERT_EQ(agent->got(Kind::client_closed).size(), 1U);
  EXPECT_EQ(agent->got(Kind::client_closed)[0].status, static_cast<int>(CloseReason::by_client));
}

TEST_F(RulesTest, ManyFramesOfOneReadAreAnsweredWithOneWrite) {
  open();
  const Player player = join();
  std::vector<std::byte> burst;
  for (int i = 0; i < 5; ++i) append(burst, wire_frame(kUnknown));
  player.wire->send(burst);
  settle();
  EXPECT_EQ(codes(player).size(), 5U);
  EXPECT_EQ(player.wire->get(&FakeWire::reads), 1U);
  EXPECT_EQ(player.wire->get(&FakeWire::writes), 1U);
}

}  // namespace
}  // namespace cm::session
