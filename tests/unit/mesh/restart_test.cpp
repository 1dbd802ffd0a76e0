// A peer that dies, and comes back as another process or not at all.
#include <cellmesh/abi/clients.h>

#include "unit/mesh/harness.hpp"

namespace cm::mesh {
namespace {

class PeerRestarts : public LinkTest {
 protected:
  void SetUp() override { LinkTest::SetUp(); }
  // The reason a held message is kept: it was never sent.
  void break_link() {
    proxy->refuse(true);
    proxy->cut(true);
    ASSERT_TRUE(wait_until([&] { return a->link("b").state != "up"; }));
  }
};

TEST_F(PeerRestarts, WhatWasNeverSentWaitsForServicesThatComeBack) {
  Config patient = config_of("a");
  patient.grace = 600s;
  link(patient);
  b->up("chat#0@t");
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  break_link();
  for (int i = 0; i < 5; ++i) ASSERT_EQ(a->send("hub#0@t", "game#0@t", std::to_string(i)), Delivery::sent);
  ASSERT_EQ(a->send("chat#0@t", "game#0@t", "to chat"), Delivery::sent);
  kill_b();
  restart_b();
  ASSERT_TRUE(a->wait_up("b"));
  for (int i = 5; i < 8; ++i) ASSERT_EQ(a->send("hub#0@t", "game#0@t", std::to_string(i)), Delivery::sent);
  hub = &b->up("hub#0@t");
  ASSERT_TRUE(wait_until([&] { return hub->got().size() >= 8; }));
  ASSERT_EQ(a->send("hub#0@t", "game#0@t", "8"), Delivery::sent);
  ASSERT_TRUE(wait_until([&] { return hub->got().size() >= 9; }));
  const auto got = hub->got();
  ASSERT_EQ(got.size(), 9U);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)].body, std::to_string(i));
  EXPECT_EQ(a->downs, 0U);
  EXPECT_TRUE(a->sees("chat#0@t"));  // not back yet, its grace runs
  EXPECT_EQ(a->link("b").boot, b->boot);
}

TEST_F(PeerRestarts, AServiceThatDoesNotComeBackGoesAfterTheGraceTime) {
  link();
  b->up("chat#0@t");
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  break_link();
  ASSERT_EQ(a->send("chat#0@t", "game#0@t", "lost"), Delivery::sent);
  kill_b();
  restart_b();
  b->up("hub#0@t");
  ASSERT_TRUE(wait_until([&] { return !a->sees("chat#0@t"); }));
  EXPECT_TRUE(a->sees("hub#0@t"));
  EXPECT_EQ(a->downs, 1U);
  EXPECT_TRUE(wait_until([&] { return a->link("b").lost == 1; }));
}

TEST_F(PeerRestarts, ARestartAfterTheGraceTimeBeginsAnew) {
  link();
  kill_b();
  ASSERT_TRUE(wait_until([&] { return !a->sees("hub#0@t"); }));
  restart_b();
  hub = &b->up("hub#0@t");
  ASSERT_TRUE(a->wait_sees("hub#0@t"));
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", "x"));
  EXPECT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
}

