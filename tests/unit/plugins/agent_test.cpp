#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include "forge.hpp"
#include "tokens/public_key.hpp"

namespace {

using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;
using tokens::test::Forge;
using namespace std::chrono_literals;

proto::AgentSettings settings() {
  auto settings = cellmesh::test::defaults<proto::AgentSettings>();
  settings.set_listen_address("127.0.0.1");
  settings.set_port(4000);
  settings.set_max_clients(500);
  settings.set_outbox_limit(70000);
  settings.set_heartbeat_sec(0);
  settings.set_verify_timeout_sec(60);
  return settings;
}

class AgentPlugin : public testing::Test {
 protected:
  void SetUp() override {
    publish(Forge::signer());
    host.clear();
  }
  void publish(const login::SigningKey& key) { host.memory().entry("token_keys/" + key.kid, key.public_pem); }

  // What tokens for this agent name.
  std::string audience() {
    const auto ask = host.ask(proto::AgentInfoREQ(), login);
    return host.reply<proto::AgentInfoACK>(ask).audience();
  }
  Forge forge(const std::string& uid, const std::string& game_id = "game#0@test") {
    Forge forge{.audience = audience()};
    forge.texts["uid"] = uid;
    forge.texts["game"] = game_id;
    host.clear();
    return forge;
  }
  Status show(Client client, const std::string& token, const std::string& game_id = "") {
    proto::VerifyREQ req;
    req.set_game_token(token);
    req.set_game_svc_id(game_id);
    return host.deliver(req, client);
  }
  // With a token of its own.
  Status verify(Client client, const std::string& game_id = "game#0@test") {
    return show(client, forge("uid-" + std::to_string(client.session()), game_id).token(), game_id);
  }
  void answer(proto::ResultCode result = proto::NoError, const std::string& text = "") {
    proto::EnterGameACK ack;
    ack.set_result(result);
    ack.set_text(text);
    EXPECT_EQ(host.answer(host.call<proto::EnterGameREQ>(), ack), Status::ok);
  }
  void enter(Client client) {
    ASSERT_EQ(verify(client), Status::ok);
    answer();
    host.clear();
  }
  // The client is told so, and what it sent meanwhile goes on.
  void expect_turned_away(Client client, proto::ResultCode why) {
    EXPECT_EQ(host.one<proto::VerifyACK>(client).result(), why);
    EXPECT_THAT(host.memory().take(Did::gateway_release), testing::SizeIs(1));
    EXPECT_THAT(host.memory().take(Did::gateway_admit), IsEmpty());
    host.clear();
  }
  const cm_frontend_options& frontend() { return host.memory().frontend()->options; }

