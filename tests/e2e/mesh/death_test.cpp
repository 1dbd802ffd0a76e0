// Hosts that are killed without a word.
#include <gtest/gtest.h>

#include <map>

#include "echo.pb.h"
#include "game.pb.h"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

TEST(Death, OfAGameTellsItsPlayersAndBindsThemAnew) {
  Deployment mesh(Shape::consul, {.arguments = {}, .env = {}, .tokens = false});
  Host& second = mesh.add_host("game2", {"--plugins", "game", "--index", "1"});
  second.await_ready();
  const auto offered = [&](const std::string& game) { return mesh.ticket().game == game; };
  ASSERT_TRUE(wait_until([&] { return offered("game#1@dev"); }));

  auto ticket = mesh.ticket();
  std::vector<Client> players;
  for (const std::string game : {"game#0@dev", "game#0@dev", "game#1@dev"}) {
    ticket.game = game;
    players.push_back(enter(ticket));
  }
  mesh.host("game").kill9();
  for (std::size_t i = 0; i < 2; ++i) {
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
  Deployment mesh(Shape::consul);
  Client client = mesh.player();
  mesh.host("game").kill9();
  EXPECT_EQ(client.expect_notice(NoticeACK::BackendLost).service(), "game#0@dev");
  client.send(proto::PlayerREQ());
  EXPECT_EQ(client.expect_notice(NoticeACK::NoService).msg_id(), id_of<proto::PlayerREQ>());
  EXPECT_TRUE(wait_until([&] { return log_in(mesh.login_address()).result() == proto::GameNotFound; }));

  mesh.host("game").start();
  mesh.host("game").await_ready();
  mesh.await_serving();
  chat(client, "without connecting again");
  EXPECT_EQ(mesh.ticket().game, "game#0@dev");
}

TEST(Death, OfAnAgentEndsItsPlayersOnlyAndLoginKnows) {
  Deployment mesh(Shape::consul, {.arguments = {}, .env = {}, .tokens = false});
  Host& second = mesh.add_host("agent2", {"--plugins", "agent", "--index", "1"});
  const std::string address = second.await_ready().address_of("agent");
  auto ticket = mesh.ticket();
  ticket.agent = mesh.host("agent").await_ready().address_of("agent");
  Client dies = enter(ticket);
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
  EXPECT_FALSE(dies.expect_close());
  chat(lives, "on the other one");
  ASSERT_TRUE(wait_until([&] { return mesh.ticket().agent == address; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(mesh.ticket().agent, address);
}

TEST(Death, OfTheHubLeavesChatUntouched) {
  Deployment mesh(Shape::consul);
  Client client = mesh.player();
  mesh.host("hub").kill9();
  for (int i = 0; i < 20; ++i) chat(client, "line " + std::to_string(i));
  mesh.host("hub").start();
  mesh.host("hub").await_ready();
  chat(client, "and with it again");
  mesh.await_serving();
}

TEST(Death, OfABackendTakesNothingThatWasAnswered) {
  Deployment mesh(Shape::consul);
  Client client = mesh.player();
  // Rounds until it dies; then a notice, then rounds again.
  proto::EchoREQ req;
  for (int i = 0; i < 100; ++i) {
    req.set_content(std::to_string(i));
    client.send(req);
    ASSERT_EQ(client.expect<proto::EchoACK>().content(), std::to_string(i));
  }
  mesh.host("echo").kill9();
  client.expect_notice(NoticeACK::BackendLost);
  mesh.host("echo").start();
  mesh.host("echo").await_ready();
  ASSERT_TRUE(wait_until([&] {
    req.set_content("back");
    client.send(req);
    const auto frame = client.read();
    return frame && frame->is<proto::EchoACK>();
  }));
  chat(client, "the game did not notice");
}

}  // namespace
}  // namespace cm::test
