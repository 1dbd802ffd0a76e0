// Who waits for whom: full services, held clients, clients that do not read.
#include <sstream>

#include "harness.hpp"

namespace cm::session {
namespace {

class FlowTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    game = up("game#0@t");
  }
  static std::vector<std::byte> talk(int from, int to) {
    std::vector<std::byte> burst;
    for (int i = from; i < to; ++i) append(burst, wire_frame(kTalk, std::to_string(i)));
    return burst;
  }
  static Strings numbers(int from, int to) {
    Strings result;
    for (int i = from; i < to; ++i) result.push_back(std::to_string(i));
    return result;
  }
  void room() { registry.notify_room(names.service("game#0@t")); }
  std::shared_ptr<FakeService> game;
};

TEST_F(FlowTest, AFullServicePausesItsClientAndLosesNothing) {
  open();
  const Player player = join();
  game->answer(Delivery::full);
  player.wire->send(talk(0, 5));
  settle();
  const std::size_t reads = player.wire->get(&FakeWire::reads);
  player.wire->send(talk(5, 10));
  settle();
  EXPECT_EQ(player.wire->get(&FakeWire::reads), reads) << "it is not read from meanwhile";
  EXPECT_TRUE(game->got().empty());
  game->answer(Delivery::sent);
  room();
  settle();
  EXPECT_EQ(bodies(game->got()), numbers(0, 10));
  EXPECT_EQ(table->counters().paused.get(), 1U);
}

TEST_F(FlowTest, WithoutARoomEventAClientGoesOnWithTheNextTick) {
  open();
  const Player player = join();
  game->answer(Delivery::full);
  player.wire->send(talk(0, 3));
  settle();
  game->answer(Delivery::sent);
  later(100);
  EXPECT_EQ(bodies(game->got()), numbers(0, 3));
}

TEST_F(FlowTest, AFullServiceIsAskedOnceForAllWhoWait) {
  open();
  std::vector<Player> players;
  game->answer(Delivery::full);
  for (int i = 0; i < 10; ++i) {
    players.push_back(join());
    send(players.back(), kTalk, "x");
  }
  const std::size_t asked = game->asked();
  room();
  settle();
  EXPECT_EQ(game->asked(), asked + 1);
  game->answer(Delivery::sent);
  room();
  settle();
  EXPECT_EQ(game->got().size(), 10U);
}

TEST_F(FlowTest, AFullServiceDoesNotPauseTheClientsOfOthers) {
  open();
  const Player blocked = join();
  const Player free = join();
  game->answer(Delivery::full);
  send(blocked, kTalk, "x");
  send(free, kPing, "p");
  EXPECT_EQ(bodies(agent->got(Kind::client_message)), Strings{"p"});
}

TEST_F(FlowTest, AClientThatEndsWhileItWaitsIsForgotten) {
  open();
  const Player player = join();
  game->answer(Delivery::full);
  send(player, kTalk, "x");
  command(Kind::close_client, player, owner, {}, CM_CLOSE_KICKED);
  game->answer(Delivery::sent);
  room();
  settle();
  EXPECT_TRUE(game->got().empty());
  EXPECT_EQ(codes(player), Codes{8});
}

TEST_F(FlowTest, AClientIsNotReadBeforeItsAgentKnowsIt) {
  open();
  agent->answer(Delivery::full);
  const auto wire = connect();
  wire->send(wire_frame(kTalk, "first"));
  settle();
  EXPECT_EQ(wire->get(&FakeWire::reads), 0U);
  agent->answer(Delivery::sent);
  registry.notify_room(owner);
  settle();
  EXPECT_EQ(agent->got(Kind::client_opened).size(), 1U);
  EXPECT_EQ(bodies(game->got()), Strings{"first"});
}