  Host host{"agent#0@test", settings()};
  ServiceId game = host.up("game#0@test", {.load = 5});
  ServiceId login = host.up("login#0@test");
  Client alice = host.client();
  Client bob = host.client();
};

TEST_F(AgentPlugin, OpensARoutingFrontendWithItsSettings) {
  const Host another("agent#1@test", settings());
  EXPECT_THAT(another.did(), ElementsAre("gateway.open", "listeners.add", "gateway.default_protocol 1",
                                         "gateway.intercept proto.VerifyREQ", "directory.set_load 0",
                                         "kv.watch token_keys/", "timer.start Agent::tidy"));
  EXPECT_EQ(frontend().routes, 1U);
  EXPECT_EQ(frontend().port, 4000U);
  EXPECT_EQ(frontend().max_clients, 500U);
  EXPECT_EQ(frontend().outbox_limit, 70000U);
  EXPECT_EQ(frontend().idle_timeout_ms, 0U);
  EXPECT_EQ(frontend().admit_timeout_ms, 60'000U);
}

TEST_F(AgentPlugin, ClientsComeInByEveryTransportOfTheSetting) {
  auto wanted = settings();
  wanted.set_transports("wss, ws,tls");
  wanted.set_ws_port(4001);
  wanted.set_tls_certificate("cert.pem");
  wanted.set_tls_private_key("key.pem");
  wanted.set_tls_min_version("1.3");
  wanted.set_ws_max_body(1'000'000);
  wanted.set_ws_origins("https://play.example.org");
  wanted.set_ws_subprotocols("chat.v2");
  wanted.set_ws_ping_sec(30);
  wanted.set_peer_timeout_sec(0);
  Host another("agent#1@test", wanted);
  const auto& all = another.memory().frontend()->listeners;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].options.transport, CM_TRANSPORT_WSS);
  EXPECT_EQ(all[0].certificate, "cert.pem");
  EXPECT_EQ(all[0].options.tls_min_version, 13U);
  EXPECT_EQ(all[1].options.transport, CM_TRANSPORT_WS);
  EXPECT_EQ(all[1].port, 4001);
  EXPECT_EQ(all[1].options.max_body, 1'000'000U);
  EXPECT_EQ(all[1].origins, "https://play.example.org");
  EXPECT_EQ(all[1].subprotocols, "chat.v2");
  EXPECT_EQ(all[1].options.ping_interval_ms, 30'000U);
  EXPECT_EQ(all[1].options.peer_timeout_ms, CM_NEVER);
  EXPECT_EQ(all[1].certificate, "");
  EXPECT_EQ(all[2].options.transport, CM_TRANSPORT_TLS);
  EXPECT_EQ(all[2].private_key, "key.pem");
  EXPECT_EQ(all[2].options.max_body, 0U);
  EXPECT_EQ(all[2].subprotocols, "");
}

TEST_F(AgentPlugin, ATransportThatIsNoneRefusesTheService) {
  for (const char* wrong : {"", "tcp,udp", "tcp;ws"}) {
    auto wanted = settings();
    wanted.set_transports(wrong);
    Host another("agent#1@test", wanted, cellmesh::test::not_started);
    EXPECT_THAT([&] { another.start(); }, ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("tcp, tls, ws and wss")))
        << wrong;
  }
}

TEST_F(AgentPlugin, WhatAListenerMayChangeIsLive) {
  auto now = settings();
  now.set_ws_origins("*");
  now.set_ws_deflate(true);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(host.memory().frontend()->listeners.at(1).origins, "*");
  EXPECT_NE(host.memory().frontend()->listeners.at(1).options.deflate, 0U);
}

TEST_F(AgentPlugin, TellsHowClientsReachIt) {
  const auto ask = host.ask(proto::AgentInfoREQ(), host.up("login#0@test"));
  EXPECT_THAT(host.reply<proto::AgentInfoACK>(ask).urls(),
              ElementsAre("tcp://127.0.0.1:4000", "ws://127.0.0.1:40002/"));
}

TEST_F(AgentPlugin, FrontendThatCannotOpenRefusesTheService) {
  Host another("agent#1@test", settings(), cellmesh::test::not_started);
  another.refuse(Did::gateway_open, Status::unavailable);
  EXPECT_THAT([&] { another.start(); }, ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("127.0.0.1 port 4000")));
}

