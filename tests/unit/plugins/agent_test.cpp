#include "unit/plugins/loaded.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AgentPlugin : public testing::Test {
 protected:
  static std::string default_settings() {
    proto::AgentSettings settings;
    settings.set_listen_address("127.0.0.1");
    settings.set_public_host("play.example.org");
    settings.set_port(4000);
    settings.set_max_clients(500);
    settings.set_max_body(65533);
    settings.set_outbox_limit(70000);
    settings.set_verify_timeout_sec(60);
    settings.set_max_refused(8);
    return settings.SerializeAsString();
  }
  void SetUp() override {
    ASSERT_TRUE(agent.created());
    ASSERT_EQ(agent.start(), CM_OK);
    host.take();
  }

  cm_status verify(const cm_client& client, const std::string& game_id = "game#0@test") {
    proto::VerifyREQ req;
    req.set_game_token("t");
    req.set_game_svc_id(game_id);
    return agent.from_client(client, id_of<proto::VerifyREQ>, req);
  }
  void answer(const Asked& call, proto::ResultCode result = proto::NoError) {
    proto::VerifyACK ack;
    ack.set_result(result);
    EXPECT_EQ(agent.answer(call, id_of<proto::VerifyACK>, ack.SerializeAsString()), CM_OK);
  }
  void enter(const cm_client& client) {
    ASSERT_EQ(verify(client), CM_OK);
    const auto calls = host.take("call");
    ASSERT_EQ(calls.size(), 1U);
    answer(calls[0]);
    host.take();
  }
  static proto::ResultCode result(const Asked& asked) { return parsed<proto::VerifyACK>(asked).result(); }

  FakeHost host{"agent#0@test", default_settings()};
  cm_service game = host.up("game#0@test", "", 5);
  Running agent{kind_of("agent"), host};
  cm_client alice{host.self(), 0, 41};
  cm_client bob{host.self(), 0, 42};
};

TEST_F(AgentPlugin, OpensARoutingFrontendWithItsSettings) {
  Running again(kind_of("agent"), host);
  EXPECT_EQ(again.start(), CM_OK);
  EXPECT_THAT(words(host.take()), ElementsAre("gateway.open", "gateway.intercept", "load"));
  EXPECT_EQ(host.frontend.routes, 1U);
  EXPECT_EQ(host.frontend.port, 4000U);
  EXPECT_EQ(host.frontend.max_clients, 500U);
  EXPECT_EQ(host.frontend.outbox_limit, 70000U);
  EXPECT_EQ(host.frontend.idle_timeout_ms, 0U);
  EXPECT_EQ(host.frontend.admit_timeout_ms, 60'000U);
}

TEST_F(AgentPlugin, FrontendThatCannotOpenRefusesTheService) {
  host.answer = [](const Asked& a) { return a.what == "gateway.open" ? CM_UNAVAILABLE : CM_OK; };
  EXPECT_EQ(Running(kind_of("agent"), host).start(), CM_FAULT);
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("127.0.0.1 port 4000")));
}

TEST_F(AgentPlugin, HeartbeatSettingIsLive) {
  proto::AgentSettings settings;
  settings.ParseFromString(host.settings);
  settings.set_heartbeat_sec(10);
  EXPECT_EQ(agent.change_settings(settings.SerializeAsString()), CM_OK);
  EXPECT_THAT(words(host.take()), ElementsAre("gateway.update"));
  EXPECT_EQ(host.frontend.idle_timeout_ms, 30'000U);
}

TEST_F(AgentPlugin, PingIsAnsweredByPing) {
  EXPECT_EQ(agent.from_client(alice, id_of<proto::PingACK>, proto::PingACK()), CM_OK);
  const auto replies = host.take("reply");
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].id, id_of<proto::PingACK>);
  EXPECT_EQ(replies[0].request.client.session, 41U);
}

