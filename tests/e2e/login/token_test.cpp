// Tokens of real logins, shown to real agents.
#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

class Tokens : public OnEveryWay {
 protected:
  // What the agent says to it; the connection stays.
  static proto::ResultCode show(Client& client, const Ticket& ticket) {
    client.send(verify_req(ticket));
    return client.expect<proto::VerifyACK>().result();
  }
};
CM_ON_EVERY_WAY(Tokens);

TEST_P(Tokens, LetInOnce) {
  const auto ticket = this->ticket();
  Client first = enter(ticket);
  Client second = stranger();
  EXPECT_EQ(show(second, ticket), proto::TokenReplayed);
  chat(first, "still here");
  EXPECT_EQ(show(second, this->ticket()), proto::NoError);  // it may try again with its own
}

TEST_P(Tokens, MissingCutShortOrChangedOnesAreRefused) {
  const auto ticket = this->ticket();
  Client client = stranger();
  auto other = ticket;
  other.token.clear();
  EXPECT_EQ(show(client, other), proto::TokenMissing);
  other.token = ticket.token.substr(0, ticket.token.size() / 2);
  EXPECT_EQ(show(client, other), proto::TokenMalformed);
  other.token = ticket.token;
  const auto signature = other.token.rfind('.') + 1;
  other.token[signature] = other.token[signature] == 'A' ? 'B' : 'A';
  EXPECT_EQ(show(client, other), proto::TokenSignature);
  EXPECT_EQ(show(client, ticket), proto::NoError);
}

TEST_P(Tokens, NewestOfOneUidWinsAndTheOlderIsToldAndClosed) {
  const std::string name = fresh("ann");
  Client first = player(name);
  Client second = player(name);
  expect_end(first, NoticeACK::Replaced);
  chat(second, "the newest");
}

TEST_P(Tokens, GuestsAreLetInOnlyWhenASettingAllowsIt) {
  const ScopedSetting off(mesh(), "login/allow_guests", "false");
  EXPECT_TRUE(wait_until([&] { return log_in(login_url()).result() == proto::PlatformOff; }));
}

TEST_P(Tokens, WithoutTheSettingAgentsAskForNone) {
  const ScopedSetting off(mesh(), "agent/require_token", "false");
  auto ticket = this->ticket();
  ticket.token.clear();
  EXPECT_TRUE(wait_until([&] {
    Client client = stranger();
    return show(client, ticket) == proto::NoError;
  }));
}

TEST(TokensOfAnAgent, CountNoMoreWhenItWasRestarted) {
  Deployment mesh(Shape::consul);
  auto ticket = mesh.ticket();
  Host& agent = mesh.host("agent");
  EXPECT_EQ(agent.stop(), 0);
  agent.start();
  ticket.agent = agent.await_ready().address_of("agent");
  proto::VerifyACK ack;
  ASSERT_TRUE(wait_until([&] {  // its keys are there in a moment, its links to games too
    Client client(ticket.agent);
    client.send(verify_req(ticket));
    ack = client.expect<proto::VerifyACK>();
    return ack.result() != proto::TokenKeyUnknown;
  }));
  EXPECT_EQ(ack.result(), proto::TokenWrongAgent) << ack.text();
}

TEST(TokenKeys, StandInTheKvAndComeBackWhenItLosesThem) {
  Deployment mesh(Shape::consul);
  const auto keys = [&] {
    try {
      return mesh.consul().get("/v1/kv/cellmesh/shared/token_keys/?keys");
    } catch (const std::exception&) {
      return std::string();  // none is there
    }
  };
  const std::string published = keys();
  EXPECT_NE(published.find("cellmesh/shared/token_keys/"), std::string::npos) << published;
  const auto quote = published.find('"');
  const std::string key = published.substr(quote, published.rfind('"') - quote);
  const auto back = [&] { return wait_until([&] { return keys().find(key) != std::string::npos; }, seconds(60)); };
  mesh.consul().kv_delete("cellmesh/shared/token_keys/", true);
  ASSERT_TRUE(back());
  // The agent says so of what is no key: then it has seen what was written before, too.
  mesh.consul().kv_put("cellmesh/shared/token_keys/none", "no key");
  ASSERT_TRUE(wait_until([&] { return mesh.host("agent").log().find("holds no public key") != std::string::npos; }));
  mesh.consul().kill9();  // it forgets everything
  Client meanwhile = mesh.player();
  chat(meanwhile, "without Consul");
  mesh.consul().start();
  EXPECT_TRUE(back());
  Client after = mesh.player();
  chat(after, "after it");
}

TEST(TokenPlugins, AreReloadedWithPlayersOnAndTokensOnTheirWay) {
  Deployment mesh(Shape::embedded);
  Host& host = mesh.host("login");
  Client stays = mesh.player();
  for (int round = 0; round < 5; ++round) {
    const auto ticket = mesh.ticket();
    const auto used = mesh.ticket();
    Client player = enter(used);
    for (const char* plugin : {"agent", "login"}) (void)host.query({"reload", plugin});
    Client again(used.agent);
    again.send(verify_req(used));
    EXPECT_EQ(again.expect<proto::VerifyACK>().result(), proto::TokenReplayed);
    Client late = enter(ticket);
    chat(late, "a token from before the reload");
    chat(stays, "round " + std::to_string(round));
  }
  const auto generations = [&](const std::string& plugin) {
    const auto plugins = host.query({"plugins"});
    for (const auto& p : plugins.as_array()) {
      if (p.at("name").as_string() == plugin) return p.at("generations").as_array().size();
    }
    return std::size_t{0};
  };
  for (const char* plugin : {"agent", "login"}) {
    EXPECT_TRUE(wait_until([&] { return generations(plugin) == 1; })) << plugin;
    (void)host.query({"unload", plugin});
  }
  EXPECT_EQ(host.log().find("stays loaded"), std::string::npos) << tail(host.log());
}

TEST(TokenSecrets, AreInNoLogAndNoAnswerOfCtl) {
  Deployment mesh(Shape::embedded, {.arguments = {"--log-level", "trace"}, .env = {}});
  std::vector<std::string> secrets{"PRIVATE KEY", "argon2id$"};
  for (int i = 0; i < 3; ++i) {
    const auto ticket = mesh.ticket();
    secrets.push_back(ticket.token);
    secrets.push_back(ticket.token.substr(ticket.token.rfind('.') + 1));
    Client client = enter(ticket);
    chat(client, "hello");
  }
  proto::LoginREQ req;
  req.set_platform("password");
  req.set_uid("ann");
  req.set_secret("a secret of hers");
  Client client(mesh.login_address());
  client.send(req);
  client.expect<proto::LoginACK>();
  secrets.push_back(req.secret());
  Host& host = mesh.host("login");
  std::string told = host.log();
  EXPECT_NE(told.find("clients log in at"), std::string::npos);
  for (const char* word : {"plugins", "services", "status", "clients"}) told += host.ctl({word}).output;
  told += host.ctl({"settings", "get"}).output;
  for (const auto& secret : secrets) EXPECT_EQ(told.find(secret), std::string::npos) << secret;
}

}  // namespace
}  // namespace cm::test
