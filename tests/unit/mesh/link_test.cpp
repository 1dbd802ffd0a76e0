#include "unit/mesh/harness.hpp"

namespace cm::mesh {
namespace {

using LinkBasics = LinkTest;

TEST_F(LinkBasics, ServicesOfEachAreKnownToTheOther) {
  link();
  const auto entry = a->registry.find(a->ref("hub#0@t")).value();
  EXPECT_EQ(entry.host, "b");
  EXPECT_EQ(entry.kind, a->names.kind("hub"));
  EXPECT_EQ(entry.clients, nullptr);
  b->up("agent#0@t", "127.0.0.1:4000");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  const auto agent = a->registry.find(a->ref("agent#0@t")).value();
  EXPECT_EQ(agent.public_address, "127.0.0.1:4000");
  EXPECT_TRUE(agent.gateway);
  EXPECT_NE(agent.clients, nullptr);
}

TEST_F(LinkBasics, ChangesOfAServiceAreTold) {
  link();
  b->registry.update(b->ref("hub#0@t"), [](auto& entry) { entry.draining = true; });
  EXPECT_TRUE(wait_until([&] { return a->registry.find(a->ref("hub#0@t"))->draining; }));
  b->registry.update(b->ref("hub#0@t"), [](auto& entry) { entry.unhealthy = "it is sick"; });
  EXPECT_TRUE(wait_until([&] { return a->registry.find(a->ref("hub#0@t"))->unhealthy == "it is sick"; }));
  b->registry.update(b->ref("hub#0@t"), [](auto& entry) { entry.unhealthy.clear(); });
  EXPECT_TRUE(wait_until([&] { return a->registry.find(a->ref("hub#0@t"))->unhealthy.empty(); }));
  b->registry.set_load(b->ref("hub#0@t"), 17, 60'000);
  EXPECT_TRUE(wait_until([&] {
    const auto snapshot = a->registry.snapshot();
    const auto* entry = snapshot->find(a->ref("hub#0@t"));
    return Registry::load_known(*entry) && entry->load->users == 17;
  }));
  b->down("hub#0@t");
  EXPECT_TRUE(wait_until([&] { return !a->sees("hub#0@t"); }));
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", "x"), Delivery::gone);
}

TEST_F(LinkBasics, EveryFieldArrivesAsItWasSent) {
  link();
  b->up("agent#7@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#7@t"));
  Envelope e = a->envelope(Kind::call, "hub#0@t", "game#0@t", "body");
  e.msg_id = 60'000;
  e.status = -5;
  e.client = {a->ref("agent#7@t"), 0xFFFF'FFFF'FFFF'FFF0ULL};
  e.call = 0x1234'5678'9ABC'DEF0ULL;
  ASSERT_EQ(a->deliver(e), Delivery::sent);
  ASSERT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
  const auto got = hub->got().front();
  EXPECT_EQ(got.kind, Kind::call);
  EXPECT_EQ(got.msg_id, 60'000);
  EXPECT_EQ(got.status, -5);
  EXPECT_EQ(got.to, b->ref("hub#0@t"));
  EXPECT_EQ(got.from, b->ref("game#0@t"));
  EXPECT_EQ(got.client, (ClientId{b->ref("agent#7@t"), 0xFFFF'FFFF'FFFF'FFF0ULL}));
  EXPECT_EQ(got.call, 0x1234'5678'9ABC'DEF0ULL);
  EXPECT_EQ(got.body, "body");
}

TEST_F(LinkBasics, KindsForClientsGoToTheClientsOfAService) {
  link();
  auto& agent = b->up("agent#0@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  for (const Kind kind : {Kind::to_client, Kind::broadcast, Kind::close_all, Kind::bind}) {
    Envelope e = a->envelope(kind, "agent#0@t", "game#0@t", "x");
    e.client = {e.to, 5};
    ASSERT_EQ(a->deliver(e), Delivery::sent);
  }
  EXPECT_TRUE(wait_until([&] { return agent.got().size() == 4; }));
}

TEST_F(LinkBasics, TheLargestBodiesPassWhole) {
  link();
  auto& agent = b->up("agent#0@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  std::string large(4U << 20U, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7U);
  const std::string client(65'533, 'c');
  proxy->chop(10'007);
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", large));
  a->send_all(a->envelope(Kind::to_client, "agent#0@t", "game#0@t", client));
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", "after"));
  ASSERT_TRUE(wait_until([&] { return hub->got().size() == 2; }));
  EXPECT_EQ(hub->got()[0].body, large);
  EXPECT_EQ(hub->got()[1].body, "after");
  ASSERT_EQ(agent.got().size(), 1U);
  EXPECT_EQ(agent.got()[0].body, client);
}

TEST_F(LinkBasics, WhatIsLargerIsNotTaken) {
  link();
  b->up("agent#0@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  const std::string over((4U << 20U) + (64U << 10U) + 1, 'x');
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", over), Delivery::too_large);
  EXPECT_EQ(a->deliver(a->envelope(Kind::to_client, "agent#0@t", "game#0@t", over.substr(0, 65'534))),
            Delivery::too_large);
  EXPECT_EQ(a->send("hub#0@t", "game#0@t", "x"), Delivery::sent);
  EXPECT_TRUE(wait_until([&] { return hub->got().size() == 1; }));
}

TEST_F(LinkBasics, GoodbyeTakesServicesDownAtOnce) {
  Config slow = config_of("a");
  slow.grace = 600s;
  link(slow);
  ASSERT_EQ(b->send("game#0@t", "hub#0@t", "last words"), Delivery::sent);
  b->mesh->stop();
  EXPECT_TRUE(wait_until([&] { return !a->sees("hub#0@t"); }));
  ASSERT_EQ(game->got().size(), 1U);
  EXPECT_EQ(game->got()[0].body, "last words");
}

TEST_F(LinkBasics, AForgottenHostIsDialedNoMore) {
  link();
  a->mesh->set_peers({});
  EXPECT_TRUE(a->wait_up("b"));  // its link stays while it is up
  kill_b();
  EXPECT_TRUE(wait_until([&] { return a->mesh->links().empty(); }));
}

TEST_F(LinkBasics, AForgottenHostLeavesNothingBehind) {
  link();
  const std::weak_ptr<routing::Destination> way_to_b = a->registry.find(a->ref("hub#0@t"))->mailbox;
  // a's side of the link has looked into the registry, where its own services of b stand.
  b->send_all(b->envelope(Kind::message, "game#0@t", "hub#0@t", "look"));
  ASSERT_TRUE(wait_until([&] { return game->got().size() == 1; }));
  a->mesh->set_peers({});
  kill_b();
  EXPECT_TRUE(wait_until([&] { return a->mesh->links().empty(); }));
  EXPECT_TRUE(wait_until([&] { return way_to_b.expired(); }));
}

TEST_F(LinkBasics, LinksTellWhatGoesOn) {
  link();
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", std::string(1000, 'x')));
  EXPECT_TRUE(wait_until([&] {
    const auto info = a->link("b");
    return info.messages_out == 1 && info.bytes_out > 1000 && info.unacked < 1000 && info.queued == 0 &&
           info.rtt_ms.has_value() && info.services == std::vector<std::string>{"hub#0@t"};
  }));
  const auto info = a->link("b");
  EXPECT_EQ(info.boot, b->boot);
  EXPECT_TRUE(info.dialed);
  EXPECT_EQ(info.address, proxy->address());
  EXPECT_FALSE(b->link("a").dialed);
}

TEST_F(LinkBasics, ProbeTellsWhoIsThere) {
  link();
  const auto info = probe(b->address, 5s);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->host, "b");
  EXPECT_EQ(info->mesh, "test");
  EXPECT_EQ(info->boot, b->boot);
  const std::string address = b->address;
  kill_b();
  EXPECT_FALSE(probe(address, 5s));
}

}  // namespace
}  // namespace cm::mesh
