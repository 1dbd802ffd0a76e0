// Which instance of a kind gets a client's messages.
#include "harness.hpp"

namespace cm::session {
namespace {

class BindingTest : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    game0 = up("game#0@t", 100);
    game1 = up("game#1@t", 5);
  }
  void load(const std::string& id, std::uint64_t users) { registry.set_load(names.service(id), users, 60'000); }
  Strings bindings() {
    std::vector<ClientRow> rows;
    on([&] { table->list(owner, 10, rows); });
    return rows.empty() ? Strings{} : rows[0].bindings;
  }
  std::shared_ptr<FakeService> game0, game1;
};

TEST_F(BindingTest, AnAuthMessageBindsToTheLeastLoadedFromThenOn) {
  open();
  const Player player = join_admitted();
  send(player, kChat, "a");
  load("game#1@t", 1000);
  send(player, kChat, "b");
  send(player, kTalk, "c");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), (Strings{"a", "b", "c"}));
  EXPECT_EQ(bindings(), Strings{"game#1@t"});
}

TEST_F(BindingTest, AnUnboundPassMessageGoesToTheLeastLoadedEachTime) {
  open();
  const Player player = join();
  send(player, kTalk, "a");
  load("game#1@t", 1000);
  send(player, kTalk, "b");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), Strings{"a"});
  EXPECT_EQ(bodies(game0->got(Kind::client_message)), Strings{"b"});
  EXPECT_EQ(bindings(), Strings{});
}

TEST_F(BindingTest, TheAgentBindsToAnyService) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  send(player, kChat, "a");
  EXPECT_EQ(bodies(game0->got(Kind::client_message)), Strings{"a"});
}

TEST_F(BindingTest, ABackendBindsToItselfOnly) {
  open();
  const Player player = join_admitted();
  command(Kind::bind, player, names.service("game#1@t"), "game#0@t");
  EXPECT_EQ(bindings(), Strings{});
  command(Kind::bind, player, names.service("game#0@t"), "game#0@t");
  EXPECT_EQ(bindings(), Strings{"game#0@t"});
  EXPECT_EQ(table->counters().bad_command.get(), 1U);
}

TEST_F(BindingTest, WhoIsBoundToAClientThatIsGoneIsToldSo) {
  open();
  const Player player = join_admitted();
  player.wire->finish();
  bind(player, "game#0@t");
  ASSERT_EQ(game0->got(Kind::client_closed).size(), 1U);
  EXPECT_EQ(game0->got(Kind::client_closed)[0].client, player.id);
  command(Kind::bind, player, names.service("game#1@t"), "game#0@t");  // not its own
  EXPECT_EQ(game0->got(Kind::client_closed).size(), 1U);
}

TEST_F(BindingTest, ABindingToWhoIsNotUpIsRefused) {
  open();
  const Player player = join_admitted();
  bind(player, "game#7@t");
  bind(player, "no service id");
  bind(player, "agent#0@t");
  EXPECT_EQ(bindings(), Strings{});
  EXPECT_EQ(table->counters().bad_command.get(), 3U);
}

TEST_F(BindingTest, UnbindSendsTheNextMessageToTheLeastLoaded) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  command(Kind::unbind, player, names.service("game#1@t"), "game");  // not its own
  EXPECT_EQ(bindings(), Strings{"game#0@t"});
  command(Kind::unbind, player, names.service("game#0@t"), "game");
  EXPECT_EQ(bindings(), Strings{});
  bind(player, "game#0@t");
  command(Kind::unbind, player, owner, "game");
  send(player, kChat, "a");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), Strings{"a"});
}

TEST_F(BindingTest, ALostBackendIsReplacedWithoutReconnecting) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  down("game#0@t");
  const auto all = notices(player);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].code, 105U);
  EXPECT_EQ(all[0].service, "game#1@t");
  const auto told = agent->got(Kind::rebound);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].client, player.id);
  EXPECT_EQ(told[0].from, names.service("game#0@t"));
  EXPECT_EQ(told[0].call, static_cast<std::uint64_t>(names.service("game#1@t")));
  send(player, kChat, "a");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), Strings{"a"});
}

