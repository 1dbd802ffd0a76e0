// What players do all day: log in, verify, chat.
#include <gmock/gmock.h>

#include "e2e/fixture.hpp"
#include "echo.pb.h"

namespace cm::test {
namespace {

class Chat : public OnEveryWay {};
CM_ON_EVERY_WAY(Chat);

TEST_P(Chat, LoginNamesAgentAndGame) {
  const auto ack = log_in(login_url());
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.game_svc_id(), "game#0@dev");
  EXPECT_FALSE(ack.game_token().empty());
  const std::string server = ack.server().ip() + ":" + std::to_string(ack.server().port());
  const std::string url = transport() + "://" + server + (transport().starts_with("ws") ? "/" : "");
  EXPECT_EQ(url, mesh().url("agent", transport()));
  for (const std::string way : kTransports) {
    EXPECT_THAT(ack.urls(), testing::Contains(mesh().url("agent", way)));
  }
}

TEST_P(Chat, EveryPlayerHearsWhatOneSays) {
  Client ann = player();
  Client bob = player();
  ann.send(chat_req("hello, Bob"));
  expect_chat(bob, "hello, Bob");
  expect_chat(ann, "hello, Bob");
  bob.send(chat_req("hello, Ann"));
  expect_chat(ann, "hello, Ann");
  expect_chat(bob, "hello, Ann");
}

TEST_P(Chat, TextIsCarriedAsItIs) {
  Client client = player();
  chat(client, "Grüße, 你好, \xF0\x9F\x8E\xB2");
  chat(client, std::string("a\0b", 3));
}

TEST_P(Chat, EchoAnswersItsSenderOnly) {
  Client ann = player();
  Client bob = player();
  proto::EchoREQ req;
  req.set_content("just me");
  ann.send(req);
  EXPECT_EQ(ann.expect<proto::EchoACK>().content(), "just me");
  chat(bob, "a line later");
  chat(ann, "and another");
  // Whatever Bob got in between was chat.
  expect_chat(bob, "and another");
  EXPECT_TRUE(bob.silent(milliseconds(50)));
}

TEST_P(Chat, LinesOfManyPlayersArriveInTheOrderOfEach) {
  constexpr std::size_t kPlayers = 20;
  constexpr int kLines = 50;
  std::vector<Client> players;
  while (players.size() < kPlayers) players.push_back(player());
  for (int line = 0; line < kLines; ++line) {
    for (std::size_t i = 0; i < kPlayers; ++i) {
      players[i].send(chat_req(std::to_string(i) + ":" + std::to_string(line)));
    }
  }
  for (auto& listener : players) {
    std::vector<int> next(kPlayers, 0);
    for (std::size_t heard = 0; heard < kPlayers * kLines;) {
      const std::string content = listener.expect<proto::ChatACK>().content();
      const auto colon = content.find(':');
      if (colon == std::string::npos) continue;
      const auto player = static_cast<std::size_t>(std::stoi(content.substr(0, colon)));
      ASSERT_EQ(std::stoi(content.substr(colon + 1)), next.at(player)++);
      ++heard;
    }
  }
}

TEST_P(Chat, WhoLeavesIsCountedOutAndTheOthersChatOn) {
  const auto players = [&] { return mesh().host("agent").query({"clients"}).at("total").to_number<std::int64_t>(); };
  Client stays = player();
  const auto before = players();
  {
    Client leaves = player();
    Client breaks = player();
    EXPECT_EQ(players(), before + 2);
    breaks.reset();
  }
  EXPECT_TRUE(wait_until([&] { return players() == before; })) << players();
  chat(stays, "alone again");
}

TEST_P(Chat, ALoginThatIsDoneIsANormalEnd) {
  Client client(login_url());
  client.send(proto::LoginREQ());
  client.expect<proto::LoginACK>();
  EXPECT_FALSE(client.expect_close());
  EXPECT_EQ(client.close_code(), client.websocket() ? 1000 : 0);
}

class ChatOfAll : public OnEveryWay {};
CM_ON_DEPLOYMENTS(ChatOfAll);

TEST_P(ChatOfAll, WhoComesByOneTransportHearsWhoComesByAnother) {
  auto players = players_by_every_transport(mesh());
  for (auto& speaker : players) {
    const std::string line = fresh("to all ");
    speaker.send(chat_req(line));
    for (auto& listener : players) expect_chat(listener, line);
  }
}

TEST_P(ChatOfAll, ClientsThatSayNothingAtTheLoginAreClosedInTime) {
  ScopedSetting limit(mesh(), "login/timeout_sec", "1");
  std::vector<Client> silent;
  for (const std::string way : kTransports) silent.emplace_back(mesh().url("login", way));
  for (auto& client : silent) client.expect_close();
  for (const std::string way : kTransports) EXPECT_EQ(log_in(mesh().url("login", way)).result(), proto::NoError);
}

}  // namespace
}  // namespace cm::test