TEST_F(AgentPlugin, HeartbeatSettingIsLive) {
  auto now = settings();
  now.set_heartbeat_sec(10);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(frontend().idle_timeout_ms, 30'000U);
}

TEST_F(AgentPlugin, SignsOfLifeAreExpectedByDefault) {
  const auto& defaults = cellmesh::test::defaults<proto::AgentSettings>();
  const Host another("agent#1@test", defaults);
  const auto& all = another.memory().frontend()->listeners;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].options.peer_timeout_ms, 20'000U);
  EXPECT_EQ(all[1].options.ping_interval_ms, 20'000U);
  EXPECT_EQ(all[1].subprotocols, "binary");
  const auto& options = another.memory().frontend()->options;
  EXPECT_EQ(options.ping_id, 16241U);
  EXPECT_EQ(options.ping_timeout_ms, 40'000U);
  EXPECT_EQ(options.idle_timeout_ms, 0U) << "a client that never pings may be silent";
}

TEST_F(AgentPlugin, PingIsAnsweredByPing) {
  EXPECT_EQ(host.deliver(proto::PingACK(), alice), Status::ok);
  host.one<proto::PingACK>(alice);
}

TEST_F(AgentPlugin, VerifiedClientIsBoundAdmittedToldAndReleased) {
  EXPECT_EQ(verify(alice), Status::ok);
  const auto call = host.call<proto::EnterGameREQ>();
  EXPECT_EQ(call.to, game);
  EXPECT_EQ(call.client, alice);
  EXPECT_EQ(call.request.uid(), "uid-1");
  host.clear();
  answer();
  EXPECT_THAT(host.did(), ElementsAre("gateway.bind 1 @game#0@test", "gateway.admit 1",
                                      "clients.send proto.VerifyACK 1", "gateway.release 1"));
  const auto ack = host.one<proto::VerifyACK>(alice);
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.uid(), "uid-1");
  EXPECT_EQ(host.metric("verified"), 1);
}

TEST_F(AgentPlugin, GameOfAKindThatIsNotUpIsNotFound) {
  host.up("arena#7@test");
  host.down("arena#7@test");
  for (const char* id : {"arena#7@test", "nonsense", "hub#0@test"}) {
    EXPECT_EQ(verify(alice, id), Status::ok);
    SCOPED_TRACE(id);
    expect_turned_away(alice, proto::GameNotFound);
  }
  enter(alice);  // it may try again
}

TEST_F(AgentPlugin, TokenNamesTheGameOfWhateverKindItIs) {
  const ServiceId arena = host.up("arena#3@test");
  EXPECT_EQ(verify(alice, "arena#3@test"), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, arena);
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
}

TEST_F(AgentPlugin, GameThatIsDownIsReplacedByAnotherOfItsKind) {
  host.up("game#7@test");
  host.down("game#7@test");
  EXPECT_EQ(verify(alice, "game#7@test"), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, game);
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
}

TEST_F(AgentPlugin, GameThatDoesNotAnswerIsReplacedAndDoubtedForAWhile) {
  const ServiceId other = host.up("game#1@test", {.load = 9});
  EXPECT_EQ(verify(alice), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, game);
  host.clear();
  host.advance(3500ms);
  EXPECT_THAT(host.sent<proto::VerifyACK>(), IsEmpty());
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, other);
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
  EXPECT_EQ(host.metric("verified"), 1);
  host.clear();

  EXPECT_EQ(verify(bob), Status::ok);  // its token names game#0@test
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, other);
  answer();
  host.clear();
  host.advance(15s);
  const Client carol = host.client();
  EXPECT_EQ(verify(carol), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, game);
}

TEST_F(AgentPlugin, GameThatDiesBeforeItsAnswerIsReplaced) {
  const ServiceId other = host.up("game#1@test", {.load = 9});
  EXPECT_EQ(verify(alice), Status::ok);
  host.clear();
  host.down("game#0@test");
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, other);
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
}

TEST_F(AgentPlugin, GamesThatDoNotAnswerAreTriedForABoundedTime) {
  for (int i = 1; i < 9; ++i) host.up("game#" + std::to_string(i) + "@test", {.load = 9});
  EXPECT_EQ(verify(alice), Status::ok);
  host.advance(12s);
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::GameNotFound);
  EXPECT_THAT(host.calls<proto::EnterGameREQ>(), IsEmpty());
}

TEST_F(AgentPlugin, GameThatRefusesIsNotReplaced) {
  host.up("game#1@test", {.load = 9});
  EXPECT_EQ(verify(alice), Status::ok);
  answer(proto::AgentNotFound);
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::AgentNotFound);
}

