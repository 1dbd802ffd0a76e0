// What a peer with very many services costs, and what it may not have.
#include <chrono>
#include <cstdio>

#include "unit/mesh/harness.hpp"
#include "unit/mesh/raw_peer.hpp"

namespace cm::mesh {
namespace {

constexpr std::uint32_t kMany = 12'000;

std::string id_of(std::uint32_t i) { return "game#" + std::to_string(i) + "@many"; }

class Crowd : public testing::Test {
 protected:
  void start(PeerLimits limits = {}) {
    Config config = config_of("a");
    config.peer = limits;
    a = std::make_unique<Host>(config);
    own = &a->up("own#0@t");
    peer = std::make_unique<RawPeer>(a->address);
    ASSERT_TRUE(peer->link(RawPeer::hello("crowd"), "agent#0@t"));
    ASSERT_TRUE(a->wait_sees("agent#0@t"));
  }
  void define(std::uint32_t count) {
    std::string frames;
    for (std::uint32_t i = 1; i <= count; ++i) {
      const std::string payload = RawPeer::u32(i + 1) + id_of(i);
      std::string head(kFrameHead, '\0');
      encode_frame_head(reinterpret_cast<std::byte*>(head.data()), FrameType::define, payload.size());
      frames += head + payload;
    }
    peer->send(frames);
  }
  void announce(std::uint32_t from, std::uint32_t to) {
    pb::Announce message;
    for (std::uint32_t i = from; i <= to; ++i) message.add_services()->set_id(id_of(i));
    peer->send(FrameType::announce, message);
  }
  // Waits until the link has taken everything that was sent.
  void sync() {
    peer->send(FrameType::ping, RawPeer::u64(++pings));
    while (const auto pong = peer->read(FrameType::pong)) {
      if (*pong == RawPeer::u64(pings)) return;
    }
    FAIL() << "the link was closed";
  }
  // Calls of the registry's listeners while fn ran; prints how long that took.
  template <class Fn>
  std::uint64_t calls_during(const char* what, Fn&& fn) {
    const auto before = a->events.load();
    const auto began = std::chrono::steady_clock::now();
    fn();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::printf("%s: %.1f ms\n", what, took.count());
    return a->events.load() - before;
  }

  std::unique_ptr<Host> a;
  FakeService* own = nullptr;
  std::unique_ptr<RawPeer> peer;
  std::uint64_t pings = 0;
};

TEST_F(Crowd, OfServicesInOneFrameIsOneChange) {
  start();
  calls_during("12000 definitions", [&] {
    define(kMany);
    sync();
  });
  EXPECT_EQ(calls_during("12000 announcements in one frame",
                         [&] {
                           announce(1, kMany);
                           sync();
                         }),
            1U);
  EXPECT_TRUE(a->sees(id_of(1)));
  EXPECT_TRUE(a->sees(id_of(kMany)));
  EXPECT_EQ(calls_during("12000 withdrawals in one frame",
                         [&] {
                           std::string refs;
                           for (std::uint32_t i = 1; i <= kMany; ++i) refs += RawPeer::u32(i + 1);
                           peer->send(FrameType::withdraw, refs);
                           sync();
                         }),
            1U);
  EXPECT_EQ(a->downs, kMany);
  EXPECT_FALSE(a->sees(id_of(1)));
}

TEST_F(Crowd, OfServicesDiesInOneChange) {
  start();
  define(kMany);
  announce(1, kMany);
  sync();
  EXPECT_LE(calls_during("death of a peer with 12000 services",
                         [&] {
                           peer->send(FrameType::goodbye, pb::Goodbye());
                           EXPECT_TRUE(wait_until([&] { return a->downs == kMany + 1; }));
                         }),
            2U);
  EXPECT_TRUE(wait_until([&] { return a->names.counts().held == 0; }));
}

TEST_F(Crowd, InAFrameEachIsTakenToo) {
  start();
  define(kMany);
  sync();
  calls_during("12000 announcements in a frame each", [&] {
    for (std::uint32_t i = 1; i <= kMany; ++i) announce(i, i);
    sync();
  });
  EXPECT_TRUE(a->sees(id_of(kMany)));
}

TEST_F(Crowd, OfAgentsWithClientsIsToldOfEach) {
  start();
  constexpr std::uint32_t kAgents = 3000;
  define(kAgents);
  announce(1, kAgents);
  peer->define(kAgents + 2, "own#0@t");
  for (std::uint32_t i = 1; i <= kAgents; ++i) {
    Envelope e;
    e.kind = Kind::client_message;
    e.to = static_cast<ServiceRef>(kAgents + 2);
    e.client = {static_cast<ServiceRef>(i + 1), i};
    peer->envelope(e);
  }
  sync();
  for (std::uint32_t i = 1; i <= kAgents; ++i) peer->send(FrameType::withdraw, RawPeer::u32(i + 1));
  sync();
  std::size_t closed = 0;
  for (const auto& got : own->got()) closed += got.kind == Kind::client_closed ? 1U : 0U;
  EXPECT_EQ(closed, kAgents);
}

TEST_F(Crowd, HasALimitOfServices) {
  PeerLimits limits;
  limits.max_services = 100;
  start(limits);
  define(200);
  announce(1, 99);
  sync();
  announce(1, 99);  // known already
  sync();
  announce(100, 100);
  EXPECT_NE(peer->read_goodbye().find("more than 100 services (max_services)"), std::string::npos);
  EXPECT_TRUE(wait_until([&] { return !a->sees(id_of(1)); }));
}

TEST_F(Crowd, HasALimitOfNames) {
  PeerLimits limits;
  limits.max_names = 100;
  start(limits);
  define(200);
  EXPECT_NE(peer->read_goodbye().find("more than 100 services (max_names)"), std::string::npos);
  EXPECT_TRUE(wait_until([&] { return a->names.counts().held == 0; }));
}

TEST_F(Crowd, ThatComesAgainAndAgainLeavesNothing) {
  start();
  peer.reset();
  for (std::uint32_t round = 0; round < 20; ++round) {
    RawPeer fresh(a->address);
    const std::string group = "@round" + std::to_string(round);
    ASSERT_TRUE(fresh.link(RawPeer::hello("crowd" + std::to_string(round)), "agent#0" + group));
    for (std::uint32_t i = 0; i < 500; ++i) fresh.define(i + 2, "game#" + std::to_string(i) + group);
    pb::Announce message;
    for (std::uint32_t i = 0; i < 500; ++i) message.add_services()->set_id("game#" + std::to_string(i) + group);
    fresh.send(FrameType::announce, message);
    ASSERT_TRUE(a->wait_sees("agent#0" + group));
    fresh.send(FrameType::goodbye, pb::Goodbye());
    ASSERT_FALSE(fresh.read(FrameType::goodbye));  // until it is closed
  }
  EXPECT_TRUE(wait_until([&] { return a->names.counts().held == 0; }));
  EXPECT_TRUE(wait_until([&] { return a->mesh->links().empty(); }));
}

}  // namespace
}  // namespace cm::mesh
