// Players enter a game of another kind, when a setting says so.
#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

TEST(GameKind, OfLoginIsWhatPlayersEnterThoughNoPluginRequiresIt) {
  Deployment mesh(Shape::consul);
  Host arena({.folder = mesh.folder() / "arena",
              .arguments = {"--consul", mesh.consul().url(), "--plugins", "arena", "--index", "3"},
              .plugin_dir = test_plugins(),
              .env = {}});
  arena.await_ready();
  EXPECT_TRUE(mesh.ticket().game.starts_with("game#"));
  mesh.set("login/game_kind", "arena");
  // The agent's host has no other reason to link to it: no client message goes there.
  mesh.set("agent/game_kind", "arena");
  Ticket ticket;
  EXPECT_TRUE(wait_until([&] { return (ticket = mesh.ticket()).game == "arena#3@dev"; })) << ticket.game;
  EXPECT_TRUE(wait_until([&] {
    Client client(ticket.agent);
    client.send(verify_req(ticket));
    const auto result = client.expect<proto::VerifyACK>().result();
    if (result != proto::NoError) ticket = mesh.ticket();
    return result == proto::NoError;
  }));
  mesh.set("login/game_kind", "game");
  mesh.set("agent/game_kind", "game");
  EXPECT_TRUE(wait_until([&] { return mesh.ticket().game.starts_with("game#"); }));
}

}  // namespace
}  // namespace cm::test