TEST_F(AgentPlugin, TellsItsLoginWhichGameItReaches) {
  const auto game_for = [&](const std::string& kind, const std::string& wanted) {
    proto::AgentInfoREQ req;
    req.set_game_kind(kind);
    if (!wanted.empty()) req.add_games(wanted);
    const auto ask = host.ask(req, login);
    const auto ack = host.reply<proto::AgentInfoACK>(ask);
    EXPECT_EQ(ack.chose_game(), !kind.empty());
    return ack.game();
  };
  host.up("game#1@test", {.load = 9});
  EXPECT_EQ(game_for("game", "game#1@test"), "game#1@test") << "as its login wants";
  EXPECT_EQ(game_for("game", ""), "game#0@test");
  host.down("game#1@test");
  EXPECT_EQ(game_for("game", "game#1@test"), "game#0@test") << "that one cannot be reached";
  EXPECT_EQ(game_for("arena", "arena#0@test"), "");
  EXPECT_EQ(game_for("", ""), "") << "a login that does not ask";
}

TEST_F(AgentPlugin, NoGameAtAllIsNotFound) {
  host.down("game#0@test");
  EXPECT_EQ(verify(alice), Status::ok);
  expect_turned_away(alice, proto::GameNotFound);
}

TEST_F(AgentPlugin, GameThatDoesNotAnswerIsNotFound) {
  EXPECT_EQ(verify(alice), Status::ok);
  host.advance(5s - 1ms);
  EXPECT_THAT(host.sent<proto::VerifyACK>(), IsEmpty());
  host.advance(1ms);
  expect_turned_away(alice, proto::GameNotFound);
  enter(alice);
}

TEST_F(AgentPlugin, GameThatDiesBeforeItsAnswerIsNotFound) {
  EXPECT_EQ(verify(alice), Status::ok);
  host.down("game#0@test");
  expect_turned_away(alice, proto::GameNotFound);
}

TEST_F(AgentPlugin, CallThatCannotBeMadeIsNotFound) {
  host.refuse(Did::call, Status::backpressure);
  EXPECT_EQ(verify(alice), Status::ok);
  expect_turned_away(alice, proto::GameNotFound);
}

TEST_F(AgentPlugin, GameThatRefusesKeepsTheClientOut) {
  EXPECT_EQ(verify(alice), Status::ok);
  answer(proto::AgentNotFound);
  expect_turned_away(alice, proto::AgentNotFound);
}

TEST_F(AgentPlugin, GameThatWentDownAfterItsAnswerIsNotFound) {
  EXPECT_EQ(verify(alice), Status::ok);
  host.refuse(Did::gateway_bind, Status::unavailable);
  answer();
  expect_turned_away(alice, proto::GameNotFound);
}

// Bound to a client that is gone, the game hears of that from the host.
TEST_F(AgentPlugin, ClientThatClosesDuringItsVerifyIsForgottenAndItsGameIsTold) {
  EXPECT_EQ(verify(alice), Status::ok);
  host.disconnect(alice);
  host.clear();
  answer();
  EXPECT_THAT(host.did(), ElementsAre("gateway.bind 1 @game#0@test"));
}

TEST_F(AgentPlugin, GameThatDoesNotAnswerInTimeIsToldWhenTheClientGoes) {
  EXPECT_EQ(verify(alice), Status::ok);
  host.clear();
  host.advance(6s);
  EXPECT_THAT(host.did(), ElementsAre("directory.set_load 2", "gateway.bind 1 @game#0@test", "gateway.unbind 1 game",
                                      "clients.send proto.VerifyACK 1", "gateway.release 1"));
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::GameNotFound);
}

TEST_F(AgentPlugin, SecondVerifyChangesNothingAndIsTold) {
  enter(alice);
  EXPECT_EQ(verify(alice, "game#8@test"), Status::ok);
  EXPECT_THAT(host.did(), ElementsAre("clients.send proto.NoticeACK 1", "gateway.release 1"));
  const auto notice = host.one<proto::NoticeACK>(alice);
  EXPECT_EQ(notice.code(), proto::NoticeACK::AlreadyVerified);
  EXPECT_EQ(notice.msg_id(), cellmesh::MessageTraits<proto::VerifyREQ>::id);
}