TEST_F(BindingTest, WithoutAReplacementTheClientIsToldAndBoundLater) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  registry.remove(names.service("game#1@t"));
  down("game#0@t");
  const auto all = notices(player);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].code, 104U);
  EXPECT_EQ(all[0].service, "game#0@t");
  ASSERT_EQ(agent->got(Kind::rebound).size(), 1U);
  EXPECT_EQ(agent->got(Kind::rebound)[0].call, 0U);
  const auto game2 = up("game#2@t");
  send(player, kChat, "again");
  EXPECT_EQ(bodies(game2->got(Kind::client_message)), Strings{"again"});
  EXPECT_EQ(bindings(), Strings{"game#2@t"});
}

TEST_F(BindingTest, ManyClientsOfALostBackendAreSpread) {
  open();
  const auto game2 = up("game#2@t", 5);
  std::vector<Player> players;
  for (int i = 0; i < 20; ++i) {
    players.push_back(join_admitted());
    bind(players.back(), "game#0@t");
  }
  down("game#0@t");
  for (const Player& player : players) send(player, kChat);
  EXPECT_EQ(game1->got().size(), 10U);
  EXPECT_EQ(game2->got().size(), 10U);
}

TEST_F(BindingTest, AMessageToABackendThatIsGoneGoesToItsReplacement) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  game0->answer(Delivery::gone);
  send(player, kChat, "a");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), Strings{"a"});
  EXPECT_EQ(codes(player), Codes{105});
  down("game#0@t");
  EXPECT_EQ(codes(player), Codes{105}) << "told once";
}

TEST_F(BindingTest, AMessageIsAnsweredWhenEveryBackendIsGone) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  game0->answer(Delivery::gone);
  game1->answer(Delivery::gone);
  send(player, kChat, "a");
  EXPECT_EQ(codes(player).back(), 103U);
  send(player, kPing, "alive");
  EXPECT_EQ(bodies(agent->got(Kind::client_message)), Strings{"alive"});
}

TEST_F(BindingTest, ADrainingServiceKeepsItsClientsAndGetsNoNew) {
  open();
  const Player old = join_admitted();
  bind(old, "game#1@t");
  registry.update(names.service("game#1@t"), [](routing::ServiceEntry& entry) { entry.draining = true; });
  const Player young = join_admitted();
  send(old, kChat, "old");
  send(young, kChat, "young");
  EXPECT_EQ(bodies(game1->got(Kind::client_message)), Strings{"old"});
  EXPECT_EQ(bodies(game0->got(Kind::client_message)), Strings{"young"});
}

TEST_F(BindingTest, TheEndIsToldOnceToWhomTheClientKnew) {
  open();
  const auto mail = up("mail#0@t");
  const Player player = join_admitted();
  send(player, kTalk, "spoken to the least-loaded");
  bind(player, "game#0@t");
  send(player, kChat, "bound");
  player.wire->finish();
  settle();
  for (const auto& service : {agent, game0, game1}) {
    const auto ends = service->got(Kind::client_closed);
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_EQ(ends[0].client, player.id);
    EXPECT_EQ(ends[0].status, static_cast<int>(CloseReason::by_client));
  }
  EXPECT_TRUE(mail->got().empty());
  EXPECT_EQ(game0->got().back().kind, Kind::client_closed) << "after its messages";
}

TEST_F(BindingTest, AnEndThatFindsNoRoomIsToldLater) {
  open();
  const Player player = join_admitted();
  bind(player, "game#0@t");
  game0->answer(Delivery::full);
  player.wire->finish();
  settle();
  EXPECT_TRUE(game0->got().empty());
  EXPECT_EQ(agent->got(Kind::client_closed).size(), 1U);
  game0->answer(Delivery::sent);
  later(100);
  later(100);
  EXPECT_EQ(game0->got(Kind::client_closed).size(), 1U);
}

}  // namespace
}  // namespace cm::session
