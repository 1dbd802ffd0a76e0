// A linked peer that lies: its link is closed with a reason, and nobody else is harmed.
#include <cellmesh/abi/types.h>

#include "unit/mesh/harness.hpp"
#include "unit/mesh/raw_peer.hpp"

namespace cm::mesh {
namespace {

class Liar : public testing::Test {
 protected:
  void SetUp() override {
    a = std::make_unique<Host>(config_of("a"));
    game = &a->up("game#0@t");
    honest = std::make_unique<Host>(config_of("honest"));
    honest->up("hub#0@t");
    honest->dial(*a);
    ASSERT_TRUE(a->wait_sees("hub#0@t"));
    peer = std::make_unique<RawPeer>(a->address);
    ASSERT_TRUE(peer->link(RawPeer::hello("liar"), "agent#0@t"));
    ASSERT_TRUE(a->wait_sees("agent#0@t"));
    peer->define(kGame, "game#0@t");
    e.kind = Kind::message;
    e.to = static_cast<ServiceRef>(kGame);
    e.from = static_cast<ServiceRef>(kAgent);
  }
  void TearDown() override {
    if (a == nullptr) return;
    honest->send_all(honest->envelope(Kind::message, "game#0@t", "hub#0@t", "well"));
    EXPECT_TRUE(wait_until([&] { return !game->got().empty() && game->got().back().body == "well"; }));
  }
  void expect_closed(const std::string& because) {
    EXPECT_NE(peer->read_goodbye().find(because), std::string::npos) << because;
    EXPECT_TRUE(wait_until([&] { return !a->sees("agent#0@t"); }));
    EXPECT_TRUE(a->sees("hub#0@t"));
  }