TEST_F(AgentPlugin, VerifyOfAServiceOrAnotherAgentsClientIsRefused) {
  const auto ask = host.ask(proto::VerifyREQ(), game, alice);
  EXPECT_EQ(host.reply_status(ask), Status::refused);
  EXPECT_EQ(host.deliver(proto::VerifyREQ(), host.client(host.up("agent#1@test"))), Status::refused);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(AgentPlugin, BackendBindsAndUnbindsAClientToItself) {
  proto::BindBackendACK bind;
  bind.set_id(static_cast<std::int64_t>(alice.session()));
  proto::UnbindBackendACK unbind;
  unbind.set_id(static_cast<std::int64_t>(alice.session()));
  EXPECT_EQ(host.deliver(bind, game), Status::ok);
  EXPECT_EQ(host.deliver(unbind, game), Status::ok);
  EXPECT_THAT(host.did(), ElementsAre("gateway.bind 1 @game#0@test", "gateway.unbind 1 game"));
}

TEST_F(AgentPlugin, ClientCannotBindUnbindOrClose) {
  EXPECT_EQ(host.deliver(proto::BindBackendACK(), alice), Status::unhandled);
  EXPECT_EQ(host.deliver(proto::UnbindBackendACK(), alice), Status::unhandled);
  EXPECT_EQ(host.deliver(proto::CloseClientACK(), alice), Status::unhandled);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(AgentPlugin, BackendClosesOneSomeOrAllButAnEmptyListNobody) {
  proto::CloseClientACK close;
  EXPECT_EQ(host.deliver(close, game), Status::ok);
  EXPECT_THAT(host.did(), IsEmpty());
  close.add_id(static_cast<std::int64_t>(bob.session()));
  EXPECT_EQ(host.deliver(close, game), Status::ok);
  EXPECT_EQ(host.closed(bob), CloseReason::kicked);
  EXPECT_EQ(host.closed(alice), std::nullopt);
  EXPECT_THAT(host.memory().take(Did::clients_close_list).at(0).text, HasSubstr("game#0@test"));
  close.Clear();
  close.set_all(true);
  EXPECT_EQ(host.deliver(close, game), Status::ok);
  EXPECT_EQ(host.closed(alice), CloseReason::kicked);
  EXPECT_THAT(host.did(), ElementsAre("clients.close_all @agent#0@test"));  // its own, of no other agent
}

TEST_F(AgentPlugin, ABurstOfClientsIsOneLoadReport) {
  host.advance(200ms);
  host.clear();
  for (int n = 1; n <= 100; ++n) host.client();
  host.disconnect(alice);
  EXPECT_THAT(host.did(), ElementsAre("timer.start Agent::report_load"));
  host.advance(200ms);
  EXPECT_THAT(host.memory().take(Did::set_load), testing::SizeIs(1));
  EXPECT_EQ(host.load(), 101U);
  host.clear();
  host.client();
  EXPECT_THAT(host.did(), ElementsAre("timer.start Agent::report_load"));
}

TEST_F(AgentPlugin, TokenThatIsRefusedLeavesTheClientOutWithItsReason) {
  EXPECT_EQ(show(alice, ""), Status::ok);
  expect_turned_away(alice, proto::TokenMissing);
  Forge other = forge("ann");
  other.audience = other.texts["aud"] = "agent#9@test/0000000000000000";
  EXPECT_EQ(show(alice, other.token()), Status::ok);
  EXPECT_NE(host.sent<proto::VerifyACK>(alice).at(0).message.text(), "");
  expect_turned_away(alice, proto::TokenWrongAgent);
  enter(alice);
}

TEST_F(AgentPlugin, TokenLetsInOnceAlsoAfterAReload) {
  const std::string token = forge("ann").token();
  EXPECT_EQ(show(alice, token), Status::ok);
  EXPECT_EQ(show(bob, token), Status::ok);  // while the first is on its way
  expect_turned_away(bob, proto::TokenReplayed);
  answer();
  host.clear();
  EXPECT_EQ(show(bob, token), Status::ok);
  expect_turned_away(bob, proto::TokenReplayed);
  host.disconnect(alice);
  host.reload();
  host.clear();
  EXPECT_EQ(show(bob, token), Status::ok);
  expect_turned_away(bob, proto::TokenReplayed);
}

TEST_F(AgentPlugin, TokenThatAGameTurnedAwayIsNotSpent) {
  const std::string token = forge("ann").token();
  EXPECT_EQ(show(alice, token), Status::ok);
  answer(proto::DataUnavailable, "no database");
  EXPECT_EQ(host.sent<proto::VerifyACK>(alice).at(0).message.text(), "no database");
  expect_turned_away(alice, proto::DataUnavailable);
  EXPECT_EQ(show(alice, token), Status::ok);
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
}

TEST_F(AgentPlugin, GameIsThatOfTheTokenWhateverTheClientSays) {
  host.up("game#1@test", {.load = 0});
  const std::string token = forge("ann").token();
  EXPECT_EQ(show(alice, token, "game#1@test"), Status::ok);
  expect_turned_away(alice, proto::GameNotFound);
  EXPECT_EQ(show(alice, token), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, game);
}

TEST_F(AgentPlugin, UnknownKeyIsWaitedForAWhile) {
  Forge early = forge("ann");
  early.key = Forge::stranger().private_pem;
  early.kid = Forge::stranger().kid;
  EXPECT_EQ(show(alice, early.token()), Status::ok);
  EXPECT_THAT(host.sent<proto::VerifyACK>(), IsEmpty());
  publish(Forge::stranger());
  EXPECT_EQ(host.call<proto::EnterGameREQ>().request.uid(), "ann");
  answer();
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::NoError);
  host.advance(2s);  // the end of its wait is none
  EXPECT_THAT(host.sent<proto::VerifyACK>(), IsEmpty());
}

TEST_F(AgentPlugin, KeyThatDoesNotComeIsUnknown) {
  Forge early = forge("ann");
  early.kid = Forge::stranger().kid;
  EXPECT_EQ(show(alice, early.token()), Status::ok);
  host.reload();
  host.clear();
  host.advance(2s);
  expect_turned_away(alice, proto::TokenKeyUnknown);
}

TEST_F(AgentPlugin, WaitsForKeysAreBounded) {
  Forge early = forge("ann");
  early.kid = Forge::stranger().kid;
  const std::string token = early.token();
  for (int n = 0; n < 1000; ++n) EXPECT_EQ(show(host.client(), token), Status::ok);
  EXPECT_THAT(host.sent<proto::VerifyACK>(), IsEmpty());
  EXPECT_EQ(show(alice, token), Status::ok);
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::TokenKeyUnknown);
}

