// How a client ends, and what it and others are told.
#include "harness.hpp"

namespace cm::session {
namespace {

using CloseTest = SessionTest;

TEST_F(CloseTest, AClientIsToldWhyBeforeItIsClosed) {
  open();
  const Player player = join();
  to_client(player, 50, "before");
  command(Kind::close_client, player, owner, "You won.", CM_CLOSE_KICKED);
  const auto received = player.wire->received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0], (Received{50, "before"}));
  EXPECT_EQ(notices(player)[0].code, 8U);
  EXPECT_EQ(notices(player)[0].text, "You won.");
  EXPECT_TRUE(player.wire->get(&FakeWire::half_closed));
  EXPECT_FALSE(player.wire->get(&FakeWire::closed)) << "it waits for the client's side";
  player.wire->finish();
  settle();
  EXPECT_TRUE(player.wire->get(&FakeWire::freed));
}

TEST_F(CloseTest, ATransportThatHasACodeIsToldWhy) {
  open();
  const std::vector<std::pair<std::int32_t, std::uint16_t>> codes{
      {CM_CLOSE_DONE, 1000},   {CM_CLOSE_GOING_DOWN, 1001}, {CM_CLOSE_MALFORMED, 1007},    {CM_CLOSE_TOO_LARGE, 1009},
      {CM_CLOSE_KICKED, 1008}, {CM_CLOSE_IDLE, 1008},       {CM_CLOSE_NOT_ADMITTED, 1008}, {CM_CLOSE_FULL, 1013}};
  for (const auto& [reason, code] : codes) {
    const Player player = join();
    command(Kind::close_client, player, owner, {}, reason);
    EXPECT_EQ(player.wire->get(&FakeWire::close_code), code) << reason;
  }
}

TEST_F(CloseTest, ACloseThatIsDoneSaysNothing) {
  open();
  const Player player = join();
  to_client(player, 50, "answer");
  command(Kind::close_client, player, owner, "text", CM_CLOSE_DONE);
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, "answer"}}));
  EXPECT_TRUE(player.wire->get(&FakeWire::half_closed));
}

TEST_F(CloseTest, WhatAClientSendsAfterItsCloseIsDrainedForABoundedTime) {
  open();
  const Player player = join();
  command(Kind::close_client, player, owner, {}, CM_CLOSE_KICKED);
  player.wire->send(wire_frame(kPing, "too late"));
  settle();
  EXPECT_TRUE(agent->got(Kind::client_message).empty());
  EXPECT_TRUE(player.wire->get(&FakeWire::input).empty());
  later(800);
  EXPECT_FALSE(player.wire->get(&FakeWire::freed));
  later(300);
  EXPECT_TRUE(player.wire->get(&FakeWire::freed));
}

TEST_F(CloseTest, NothingIsDoneForAClientThatIsBeingClosed) {
  const auto game = up("game#0@t");
  open();
  const Player player = join();
  command(Kind::close_client, player, owner, {}, CM_CLOSE_KICKED);
  to_client(player, 50, "late");
  command(Kind::admit, player, owner);
  command(Kind::close_client, player, owner, {}, CM_CLOSE_IDLE);
  EXPECT_EQ(codes(player), Codes{8});
  EXPECT_EQ(agent->got(Kind::client_closed).size(), 1U);
  EXPECT_EQ(frontend->admitted, 0U);
  EXPECT_EQ(frontend->clients, 0U);
  EXPECT_EQ(table->counters().unknown_session.get(), 3U);
}

TEST_F(CloseTest, WhatWaitsIsSentToAClientThatHalfCloses) {
  open();
  const Player player = join([](FakeWire& wire) { wire.room = 2; });
  to_client(player, 50, "answer");
  player.wire->finish();
  settle();
  EXPECT_FALSE(player.wire->get(&FakeWire::closed));
  player.wire->take(100);
  settle();
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, "answer"}}));
  EXPECT_TRUE(player.wire->get(&FakeWire::freed));
}

TEST_F(CloseTest, ABrokenConnectionEndsAtOnceWhenWrittenTo) {
  open();
  const Player player = join([](FakeWire& wire) { wire.room = 2; });
  to_client(player, 50, "answer");
  player.wire->cut();
  settle();
  EXPECT_TRUE(player.wire->get(&FakeWire::freed));
  ASSERT_EQ(agent->got(Kind::client_closed).size(), 1U);
  EXPECT_EQ(agent->got(Kind::client_closed)[0].status, static_cast<int>(CloseReason::by_client));
}

