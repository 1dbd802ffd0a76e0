// What services send to clients and ask of them.
#include "harness.hpp"

namespace cm::session {
namespace {

using CommandTest = SessionTest;

TEST_F(CommandTest, AMessageToAClientArrives) {
  open();
  const Player player = join();
  EXPECT_EQ(to_client(player, 50, "hi"), Delivery::sent);
  EXPECT_EQ(to_client(player, 51, ""), Delivery::sent);
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, "hi"}, {51, ""}}));
}

TEST_F(CommandTest, TheLargestMessageArrivesAndALargerOneIsRefused) {
  open();
  const Player player = join();
  const std::string largest(net::kMaxFrameBody, 'x');
  EXPECT_EQ(to_client(player, 50, largest), Delivery::sent);
  EXPECT_EQ(to_client(player, 50, largest + "x"), Delivery::too_large);
  EXPECT_EQ(broadcast(50, largest + "x"), Delivery::too_large);
  EXPECT_EQ(command(Kind::to_clients, {}, owner, client_list({player.id.session}, largest + "x"), 0, 50),
            Delivery::too_large);
  EXPECT_EQ(player.wire->received(), (std::vector<Received>{{50, largest}}));
}

TEST_F(CommandTest, ABroadcastReachesAdmittedClientsOnly) {
  open();
  const Player admitted = join_admitted();
  const Player stranger = join();
  broadcast(60, "all");
  EXPECT_EQ(admitted.wire->received(), (std::vector<Received>{{60, "all"}}));
  EXPECT_TRUE(stranger.wire->received().empty());
}

TEST_F(CommandTest, AMessageToAListReachesEachOfIt) {
  open();
  const Player a = join();
  const Player b = join();
  const Player c = join();
  command(Kind::to_clients, {}, owner, client_list({a.id.session, 12345, c.id.session}, "hi"), 0, 50);
  EXPECT_EQ(a.wire->received(), (std::vector<Received>{{50, "hi"}}));
  EXPECT_TRUE(b.wire->received().empty());
  EXPECT_EQ(c.wire->received(), (std::vector<Received>{{50, "hi"}}));
}

TEST_F(CommandTest, AnEmptyListReachesAndClosesNobody) {
  open();
  const Player player = join();
  command(Kind::to_clients, {}, owner, client_list({}, "hi"), 0, 50);
  command(Kind::close_clients, {}, owner, client_list({}, "bye"), CM_CLOSE_KICKED);
  EXPECT_TRUE(player.wire->received().empty());
}

TEST_F(CommandTest, AListThatLiesAboutItsLengthIsIgnoredAndCounted) {
  open();
  const Player player = join();
  for (std::string lie : {std::string(), std::string("\1\0", 2), client_list({player.id.session}, "").substr(0, 11),
                          std::string("\xFF\xFF\xFF\xFF", 4) + std::string(100, 'x')}) {
    command(Kind::to_clients, {}, owner, lie, 0, 50);
    command(Kind::close_clients, {}, owner, lie, CM_CLOSE_KICKED);
  }
  EXPECT_TRUE(player.wire->received().empty());
  EXPECT_EQ(table->counters().bad_command.get(), 8U);
}

TEST_F(CommandTest, CloseClosesOneAListOrAll) {
  open();
  std::vector<Player> p;
  for (int i = 0; i < 5; ++i) p.push_back(join());
  command(Kind::close_client, p[0], names.service("hub#0@t"), "one", CM_CLOSE_KICKED);
  EXPECT_EQ(frontend->clients, 4U);
  command(Kind::close_clients, {}, owner, client_list({p[1].id.session, p[2].id.session}, "some"), CM_CLOSE_KICKED);
  EXPECT_EQ(frontend->clients, 2U);
  command(Kind::close_all, {}, owner, "all", CM_CLOSE_GOING_DOWN);
  EXPECT_EQ(frontend->clients, 0U);
  const Strings texts{"one", "some", "some", "all", "all"};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(notices(p[i]).at(0).text, texts[i]);
  EXPECT_EQ(codes(p[4]), Codes{9});
}