TEST_F(AgentPlugin, KeyThatWasWithdrawnCountsNoMore) {
  host.memory().entry("token_keys/" + Forge::signer().kid, std::nullopt);
  EXPECT_EQ(verify(alice), Status::ok);
  host.advance(2s);
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::TokenKeyUnknown);
}

TEST_F(AgentPlugin, EntryThatIsNoKeyIsNotBelieved) {
  host.memory().entry("token_keys/" + Forge::signer().kid, "no key");
  EXPECT_EQ(verify(alice), Status::ok);
  host.advance(2s);
  EXPECT_EQ(host.one<proto::VerifyACK>(alice).result(), proto::TokenKeyUnknown);
}

TEST_F(AgentPlugin, AudienceLastsOverAReloadAndNotOverARestart) {
  const std::string before = audience();
  EXPECT_THAT(before, testing::MatchesRegex("agent#0@test/[0-9a-f]{16}"));
  host.reload();
  EXPECT_EQ(audience(), before);
  Host again("agent#0@test", settings());
  const auto ask = again.ask(proto::AgentInfoREQ(), again.up("login#0@test"));
  EXPECT_NE(again.reply<proto::AgentInfoACK>(ask).audience(), before);
}

TEST_F(AgentPlugin, OneUidIsOnlineOnceTheNewestWins) {
  EXPECT_EQ(show(alice, forge("ann").token()), Status::ok);
  answer();
  EXPECT_EQ(show(bob, forge("ann").token()), Status::ok);
  EXPECT_EQ(host.closed(alice), std::nullopt);  // it is not in yet
  answer();
  EXPECT_EQ(host.closed(alice), CloseReason::replaced);
  EXPECT_EQ(host.closed(bob), std::nullopt);
  host.disconnect(alice);
  host.reload();
  const Client carol = host.client();
  EXPECT_EQ(show(carol, forge("ann").token()), Status::ok);
  answer();
  EXPECT_EQ(host.closed(bob), CloseReason::replaced);
}