TEST_F(AgentPlugin, VerifiedClientIsBoundToldAdmittedAndReleased) {
  EXPECT_EQ(verify(alice), CM_OK);
  const auto calls = host.take();
  ASSERT_THAT(words(calls, game), ElementsAre("call 41 @game"));
  EXPECT_EQ(calls[0].number, 5000);
  EXPECT_EQ(parsed<proto::VerifyREQ>(calls[0]).game_token(), "t");
  answer(calls[0]);
  const auto asked = host.take();
  EXPECT_THAT(words(asked, game),
              ElementsAre("gateway.bind 41 @game", "clients.send 41", "gateway.admit 41", "gateway.release 41"));
  EXPECT_EQ(result(asked[1]), proto::NoError);
}

TEST_F(AgentPlugin, WithoutAGameIdTheLeastLoadedIsTaken) {
  const cm_service light = host.up("game#1@test", "", 1);
  EXPECT_EQ(verify(alice, ""), CM_OK);
  EXPECT_THAT(words(host.take(), light), ElementsAre("call 41 @game"));
}

TEST_F(AgentPlugin, GameThatIsNoneOrDownIsNotFound) {
  host.up("hub#0@test");
  host.up("game#7@test");
  host.down("game#7@test");
  for (const char* id : {"hub#0@test", "game#7@test", "game#8@test", "nonsense", "agent#0@test"}) {
    EXPECT_EQ(verify(alice, id), CM_OK);
    const auto asked = host.take();
    ASSERT_THAT(words(asked), ElementsAre("clients.send 41", "gateway.release 41")) << id;
    EXPECT_EQ(result(asked[0]), proto::GameNotFound);
  }
  enter(alice);  // it may try again
}

TEST_F(AgentPlugin, NoGameAtAllIsNotFound) {
  host.down("game#0@test");
  EXPECT_EQ(verify(alice, ""), CM_OK);
  EXPECT_THAT(words(host.take()), ElementsAre("clients.send 41", "gateway.release 41"));
}

TEST_F(AgentPlugin, GameThatDoesNotAnswerIsNotFound) {
  EXPECT_EQ(verify(alice), CM_OK);
  const auto calls = host.take("call");
  EXPECT_EQ(agent.answer(calls.at(0), 0, "", CM_TIMEOUT), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("clients.send 41", "gateway.release 41"));
  EXPECT_EQ(result(asked[0]), proto::GameNotFound);
  enter(alice);
}

TEST_F(AgentPlugin, CallThatCannotBeMadeIsNotFound) {
  host.answer = [](const Asked& a) { return a.what == "call" ? CM_BACKPRESSURE : CM_OK; };
  EXPECT_EQ(verify(alice), CM_OK);
  EXPECT_THAT(words(host.take()), ElementsAre("call 41", "clients.send 41", "gateway.release 41"));
}

TEST_F(AgentPlugin, GameThatRefusesKeepsTheClientOut) {
  EXPECT_EQ(verify(alice), CM_OK);
  const auto calls = host.take("call");
  answer(calls.at(0), proto::AgentNotFound);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("clients.send 41", "gateway.release 41"));
  EXPECT_EQ(result(asked[0]), proto::AgentNotFound);
}

TEST_F(AgentPlugin, GameThatWentDownAfterItsAnswerIsNotFound) {
  EXPECT_EQ(verify(alice), CM_OK);
  const auto calls = host.take("call");
  host.answer = [](const Asked& a) { return a.what == "gateway.bind" ? CM_UNAVAILABLE : CM_OK; };
  answer(calls.at(0));
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("gateway.bind 41", "clients.send 41", "gateway.release 41"));
  EXPECT_EQ(result(asked[1]), proto::GameNotFound);
}

TEST_F(AgentPlugin, ClientThatClosesDuringItsVerifyIsForgotten) {
  EXPECT_EQ(verify(alice), CM_OK);
  const auto calls = host.take("call");
  agent.client_closed(alice, CM_CLOSE_BY_CLIENT);
  host.take();
  answer(calls.at(0));
  EXPECT_THAT(host.take(), IsEmpty());
  EXPECT_THAT(host.faults, IsEmpty());
}