TEST_F(CloseTest, EveryEndGivesItsPlaceBack) {
  open();
  std::vector<Player> players;
  for (int i = 0; i < 30; ++i) players.push_back(i % 3 == 0 ? join() : join_admitted());
  EXPECT_EQ(frontend->clients, 30U);
  EXPECT_EQ(frontend->admitted, 20U);
  for (std::size_t i = 0; i < 30; i += 2) players[i].wire->finish();
  settle();
  EXPECT_EQ(frontend->clients, 15U);
  EXPECT_EQ(frontend->admitted, 10U);
  broadcast(60, "b");
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(players[i].wire->received().size(), i % 2 == 1 && i % 3 != 0 ? 1U : 0U) << i;
  }
}

TEST_F(CloseTest, WhoTookTheLastPlaceOfAFullHouseEndsAsOthersDo) {
  open();
  const Player first = join_admitted();
  const Player second = join_admitted();
  const Player moved = join_admitted();
  first.wire->finish();
  settle();
  const Player newcomer = join_admitted();
  moved.wire->finish();
  settle();
  broadcast(60, "b");
  EXPECT_EQ(second.wire->received().size(), 1U);
  EXPECT_EQ(newcomer.wire->received().size(), 1U);
  EXPECT_TRUE(moved.wire->received().empty());
  EXPECT_EQ(frontend->clients, 2U);
  EXPECT_EQ(frontend->admitted, 2U);
}

TEST_F(CloseTest, ASilentClientIsClosedWhenItsTimeIsOver) {
  options.idle_timeout_ms = 5000;
  open();
  const Player player = join_admitted();
  later(4000);
  player.wire->send(test::bytes_of("x"));  // any byte is life
  settle();
  later(4000);
  EXPECT_EQ(codes(player), Codes{});
  later(2000);
  EXPECT_EQ(codes(player), Codes{7});
}

