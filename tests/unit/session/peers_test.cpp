#include "session/peers.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cm::session {
namespace {

using routing::KindRef;
using routing::ServiceRef;

ServiceRef service(unsigned i) { return static_cast<ServiceRef>(i); }
KindRef kind(unsigned i) { return static_cast<KindRef>(i); }

std::set<unsigned> known(const Peers& peers) {
  std::set<unsigned> result;
  peers.for_each([&](const Peers::Peer& peer) { result.insert(static_cast<unsigned>(peer.service)); });
  return result;
}

TEST(Peers, AKindIsBoundToOneInstance) {
  Peers peers;
  EXPECT_EQ(peers.bound(kind(1)), ServiceRef::none);
  peers.bind(kind(1), service(10));
  peers.bind(kind(1), service(11));
  EXPECT_EQ(peers.bound(kind(1)), service(11));
  EXPECT_EQ(peers.bound(kind(2)), ServiceRef::none);
}

TEST(Peers, WhoWasBoundStaysKnown) {
  Peers peers;
  peers.bind(kind(1), service(10));
  peers.bind(kind(1), service(11));
  EXPECT_TRUE(peers.unbind(kind(1)));
  EXPECT_FALSE(peers.unbind(kind(1)));
  EXPECT_EQ(peers.bound(kind(1)), ServiceRef::none);
  EXPECT_EQ(known(peers), (std::set<unsigned>{10, 11}));
}

TEST(Peers, EachIsKnownOnce) {
  Peers peers;
  peers.know(kind(1), service(10));
  peers.know(kind(1), service(10));
  peers.bind(kind(1), service(10));
  int count = 0;
  peers.for_each([&](const Peers::Peer&) { ++count; });
  EXPECT_EQ(count, 1);
  EXPECT_EQ(peers.bound(kind(1)), service(10));
}

TEST(Peers, MoreThanFewAreKeptAndForgottenInAnyOrder) {
  for (unsigned first = 0; first < 9; ++first) {
    Peers peers;
    std::set<unsigned> expected;
    for (unsigned i = 0; i < 9; ++i) {
      peers.bind(kind(i + 1), service(100 + i));
      expected.insert(100 + i);
    }
    for (unsigned i = 0; i < 9; ++i) {
      const unsigned gone = (first + i * 4) % 9;
      const auto peer = peers.forget(service(100 + gone));
      EXPECT_TRUE(peer.bound);
      EXPECT_EQ(peer.kind, kind(gone + 1));
      expected.erase(100 + gone);
      EXPECT_EQ(known(peers), expected);
    }
  }
}

TEST(Peers, ForgettingAStrangerDoesNothing) {
  Peers peers;
  peers.bind(kind(1), service(10));
  EXPECT_FALSE(peers.forget(service(11)).bound);
  EXPECT_EQ(known(peers), (std::set<unsigned>{10}));
}

}  // namespace
}  // namespace cm::session