TEST_F(AgentPlugin, SecondVerifyChangesNothingAndIsTold) {
  enter(alice);
  EXPECT_EQ(verify(alice, "game#8@test"), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked), ElementsAre("clients.send 41", "gateway.release 41"));
  const auto notice = parsed<proto::NoticeACK>(asked[0]);
  EXPECT_EQ(notice.code(), proto::NoticeACK::AlreadyVerified);
  EXPECT_EQ(notice.msg_id(), id_of<proto::VerifyREQ>);
}

TEST_F(AgentPlugin, VerifyOfAServiceOrAnotherAgentsClientIsRefused) {
  proto::VerifyREQ req;
  EXPECT_EQ(agent.from_service(game, id_of<proto::VerifyREQ>, req, 7, alice), CM_REFUSED);
  EXPECT_EQ(agent.from_client({game, 0, 41}, id_of<proto::VerifyREQ>, req), CM_REFUSED);
  EXPECT_THAT(host.take(), IsEmpty());
}

TEST_F(AgentPlugin, BackendBindsAndUnbindsAClientToItself) {
  proto::BindBackendACK bind;
  bind.set_id(41);
  proto::UnbindBackendACK unbind;
  unbind.set_id(41);
  EXPECT_EQ(agent.from_service(game, id_of<proto::BindBackendACK>, bind), CM_OK);
  EXPECT_EQ(agent.from_service(game, id_of<proto::UnbindBackendACK>, unbind), CM_OK);
  const auto asked = host.take();
  ASSERT_THAT(words(asked, game), ElementsAre("gateway.bind 41 @game", "gateway.unbind 41"));
  EXPECT_EQ(asked[1].name, "game");
}

TEST_F(AgentPlugin, ClientCannotBindUnbindOrClose) {
  EXPECT_EQ(agent.from_client(alice, id_of<proto::BindBackendACK>, proto::BindBackendACK()), CM_UNHANDLED);
  EXPECT_EQ(agent.from_client(alice, id_of<proto::UnbindBackendACK>, proto::UnbindBackendACK()), CM_UNHANDLED);
  EXPECT_EQ(agent.from_client(alice, id_of<proto::CloseClientACK>, proto::CloseClientACK()), CM_UNHANDLED);
  EXPECT_THAT(host.take(), IsEmpty());
}

TEST_F(AgentPlugin, BackendClosesOneSomeOrAllButAnEmptyListNobody) {
  proto::CloseClientACK close;
  EXPECT_EQ(agent.from_service(game, id_of<proto::CloseClientACK>, close), CM_OK);
  EXPECT_THAT(host.take(), IsEmpty());
  close.add_id(41);
  close.add_id(42);
  EXPECT_EQ(agent.from_service(game, id_of<proto::CloseClientACK>, close), CM_OK);
  const auto some = host.take();
  ASSERT_THAT(words(some), ElementsAre("clients.close 41 42"));
  EXPECT_EQ(some[0].number, CM_CLOSE_KICKED);
  EXPECT_THAT(some[0].name, HasSubstr("game#0@test"));
  close.Clear();
  close.set_all(true);
  EXPECT_EQ(agent.from_service(game, id_of<proto::CloseClientACK>, close), CM_OK);
  const auto all = host.take();
  ASSERT_THAT(words(all), ElementsAre("clients.close_all"));
  EXPECT_EQ(all[0].to, host.self());
}

TEST_F(AgentPlugin, ABurstOfClientsIsOneLoadReport) {
  for (std::uint64_t n = 1; n <= 100; ++n) agent.client_opened({host.self(), 0, n});
  agent.client_closed({host.self(), 0, 1}, CM_CLOSE_BY_CLIENT);
  const auto timers = host.take();
  ASSERT_THAT(words(timers), ElementsAre("timer"));
  host.client_count = 99;
  EXPECT_EQ(agent.fire(timers[0]), CM_OK);
  const auto loads = host.take("load");
  ASSERT_EQ(loads.size(), 1U);
  EXPECT_EQ(loads[0].number, 99);
  agent.client_opened(alice);
  EXPECT_THAT(words(host.take()), ElementsAre("timer"));
}

}  // namespace
}  // namespace cm::test