  static constexpr std::uint32_t kAgent = 1;
  static constexpr std::uint32_t kGame = 2;
  std::unique_ptr<Host> a;
  FakeService* game = nullptr;
  std::unique_ptr<Host> honest;
  std::unique_ptr<RawPeer> peer;
  Envelope e;
};

TEST_F(Liar, AnHonestEnvelopeIsTaken) {
  peer->envelope(e);
  EXPECT_TRUE(wait_until([&] { return game->got().size() == 1; }));
}

TEST_F(Liar, ACallToAServiceThatIsNotHereIsAnswered) {
  peer->define(9, "chat#0@t");
  e.kind = Kind::call;
  e.to = static_cast<ServiceRef>(9);
  e.call = 33;
  peer->envelope(e);
  const auto payload = peer->read(FrameType::envelope);
  ASSERT_TRUE(payload);
  const auto answer = decode_envelope(bytes_of(*payload));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kind, Kind::reply);
  EXPECT_EQ(answer->status, CM_UNAVAILABLE);
  EXPECT_EQ(answer->call, 33U);
}

TEST_F(Liar, WhatIsMeantForAThirdHostIsNotForwarded) {
  auto& hub = honest->up("mail#0@t");
  ASSERT_TRUE(a->wait_sees("mail#0@t"));
  peer->define(9, "mail#0@t");
  e.to = static_cast<ServiceRef>(9);
  peer->envelope(e);
  e.to = static_cast<ServiceRef>(kGame);
  peer->envelope(e);
  EXPECT_TRUE(wait_until([&] { return game->got().size() == 1; }));
  EXPECT_TRUE(hub.got().empty());
}

TEST_F(Liar, LocalKindsAreLies) {
  e.kind = Kind::admit;
  peer->envelope(e);
  expect_closed("malformed envelope");
}

TEST_F(Liar, UnknownKindsAreLies) {
  e.kind = static_cast<Kind>(40);
  peer->envelope(e);
  expect_closed("malformed envelope");
}

TEST_F(Liar, AServiceMustBeDefined) {
  e.to = static_cast<ServiceRef>(99'999);
  peer->envelope(e);
  expect_closed("did not define");
}

TEST_F(Liar, ADefinitionStays) {
  peer->define(kGame, "hub#0@t");
  expect_closed("twice");
}

TEST_F(Liar, ARefHasALimit) {
  peer->define(kMaxRef + 1, "x#0@t");
  expect_closed("refs are 1 to");
}

TEST_F(Liar, AServiceIdHasAForm) {
  peer->define(10, "no such form");
  expect_closed("write it as name#index@group");
}

TEST_F(Liar, NobodySpeaksForAnotherHostsService) {
  peer->define(10, "hub#0@t");
  e.from = static_cast<ServiceRef>(10);
  peer->envelope(e);
  expect_closed("spoke for a service that is on another host");
}

TEST_F(Liar, NobodySpeaksForThisHostsService) {
  e.from = static_cast<ServiceRef>(kGame);
  peer->envelope(e);
  expect_closed("spoke for a service that is on another host");
}

TEST_F(Liar, NobodySpeaksForTheClientsOfAnotherAgent) {
  peer->define(10, "hub#0@t");
  e.kind = Kind::client_message;
  e.client = {static_cast<ServiceRef>(10), 1};
  peer->envelope(e);
  expect_closed("spoke for a service that is on another host");
}

TEST_F(Liar, AClientsMessageHasAClient) {
  e.kind = Kind::client_closed;
  peer->envelope(e);
  expect_closed("without a client");
}

TEST_F(Liar, AClientsMessageHasItsLimit) {
  const std::string body(65'534, 'x');
  e.kind = Kind::client_message;
  e.client = {static_cast<ServiceRef>(kAgent), 1};
  e.body = bytes_of(body);
  peer->envelope(e);
  expect_closed("malformed envelope");
}

TEST_F(Liar, AFrameHasALargestSize) {
  peer->send(RawPeer::u32(0x7FFF'FFFF));
  expect_closed("a length that no frame has");
}

TEST_F(Liar, AFrameHasASmallestSize) {
  peer->send(RawPeer::u32(0));
  expect_closed("a length that no frame has");
}

TEST_F(Liar, FramesOfTheHandshakeDoNotComeTwice) {
  peer->send(FrameType::hello, "x");
  expect_closed("unknown type 1");
}

TEST_F(Liar, WhatWasNeverSentIsNotAcknowledged) {
  peer->send(FrameType::ack, RawPeer::u64(1'000'000'000));
  expect_closed("never sent");
}

TEST_F(Liar, APartOfAFrameIsNotAcknowledged) {
  peer->send(FrameType::ack, RawPeer::u64(3));
  expect_closed("acknowledged a part of a frame");
}

TEST_F(Liar, AcknowledgementsDoNotGoBackwards) {
  ASSERT_TRUE(peer->read());
  const auto first = peer->received();
  peer->send(FrameType::ack, RawPeer::u64(first));
  peer->send(FrameType::ack, RawPeer::u64(first));
  peer->send(FrameType::ack, RawPeer::u64(0));
  expect_closed("backwards");
}

TEST_F(Liar, WhatIsAnnouncedWasDefinedByThePeer) {
  pb::Announce announce;
  announce.add_services()->set_id("hub#0@t");  // this host knows it, by another peer
  peer->send(FrameType::announce, announce);
  expect_closed("announced a service that it did not define");
}

TEST_F(Liar, AMalformedGoodbyeEndsTheLink) {
  peer->send(FrameType::goodbye, "\xff\xff\xff");
  EXPECT_TRUE(wait_until([&] { return !a->sees("agent#0@t"); }));
  EXPECT_NE(a->link("liar").last_error.find("malformed goodbye"), std::string::npos);
}

TEST_F(Liar, NumbersHaveTheirSize) {
  peer->send(FrameType::ping, "1234");
  expect_closed("malformed ping");
}

TEST_F(Liar, AnAnnouncementIsAMessage) {
  peer->send(FrameType::announce, "\xff\xff\xff");
  expect_closed("malformed announcement");
}

TEST_F(Liar, FlowControlNamesASide) {
  peer->send(FrameType::xoff, RawPeer::u32(kAgent) + "\x07");
  expect_closed("malformed flow control");
}

TEST_F(Liar, RandomBytesCloseTheLinkAtWorst) {
  std::minstd_rand random{3};
  for (int round = 0; round < 30; ++round) {
    RawPeer mad(a->address);
    const std::string id = "mad#" + std::to_string(round) + "@t";
    ASSERT_TRUE(mad.link(RawPeer::hello("mad" + std::to_string(round)), id));
    for (int i = 0; i < 50; ++i) {
      std::string payload(random() % 60, '\0');
      for (char& c : payload) c = static_cast<char>(random() % 4 == 0 ? random() % 256 : random() % 3);
      mad.send(static_cast<FrameType>(16 + random() % 12), payload);
    }
  }
}

}  // namespace
}  // namespace cm::mesh
