// Hosts that are killed without a word, and players of every transport.
#include "e2e/fixture.hpp"
#include "echo.pb.h"
#include "game.pb.h"

namespace cm::test {
namespace {

using proto::NoticeACK;

TEST(Death, OfAGameTellsItsPlayersAndBindsThemAnew) {
  Deployment mesh(Shape::consul, with_every_transport({.arguments = {}, .env = {}, .tokens = false}));
  Host& second = mesh.add_host("game2", {"--plugins", "game", "--index", "1"});
  second.await_ready();
  const auto offered = [&](const std::string& game) { return mesh.ticket().game == game; };
  ASSERT_TRUE(wait_until([&] { return offered("game#1@dev"); }));

  auto ticket = mesh.ticket();
  std::vector<Client> players;
  for (const std::string game : {"game#0@dev", "game#1@dev"}) {
    for (const std::string transport : kTransports) {
      ticket.game = game;
      ticket.agent = mesh.url("agent", transport);
      players.push_back(enter(ticket));
    }
  }
  mesh.host("game").kill9();
  for (std::size_t i = 0; i < kTransports.size(); ++i) {
    const auto notice = players[i].expect_notice(NoticeACK::BoundAnew);
    EXPECT_EQ(notice.service(), "game#1@dev");
    EXPECT_FALSE(notice.text().empty());
  }
  // Nobody had to connect again.
  for (std::size_t i = 0; i < players.size(); ++i) chat(players[i], "player " + std::to_string(i) + " is still here");
  EXPECT_TRUE(wait_until([&] { return offered("game#1@dev"); }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(mesh.ticket().game, "game#1@dev");
}

TEST(Death, OfTheOnlyGameTellsItsPlayersAndTheyMayGoOnWhenItIsBack) {
  Deployment mesh(Shape::consul, with_every_transport());
  auto players = players_by_every_transport(mesh);
  mesh.host("game").kill9();
  for (auto& client : players) {
    EXPECT_EQ(client.expect_notice(NoticeACK::BackendLost).service(), "game#0@dev");
    client.send(proto::PlayerREQ());
    EXPECT_EQ(client.expect_notice(NoticeACK::NoService).msg_id(), id_of<proto::PlayerREQ>());
  }
  EXPECT_TRUE(wait_until([&] { return log_in(mesh.login_address()).result() == proto::GameNotFound; }));

  mesh.host("game").start();
  mesh.host("game").await_ready();
  mesh.await_serving();
  for (auto& client : players) chat(client, "without connecting again");
  EXPECT_EQ(mesh.ticket().game, "game#0@dev");
}

TEST(Death, OfAnAgentEndsItsPlayersOnlyAndLoginKnows) {
  Deployment mesh(Shape::consul, with_every_transport({.arguments = {}, .env = {}, .tokens = false}));
  Host& second = mesh.add_host("agent2", {"--plugins", "agent", "--index", "1"});
  const std::string address = second.await_ready().address_of("agent");
  auto ticket = mesh.ticket();
  std::vector<Client> dying;
  for (const std::string transport : kTransports) {
    ticket.agent = mesh.url("agent", transport);
    dying.push_back(enter(ticket));
  }
  ticket.agent = address;
  ASSERT_TRUE(wait_until([&] {
    try {
      Client probe = enter(ticket);
      return true;
    } catch (const std::exception&) {
      return false;  // its links are not up yet
    }
  }));
  Client lives = enter(ticket);

  mesh.host("agent").kill9();
  for (auto& client : dying) EXPECT_FALSE(client.expect_close());
  chat(lives, "on the other one");
  ASSERT_TRUE(wait_until([&] { return mesh.ticket().agent == address; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(mesh.ticket().agent, address);
}

TEST(Death, OfTheHubLeavesChatUntouched) {
  Deployment mesh(Shape::consul, with_every_transport());
  auto players = players_by_every_transport(mesh);
  mesh.host("hub").kill9();
  for (int i = 0; i < 20; ++i) chat(players[static_cast<std::size_t>(i) % players.size()], "line " + std::to_string(i));
  mesh.host("hub").start();
  mesh.host("hub").await_ready();
  for (auto& client : players) chat(client, "and with it again");
  mesh.await_serving();
}

TEST(Death, OfABackendTakesNothingThatWasAnswered) {
  Deployment mesh(Shape::consul, with_every_transport());
  auto players = players_by_every_transport(mesh);
  // Rounds until it dies; then a notice, then rounds again.
  proto::EchoREQ req;
  for (int i = 0; i < 100; ++i) {
    Client& client = players[static_cast<std::size_t>(i) % players.size()];
    req.set_content(std::to_string(i));
    client.send(req);
    ASSERT_EQ(client.expect<proto::EchoACK>().content(), std::to_string(i));
  }
  mesh.host("echo").kill9();
  for (auto& client : players) client.expect_notice(NoticeACK::BackendLost);
  mesh.host("echo").start();
  mesh.host("echo").await_ready();
  for (auto& client : players) {
    ASSERT_TRUE(wait_until([&] {
      req.set_content("back");
      client.send(req);
      const auto frame = client.read();
      return frame && frame->is<proto::EchoACK>();
    }));
  }
  for (auto& client : players) chat(client, "the game did not notice");
}

}  // namespace
}  // namespace cm::test
