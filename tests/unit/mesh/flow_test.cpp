// Limits: what is full says so, nothing is lost, and others go on.
#include "unit/mesh/harness.hpp"

namespace cm::mesh {
namespace {

class LinkFlow : public LinkTest {
 protected:
  // Sends numbered messages to a service until one is not taken; returns how many were. A bound ends it.
  std::uint64_t fill(const std::string& to, std::size_t size, std::uint64_t most) {
    std::uint64_t sent = 0;
    for (; sent < most; ++sent) {
      const std::string body = std::to_string(sent) + " " + std::string(size, 'x');
      if (a->send(to, "game#0@t", body) != Delivery::sent) break;
    }
    return sent;
  }
  static void expect_in_order(FakeService& service, std::uint64_t count) {
    ASSERT_TRUE(wait_until([&] { return service.got().size() >= count; }));
    const auto got = service.got();
    ASSERT_EQ(got.size(), count);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(std::stoull(got[i].body), i);
  }
};

TEST_F(LinkFlow, AStalledPeerIsFullAndThenHasRoom) {
  Config config = config_of("a");
  config.outbox_soft = 256U << 10U;
  config.outbox_hard = 512U << 10U;
  link(config);
  proxy->hold(true);
  std::uint64_t sent = 0;
  ASSERT_TRUE(wait_until([&] {
    const std::uint64_t taken = fill("hub#0@t", 1000, 100'000);
    sent += taken;
    return taken < 100'000 && a->send("hub#0@t", "game#0@t", "no") == Delivery::full;
  }));
  EXPECT_LT(sent * 1000, 20U << 20U);
  // What must arrive is taken up to the hard limit, and not past it.
  Envelope reply = a->envelope(Kind::reply, "hub#0@t", "game#0@t", std::string(1000, 'r'));
  const std::string body(1000, 'r');
  reply.body = bytes_of(body);
  std::uint64_t replies = 0;
  while (replies < 10'000 && a->deliver(reply) == Delivery::sent) ++replies;
  EXPECT_GT(replies, 0U);
  EXPECT_LT(replies, 1000U);
  const auto rooms = a->rooms.load();
  proxy->hold(false);
  EXPECT_TRUE(wait_until([&] { return a->rooms > rooms; }));
  EXPECT_TRUE(wait_until([&] { return hub->got(Kind::reply).size() == replies; }));
  a->send_all(a->envelope(Kind::message, "hub#0@t", "game#0@t", "room"));
  EXPECT_TRUE(wait_until([&] { return hub->got().back().body == "room"; }));
  EXPECT_EQ(a->link("b").lost, 0U);
}

TEST_F(LinkFlow, AFullServiceHoldsNobodyElseUp) {
  link();
  auto& chat = b->up("chat#0@t");
  ASSERT_TRUE(a->wait_sees("chat#0@t"));
  hub->answer(Delivery::full);
  std::uint64_t sent = fill("hub#0@t", 100, 200);
  // a hears of it, and takes no more for hub.
  ASSERT_TRUE(wait_until([&] {
    const Delivery delivery = a->send("hub#0@t", "game#0@t", std::to_string(sent));
    if (delivery == Delivery::sent) ++sent;
    return delivery == Delivery::full;
  }));
  std::uint64_t to_chat = 0;
  for (; to_chat < 1000; ++to_chat) {
    ASSERT_EQ(a->send("chat#0@t", "game#0@t", std::to_string(to_chat)), Delivery::sent);
  }
  expect_in_order(chat, to_chat);
  EXPECT_TRUE(hub->got().empty());
  EXPECT_TRUE(wait_until([&] { return b->link("a").parked > 0; }));
  const auto rooms = a->rooms.load();
  hub->answer(Delivery::sent);
  b->registry.notify_room(b->ref("hub#0@t"));
  EXPECT_TRUE(wait_until([&] { return a->rooms > rooms; }));
  expect_in_order(*hub, sent);
  ASSERT_EQ(a->send("hub#0@t", "game#0@t", std::to_string(sent)), Delivery::sent);
  expect_in_order(*hub, sent + 1);
}

TEST_F(LinkFlow, RoomIsFoundWithoutBeingTold) {
  link();
  hub->answer(Delivery::full);
  const std::uint64_t sent = fill("hub#0@t", 100, 20);
  ASSERT_TRUE(wait_until([&] { return hub->asked() > 0; }));
  hub->answer(Delivery::sent);
  expect_in_order(*hub, sent);
}

TEST_F(LinkFlow, TheClientsOfAFullFrontendAreApartFromItsService) {
  link();
  auto& agent = b->up("agent#0@t", "h:1");
  ASSERT_TRUE(a->wait_sees("agent#0@t"));
  // One destination for both here; only its clients are asked first.
  agent.answer(Delivery::full);
  ASSERT_EQ(a->deliver(a->envelope(Kind::broadcast, "agent#0@t", "game#0@t", "b")), Delivery::sent);
  ASSERT_TRUE(wait_until(
      [&] { return a->deliver(a->envelope(Kind::broadcast, "agent#0@t", "game#0@t", "b")) == Delivery::full; }));
  agent.answer(Delivery::sent);
  EXPECT_EQ(a->send("agent#0@t", "game#0@t", "to the service"), Delivery::sent);
}

TEST_F(LinkFlow, WithTooMuchParkedTheLinkIsNotReadUntilThereIsRoom) {
  Config config_b = config_of("b");
  config_b.backlog = 64U << 10U;
  link(config_of("a"), config_b);
  hub->answer(Delivery::full);
  // All of it is on its way before a can hear that hub is full.
  proxy->hold(true);
  const std::uint64_t sent = fill("hub#0@t", 10'000, 400);
  ASSERT_EQ(sent, 400U);
  proxy->hold(false);
  ASSERT_TRUE(wait_until([&] { return b->link("a").parked > (64U << 10U); }));
  EXPECT_LE(b->link("a").parked, (64U << 10U) + (256U << 10U) + 20'000);
  EXPECT_EQ(a->link("b").state, "up");
  hub->answer(Delivery::sent);
  b->registry.notify_room(b->ref("hub#0@t"));
  expect_in_order(*hub, sent);
  EXPECT_EQ(a->link("b").reconnects, 0U);
}

TEST_F(LinkFlow, AFullServiceStaysSoOverABrokenConnection) {
  link();
  hub->answer(Delivery::full);
  std::uint64_t sent = fill("hub#0@t", 100, 50);
  ASSERT_TRUE(wait_until([&] { return hub->asked() > 0; }));
  proxy->cut(true);
  ASSERT_TRUE(wait_until([&] { return a->link("b").reconnects == 1 && a->link("b").state == "up"; }));
  ASSERT_TRUE(wait_until([&] {
    const Delivery delivery = a->send("hub#0@t", "game#0@t", std::to_string(sent));
    if (delivery == Delivery::sent) ++sent;
    return delivery == Delivery::full;
  }));
  hub->answer(Delivery::sent);
  b->registry.notify_room(b->ref("hub#0@t"));
  expect_in_order(*hub, sent);
}

TEST_F(LinkFlow, WhatWaitedForAServiceThatEndedIsDropped) {
  link();
  hub->answer(Delivery::full);
  ASSERT_EQ(a->send("hub#0@t", "game#0@t", "0"), Delivery::sent);
  ASSERT_TRUE(wait_until([&] { return hub->asked() > 0; }));
  b->down("hub#0@t");
  EXPECT_TRUE(wait_until([&] { return b->link("a").lost == 1 && b->link("a").parked == 0; }));
}

}  // namespace
}  // namespace cm::mesh