TEST_F(FlowTest, WhatComesBehindAnInterceptedMessageWaitsForTheRelease) {
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  auto burst = wire_frame(kVerify, "v");
  append(burst, wire_frame(kChat, "c1"));
  append(burst, wire_frame(kChat, "c2"));
  player.wire->send(burst);
  settle();
  EXPECT_EQ(bodies(agent->got(Kind::intercepted)), Strings{"v"});
  EXPECT_TRUE(game->got().empty());
  command(Kind::admit, player, owner);
  to_client(player, 50, "verified");
  command(Kind::release, player, owner);
  EXPECT_EQ(bodies(game->got()), (Strings{"c1", "c2"}));
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, "verified"}}));
}

TEST_F(FlowTest, AHeldClientMaySendSoMuchAsOneRead) {
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  send(player, kVerify);
  player.wire->send(talk(0, 50'000));
  settle();
  EXPECT_EQ(player.wire->get(&FakeWire::reads), 2U);
  EXPECT_FALSE(player.wire->get(&FakeWire::input).empty());
  command(Kind::release, player, owner);
  ASSERT_TRUE(eventually([&] { return game->got().size() == 50'000; }));
  EXPECT_EQ(bodies(game->got()), numbers(0, 50'000));
}

TEST_F(FlowTest, ASecondInterceptedMessageHoldsAgain) {
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  auto burst = wire_frame(kVerify, "1");
  append(burst, wire_frame(kVerify, "2"));
  append(burst, wire_frame(kTalk, "t"));
  player.wire->send(burst);
  settle();
  command(Kind::release, player, owner);
  EXPECT_EQ(bodies(agent->got(Kind::intercepted)), (Strings{"1", "2"}));
  EXPECT_TRUE(game->got().empty());
  command(Kind::release, player, owner);
  EXPECT_EQ(bodies(game->got()), Strings{"t"});
}

TEST_F(FlowTest, AReleaseBeforeTheDeliveryReturnsIsNotLost) {
  agent->on_deliver = [&](const Envelope& e) {
    if (e.kind != Kind::intercepted) return;
    EXPECT_EQ(clients->deliver({.kind = Kind::release, .to = owner, .from = owner, .client = e.client, .body = {}}),
              Delivery::sent);
  };
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  auto burst = wire_frame(kVerify);
  append(burst, talk(0, 3));
  append(burst, wire_frame(kVerify));
  append(burst, talk(3, 6));
  player.wire->send(burst);
  settle();
  EXPECT_EQ(bodies(game->got()), numbers(0, 6));
}

TEST_F(FlowTest, OnlyTheAgentReleasesAndAdmits) {
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  auto burst = wire_frame(kVerify);
  append(burst, wire_frame(kTalk));
  player.wire->send(burst);
  settle();
  command(Kind::release, player, names.service("game#0@t"));
  command(Kind::admit, player, names.service("game#0@t"));
  EXPECT_TRUE(game->got().empty());
  EXPECT_EQ(frontend->admitted, 0U);
  EXPECT_EQ(table->counters().bad_command.get(), 2U);
}

TEST_F(FlowTest, AnInterceptedMessageWaitsForAFullAgent) {
  open();
  on([&] { table->intercept(owner, kVerify); });
  const Player player = join();
  agent->answer(Delivery::full);
  auto burst = wire_frame(kVerify, "v");
  append(burst, wire_frame(kTalk, "t"));
  player.wire->send(burst);
  settle();
  EXPECT_TRUE(game->got().empty());
  agent->answer(Delivery::sent);
  registry.notify_room(owner);
  settle();
  EXPECT_EQ(bodies(agent->got(Kind::intercepted)), Strings{"v"});
  EXPECT_TRUE(game->got().empty());
}

TEST_F(FlowTest, AnswersWaitForASocketThatTakesNoMore) {
  open();
  const Player player = join([](FakeWire& wire) { wire.room = 5; });
  to_client(player, 50, "one");
  to_client(player, 51, "two");
  EXPECT_EQ(player.wire->get(&FakeWire::writes), 1U) << "none is tried in vain";
  player.wire->take(1000);
  settle();
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, "one"}, {51, "two"}}));
}

TEST_F(FlowTest, AnswersArriveWholeHoweverTheSocketTakesThem) {
  open();
  const Player player = join([](FakeWire& wire) { wire.write_at_most = 3; });
  std::vector<Received> expected;
  for (std::uint16_t i = 0; i < 50; ++i) {
    expected.push_back({i, std::string(i * 7U, 'x')});
    to_client(player, i, expected.back().body);
  }
  ASSERT_TRUE(eventually([&] { return player.wire->received().size() == expected.size(); }));
  EXPECT_EQ(player.wire->received(), expected);
}

TEST_F(FlowTest, AClientThatDoesNotReadIsClosedAtItsLimitAndTold) {
  options.outbox_limit = 10'000;
  open();
  const Player slow = join_admitted();
  slow.wire->take(500);
  const Player fast = join_admitted();
  for (int i = 0; i < 50; ++i) broadcast(60, std::string(1000, 'b'));
  EXPECT_EQ(fast.wire->received().size(), 50U) << "others are not affected";
  const auto ends = agent->got(Kind::client_closed);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].client, slow.id);
  EXPECT_EQ(ends[0].status, static_cast<int>(CloseReason::too_slow));
  EXPECT_EQ(table->counters().dropped.get(), 9U) << "all but the one that is partly sent";

  slow.wire->take(100'000);  // it reads after all: the rest of what it was in, and the notice
  settle();
  const auto received = slow.wire->received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0], (Received{60, std::string(1000, 'b')}));
  EXPECT_EQ(codes(slow), Codes{4});
  EXPECT_TRUE(slow.wire->get(&FakeWire::half_closed));
}