TEST_F(PeerRestarts, WhatWasMeantForClientsAndCallsOfTheDeadIsDropped) {
  Config patient = config_of("a");
  patient.grace = 600s;
  link(patient);
  b->up("agent#0@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  break_link();
  Envelope reply = a->envelope(Kind::reply, "agent#0@t", "game#0@t", "old answer");
  reply.call = 1;
  Envelope to_client = a->envelope(Kind::to_client, "agent#0@t", "game#0@t", "old client");
  to_client.client = {to_client.to, 1};
  ASSERT_EQ(a->deliver(reply), Delivery::sent);
  ASSERT_EQ(a->deliver(to_client), Delivery::sent);
  ASSERT_EQ(a->send("agent#0@t", "game#0@t", "to whoever is agent"), Delivery::sent);
  kill_b();
  restart_b();
  auto& agent = b->up("agent#0@t", "h:1");
  ASSERT_TRUE(wait_until([&] { return !agent.got().empty(); }));
  EXPECT_EQ(agent.got().size(), 1U);
  EXPECT_EQ(agent.got()[0].body, "to whoever is agent");
}

// game#0@t of a has been spoken to by clients 1 and 2 of agent#0@t, was called for 3, has bound 4, and had an end of 2.
class ClientsOfADeadAgent : public PeerRestarts {
 protected:
  void SetUp() override {
    link();
    auto& agent = b->up("agent#0@t", "h:1");
    ASSERT_TRUE(a->wait_sees("agent#0@t"));
    Envelope bind = a->envelope(Kind::bind, "agent#0@t", "game#0@t", "game#0@t");
    bind.client = {bind.to, 4};
    ASSERT_EQ(a->deliver(bind), Delivery::sent);
    ASSERT_TRUE(wait_until([&] { return agent.got().size() == 1; }));
    say(Kind::client_message, 1);
    say(Kind::client_message, 1);
    say(Kind::client_message, 2);
    say(Kind::call, 3);
    say(Kind::client_closed, 2);
    ASSERT_TRUE(wait_until([&] { return game->got().size() == 5; }));
  }
  void say(Kind kind, std::uint64_t session) {
    Envelope e = b->envelope(kind, "game#0@t", "agent#0@t", "x");
    e.client = {e.from, session};
    e.call = kind == Kind::call ? 77 : 0;
    ASSERT_EQ(b->deliver(e), Delivery::sent);
  }
  // The ends that game was told, but for the real one of 2.
  std::vector<std::uint64_t> ends() {
    std::vector<std::uint64_t> sessions;
    for (const auto& got : game->got(Kind::client_closed)) {
      if (got.client.session == 2) continue;
      EXPECT_EQ(got.status, CM_CLOSE_GATEWAY_LOST);
      EXPECT_EQ(got.client.agent, a->ref("agent#0@t"));
      sessions.push_back(got.client.session);
    }
    std::sort(sessions.begin(), sessions.end());
    return sessions;
  }
  const std::vector<std::uint64_t> expected{1, 3, 4};
};

TEST_F(ClientsOfADeadAgent, AreToldClosedOnceWhenItsHostIsGivenUp) {
  kill_b();
  EXPECT_TRUE(test::stays_true([&] { return !a->sees("agent#0@t") || ends().empty(); }, 300ms));
  ASSERT_TRUE(wait_until([&] { return !a->sees("agent#0@t"); }));
  EXPECT_TRUE(wait_until([&] { return ends().size() >= 3; }));
  EXPECT_EQ(ends(), expected);
  EXPECT_EQ(game->got(Kind::client_closed).size(), 4U);
}

TEST_F(ClientsOfADeadAgent, AreToldClosedWhenItsHostRestarts) {
  kill_b();
  restart_b();
  b->up("agent#0@t", "h:1");
  EXPECT_TRUE(wait_until([&] { return ends() == expected; }));
  EXPECT_EQ(a->downs, 0U);
}

TEST_F(ClientsOfADeadAgent, AreToldClosedWhenItIsWithdrawn) {
  b->down("agent#0@t");
  EXPECT_TRUE(wait_until([&] { return ends() == expected; }));
}

TEST_F(ClientsOfADeadAgent, AreToldClosedWhenItsHostSaysGoodbye) {
  b->mesh->stop();
  EXPECT_TRUE(wait_until([&] { return ends() == expected; }));
}

TEST_F(ClientsOfADeadAgent, AreKeptOverABrokenConnection) {
  proxy->cut(true);
  ASSERT_TRUE(wait_until([&] { return a->link("b").reconnects == 1 && a->link("b").state == "up"; }));
  say(Kind::client_closed, 1);
  EXPECT_TRUE(wait_until([&] { return game->got(Kind::client_closed).size() == 2; }));
  EXPECT_EQ(game->got(Kind::client_closed)[1].status, 0);
}

}  // namespace
}  // namespace cm::mesh