TEST_F(CommandTest, AnUnknownClientIsIgnored) {
  open();
  const Player player = join();
  Player other = player;
  const std::uint64_t real = player.id.session;
  for (const std::uint64_t number :
       {real - real, real + 1, real ^ (std::uint64_t{1} << 41U), real ^ (std::uint64_t{7} << 32U)}) {
    other.id.session = number;
    EXPECT_EQ(to_client(other, 50, "x"), Delivery::sent);
    EXPECT_EQ(command(Kind::close_client, other, owner, {}, CM_CLOSE_KICKED), Delivery::sent);
  }
  EXPECT_TRUE(player.wire->received().empty());
}

TEST_F(CommandTest, AClientOfAnotherFrontendIsUnknown) {
  open();
  const Player player = join();
  const ServiceRef login = names.service("login#0@t");
  const auto other = std::make_shared<Frontend>(login, names.kind("login"), options);
  on([&] { table->add(other, options); });
  FrontendClients others(other, {table});
  const Envelope close{.kind = Kind::close_client, .status = 8, .to = owner, .client = player.id, .body = {}};
  EXPECT_EQ(others.deliver(close), Delivery::sent);
  settle();
  EXPECT_TRUE(player.wire->received().empty());
  on([&] { table->remove(*other); });
}

TEST_F(CommandTest, WhatIsNoCommandIsRefused) {
  open();
  const Player player = join();
  EXPECT_EQ(command(Kind::client_message, player, owner), Delivery::gone);
  EXPECT_EQ(command(static_cast<Kind>(200), player, owner), Delivery::sent);
  EXPECT_EQ(table->counters().bad_command.get(), 1U);
}

TEST_F(CommandTest, AClosedFrontendIsGone) {
  open();
  const Player player = join();
  frontend->closed = true;
  EXPECT_EQ(to_client(player, 50, "x"), Delivery::gone);
  frontend->closed = false;
}

TEST_F(CommandTest, OrderIsKeptFromOneSenderToOneClient) {
  open();
  const Player player = join_admitted();
  std::vector<Received> expected;
  std::thread sender([&] {
    for (int i = 0; i < 20'000; ++i) {
      const std::string text = std::to_string(i);
      const auto body = test::bytes_of(text);
      const bool all = i % 3 == 0;
      const Envelope e{.kind = all ? Kind::broadcast : Kind::to_client,
                       .msg_id = 50,
                       .to = owner,
                       .client = all ? ClientId{} : player.id,
                       .body = body};
      while (clients->deliver(e) == Delivery::full) std::this_thread::yield();
      expected.push_back({50, text});
    }
  });
  sender.join();
  ASSERT_TRUE(eventually([&] { return player.wire->received().size() == expected.size(); }));
  EXPECT_EQ(player.wire->received(), expected);
}

TEST_F(CommandTest, ClientsAreListed) {
  const auto game = up("game#0@t");
  open();
  const Player a = join_admitted();
  a.wire->take(0);
  bind(a, "game#0@t");
  to_client(a, 50, "waits");
  join();
  later(3000);
  std::vector<ClientRow> rows;
  on([&] { table->list(owner, 1, rows); });
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, a.id);
  EXPECT_EQ(rows[0].address, "203.0.113.7:50123");
  EXPECT_TRUE(rows[0].admitted);
  EXPECT_EQ(rows[0].bindings, Strings{"game#0@t"});
  EXPECT_EQ(rows[0].queued_bytes, 9U);
  EXPECT_GE(rows[0].age_ms, 3000);
  rows.clear();
  on([&] { table->list(owner, 100, rows); });
  EXPECT_EQ(rows.size(), 2U);
}

}  // namespace
}  // namespace cm::session