TEST_F(CloseTest, AClientThatWaitsForAFullServiceIsNotSilent) {
  const auto game = up("game#0@t");
  options.idle_timeout_ms = 5000;
  open();
  const Player player = join_admitted();
  game->answer(Delivery::full);
  send(player, kTalk, "x");
  later(60'000);
  EXPECT_EQ(codes(player), Codes{});
  game->answer(Delivery::sent);
  later(100);
  later(4000);
  EXPECT_EQ(codes(player), Codes{});
  later(2000);
  EXPECT_EQ(codes(player), Codes{7});
}

TEST_F(CloseTest, AClientThatHasPingedIsExpectedToGoOn) {
  options.ping_id = kPing;
  options.ping_timeout_ms = 5000;
  open();
  const Player pinger = join_admitted();
  const Player quiet = join_admitted();
  send(pinger, kPing);
  later(4000);
  send(pinger, kTalk);  // whatever it says is life
  later(4000);
  EXPECT_TRUE(pinger.wire->get(&FakeWire::closed) == false);
  later(2000);
  EXPECT_EQ(codes(pinger).back(), 7U);
  later(600'000);
  EXPECT_EQ(codes(quiet), Codes{}) << "it never pinged";
}

class Pinged : public CloseTest {
 protected:
  void open() {
    CloseTest::open();
    routing::ListenerOptions websocket;
    websocket.transport = routing::Transport::ws;
    websocket.ping_interval_ms = 5000;
    port = &frontend->add_port(websocket);
  }
  Player pingable() {
    return join([](FakeWire& wire) { wire.pingable = true; });
  }
  static std::size_t pings(const Player& player) { return player.wire->get(&FakeWire::pings); }
  void live(const Player& player) {
    on([&] { player.wire->heard = true; });
  }
};

TEST_F(Pinged, AnIdleClientThatAnswersStays) {
  open();
  const Player player = pingable();
  for (std::size_t round = 1; round <= 10; ++round) {
    later(5000);
    EXPECT_EQ(pings(player), round - 1);
    later(1000);
    EXPECT_EQ(pings(player), round) << "once an interval";
    later(1000);
    EXPECT_EQ(pings(player), round);
    live(player);
    later(1000);
  }
  EXPECT_EQ(codes(player), Codes{});
}

TEST_F(Pinged, OneThatDoesNotAnswerIsToldAndClosed) {
  open();
  const Player player = pingable();
  later(6000);
  EXPECT_EQ(pings(player), 1U);
  later(4000);
  EXPECT_EQ(codes(player), Codes{});
  later(2000);
  EXPECT_EQ(codes(player), Codes{7});
  EXPECT_EQ(pings(player), 1U);
}

TEST_F(Pinged, OneThatTalksIsNotPinged) {
  open();
  const Player player = pingable();
  for (int i = 0; i < 10; ++i) {
    later(4000);
    send(player, kTalk);
  }
  EXPECT_EQ(pings(player), 0U);
}

TEST_F(Pinged, ATransportThatCannotPingIsLeftAlone) {
  open();
  const Player player = join();
  later(6000);
  later(600'000);
  EXPECT_EQ(codes(player), Codes{});
}

TEST_F(Pinged, OneThatTakesBytesHasTimeForItsAnswer) {
  open();
  const Player player = join([](FakeWire& wire) {
    wire.pingable = true;
    wire.room = 0;
  });
  to_client(player, 60, "a large answer");
  later(6000);
  later(4000);
  player.wire->take(1000);  // what it reads stood before the ping
  settle();
  later(4000);
  EXPECT_EQ(pings(player), 2U);
  EXPECT_EQ(codes(player), Codes{});
  later(6000);
  EXPECT_EQ(codes(player), Codes{7});
}

TEST_F(Pinged, NobodyWasSilentWhileTheHostSlept) {
  options.ping_id = kPing;
  options.ping_timeout_ms = 5000;
  open();
  const Player player = pingable();
  send(player, kPing);
  later(6000 - 1000);
  const auto slept = [&] {
    on([&] {
      passed_ms += 60'000;
      table->overslept(begun_ms + passed_ms);
      table->tick(begun_ms + passed_ms);
    });
    settle();
  };
  slept();
  EXPECT_EQ(codes(player), Codes{});
  later(4000);
  EXPECT_EQ(codes(player), Codes{});
  later(2000);
  EXPECT_EQ(codes(player), Codes{7});
}

TEST_F(CloseTest, AClientIsClosedThatIsNotAdmittedInTime) {
  options.admit_timeout_ms = 3000;
  open();
  const Player admitted = join_admitted();
  const Player player = join();
  later(2000);
  EXPECT_EQ(codes(player), Codes{});
  later(2000);
  EXPECT_EQ(codes(player), Codes{6});
  EXPECT_EQ(codes(admitted), Codes{});
}

TEST_F(CloseTest, NewLimitsHoldForClientsThatAreThere) {
  open();
  const Player player = join();
  options.admit_timeout_ms = 3000;
  on([&] { table->update(owner, options); });
  later(5000);
  EXPECT_EQ(codes(player), Codes{6});
}

TEST_F(CloseTest, WhoFindsNoPlaceIsToldAndNobodyElseIs) {
  open();
  const auto wire = connect({}, true);
  settle();
  EXPECT_EQ(codes({wire, {}}), Codes{12});
  EXPECT_TRUE(agent->got().empty());
  EXPECT_EQ(frontend->clients, 0U);
  EXPECT_EQ(table->counters().closed[CM_CLOSE_FULL].get(), 1U);
}

TEST_F(CloseTest, AFloodOfThoseIsJustClosed) {
  open();
  for (int i = 0; i < 4200; ++i) connect({}, true);
  const auto& last = wires.back();
  EXPECT_TRUE(last->get(&FakeWire::closed));
  EXPECT_TRUE(last->received().empty());
}

TEST_F(CloseTest, AClientWhoseAgentIsGoneIsSentAway) {
  open();
  agent->answer(Delivery::gone);
  const auto wire = connect();
  settle();
  EXPECT_EQ(codes({wire, {}}), Codes{9});
  EXPECT_EQ(frontend->clients, 0U);
}

TEST_F(CloseTest, AllClientsOfAFrontendAreToldThatItGoesDown) {
  open();
  const Player a = join();
  const Player b = join_admitted();
  on([&] { table->close_all(owner, CloseReason::going_down, {}); });
  settle();
  EXPECT_EQ(codes(a), Codes{9});
  EXPECT_EQ(codes(b), Codes{9});
  EXPECT_EQ(agent->got(Kind::client_closed).size(), 2U);
}

TEST_F(CloseTest, WhatWasQueuedBeforeAFrontendClosesGoesOut) {
  open();
  const Player player = join_admitted();
  on([&] {
    // Queued from elsewhere, while this turn runs.
    std::thread([&] {
      const auto body = test::bytes_of("farewell");
      EXPECT_EQ(clients->deliver({.kind = Kind::broadcast, .msg_id = 60, .to = owner, .client = {}, .body = body}),
                Delivery::sent);
    }).join();
    table->close_all(owner, CloseReason::going_down, {});
  });
  settle();
  const auto received = player.wire->received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0], (Received{60, "farewell"}));
  EXPECT_EQ(codes(player), Codes{9});
}

}  // namespace
}  // namespace cm::session
