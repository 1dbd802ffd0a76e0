#include <cellmesh/testkit.hpp>

#include <gtest/gtest.h>

TEST(Rps, HouseThatCheatsAlwaysWins) {
  proto::RpsSettings settings;
  settings.set_cheat("yes");
  cellmesh::test::Host host("rps#0@dev", settings);
  const auto ann = host.client();
  for (const auto hand : {proto::Rock, proto::Paper, proto::Scissors}) {
    proto::PlayREQ req;
    req.set_hand(hand);
    host.deliver(req, ann);
    EXPECT_EQ(host.one<proto::PlayACK>(ann).verdict(), "you lose");
  }
  EXPECT_EQ(host.metric("played"), 3);
}

TEST(Rps, TheSameHandIsADraw) {
  cellmesh::test::Host host("rps#0@dev");
  const auto ann = host.client();
  for (int n = 0; n < 100; ++n) {
    host.deliver(proto::PlayREQ(), ann);
    const auto ack = host.one<proto::PlayACK>(ann);
    EXPECT_EQ(ack.verdict() == "a draw", ack.mine() == proto::Rock);
  }
}