TEST_F(FlowTest, AClientThatNeverReadsIsGoneAfterABoundedTime) {
  options.outbox_limit = 10'000;
  open();
  const Player slow = join_admitted();
  slow.wire->take(0);
  for (int i = 0; i < 20; ++i) broadcast(60, std::string(1000, 'b'));
  later(1900);
  EXPECT_FALSE(slow.wire->get(&FakeWire::freed));
  later(300);
  EXPECT_TRUE(slow.wire->get(&FakeWire::freed));
}

TEST_F(FlowTest, ABurstToAClientThatReadsIsNoReasonToCloseIt) {
  options.outbox_limit = 10'000;
  open();
  const Player player = join_admitted();
  on([&] {  // one turn
    for (int i = 0; i < 100; ++i) {
      const auto body = test::bytes_of(std::string(1000, 'b'));
      ASSERT_EQ(clients->deliver({.kind = Kind::broadcast, .msg_id = 60, .to = owner, .client = {}, .body = body}),
                Delivery::sent);
    }
  });
  settle();
  EXPECT_EQ(player.wire->received().size(), 100U);
}

TEST_F(FlowTest, OneMessageLargerThanTheLimitIsNotSlowness) {
  options.outbox_limit = 100;
  open();
  const Player player = join();
  to_client(player, 50, std::string(60'000, 'x'));
  EXPECT_EQ(player.wire->received().size(), 1U);
}

TEST_F(FlowTest, TheQueueOfAWorkerIsBoundedAndSaysWhenThereIsRoom) {
  open();
  const Player player = join();
  std::promise<void> stuck;
  worker.post([&] { stuck.get_future().wait(); });  // the worker does not get to its queue
  const auto body = test::bytes_of(std::string(60'000, 'x'));
  const Envelope envelope{.kind = Kind::to_client, .msg_id = 50, .to = owner, .client = player.id, .body = body};
  std::size_t taken = 0;
  while (taken < 1000 && clients->deliver(envelope) == Delivery::sent) ++taken;
  EXPECT_GT(taken, 100U);
  EXPECT_LT(taken, 200U);
  const Envelope close{.kind = Kind::close_client, .status = 8, .to = owner, .client = player.id, .body = {}};
  EXPECT_EQ(clients->deliver(close), Delivery::sent) << "an end is taken also then";
  const int before = rooms;
  stuck.set_value();
  ASSERT_TRUE(eventually([&] { return rooms > before; }));
  ASSERT_TRUE(eventually([&] { return codes(player) == Codes{8}; }));
  EXPECT_EQ(player.wire->received().size(), taken + 1);
}

}  // namespace
}  // namespace cm::session