TEST_F(AgentPlugin, SocialClosesWhoEnteredElsewhereAsReplaced) {
  proto::CloseClientACK close;
  close.add_id(static_cast<std::int64_t>(alice.session()));
  close.set_replaced(true);
  EXPECT_EQ(host.deliver(close, host.up("social#0@test")), Status::ok);
  EXPECT_EQ(host.closed(alice), CloseReason::replaced);
}

TEST_F(AgentPlugin, BackendIsToldWhoAClientIs) {
  const auto who = [&](Client client) {
    proto::WhoIsREQ req;
    req.set_id(static_cast<std::int64_t>(client.session()));
    const auto ask = host.ask(req, game);
    return host.reply<proto::WhoIsACK>(ask).uid();
  };
  EXPECT_EQ(verify(alice), Status::ok);
  EXPECT_EQ(who(alice), "");  // not in yet
  answer();
  EXPECT_EQ(who(alice), "uid-1");
  EXPECT_EQ(who(bob), "");
  host.disconnect(alice);
  EXPECT_EQ(who(alice), "");
}

TEST_F(AgentPlugin, WithoutTheSettingNobodyNeedsATokenAndEachIsSomebody) {
  auto now = settings();
  now.set_require_token(false);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  const ServiceId light = host.up("game#1@test", {.load = 1});
  EXPECT_EQ(show(alice, "", ""), Status::ok);
  const auto call = host.call<proto::EnterGameREQ>();
  EXPECT_EQ(call.to, light);
  EXPECT_THAT(call.request.uid(), testing::StartsWith("guest-"));
  answer();
  EXPECT_EQ(show(bob, "anything", "game#0@test"), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, game);
  EXPECT_NE(host.call<proto::EnterGameREQ>().request.uid(), call.request.uid());
}

TEST_F(AgentPlugin, ClientStatesItsProtocolByVerifyOrPing) {
  proto::PingACK ping;
  EXPECT_EQ(host.deliver(ping, alice), Status::ok);
  EXPECT_THAT(host.memory().take(Did::gateway_set_protocol), IsEmpty());
  ping.set_protocol(proto::Version2);
  EXPECT_EQ(host.deliver(ping, alice), Status::ok);
  proto::VerifyREQ req;
  req.set_protocol(99);  // newer than this agent: it speaks its newest
  EXPECT_EQ(host.deliver(req, bob), Status::ok);
  const auto set = host.memory().take(Did::gateway_set_protocol);
  ASSERT_EQ(set.size(), 2U);
  EXPECT_EQ(set[0].text, "2");
  EXPECT_EQ(set[1].text, "2");
  EXPECT_EQ(set[1].clients[0].session, bob.session());
}

TEST_F(AgentPlugin, KindOfGameIsASettingForThoseWithoutAToken) {
  auto now = settings();
  now.set_require_token(false);
  now.set_game_kind("arena");
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(show(alice, "", ""), Status::ok);
  expect_turned_away(alice, proto::GameNotFound);
  const ServiceId arena = host.up("arena#3@test");
  EXPECT_EQ(show(alice, "", ""), Status::ok);
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, arena);
  answer();
  host.clear();
  EXPECT_EQ(show(bob, "", "game#0@test"), Status::ok);  // of another kind: it is brought to one of this kind
  EXPECT_EQ(host.call<proto::EnterGameREQ>().to, arena);
}

}  // namespace
