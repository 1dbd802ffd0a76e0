// A host that stops, to players of every transport.
#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

TEST(AHostThatStops, SaysThatItGoesAway) {
  Deployment mesh(Shape::embedded, with_every_transport());
  auto players = players_by_every_transport(mesh);
  mesh.host("agent").begin_stop();
  for (auto& player : players) expect_end(player, proto::NoticeACK::GoingDown, 1001);
}

}  // namespace
}  // namespace cm::test
