#include <set>

#include "unit/plugins/loaded.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LoginPlugin : public testing::Test {
 protected:
  static std::string default_settings() {
    proto::LoginSettings settings;
    settings.set_listen_address("127.0.0.1");
    settings.set_port(8001);
    settings.set_max_clients(10);
    settings.set_timeout_sec(10);
    return settings.SerializeAsString();
  }
  void SetUp() override {
    ASSERT_TRUE(login.created());
    ASSERT_EQ(login.start(), CM_OK);
    host.take();
  }
  proto::LoginACK log_in() {
    EXPECT_EQ(login.from_client(alice, id_of<proto::LoginREQ>, proto::LoginREQ()), CM_OK);
    const auto asked = host.take();
    EXPECT_THAT(words(asked), ElementsAre("reply", "clients.close 41"));
    if (asked.size() != 2) return {};
    EXPECT_EQ(asked[0].request.client.session, 41U);
    EXPECT_EQ(asked[1].number, CM_CLOSE_DONE);
    return parsed<proto::LoginACK>(asked[0]);
  }

  FakeHost host{"login#0@test", default_settings()};
  Running login{kind_of("login"), host};
  cm_client alice{host.self(), 0, 41};
};

TEST_F(LoginPlugin, OpensAFrontendThatDoesNotRoute) {
  EXPECT_EQ(host.frontend.routes, 0U);
  EXPECT_EQ(host.frontend.port, 8001U);
  EXPECT_EQ(host.frontend.max_clients, 10U);
  EXPECT_EQ(host.frontend.admit_timeout_ms, 10'000U);  // who says nothing is closed
}

TEST_F(LoginPlugin, ClientIsToldTheLeastLoadedAgentAndGame) {
  host.up("agent#0@test", "play0.example.org:4000", 9);
  host.up("agent#1@test", "[2001:db8::1]:4001", 3);
  host.up("game#0@test", "", 5);
  host.up("game#1@test", "", 4);
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.server().ip(), "2001:db8::1");
  EXPECT_EQ(ack.server().port(), 4001);
  EXPECT_EQ(ack.game_svc_id(), "game#1@test");
}

TEST_F(LoginPlugin, EveryTokenIsAnother) {
  host.up("agent#0@test", "127.0.0.1:4000", 0);
  host.up("game#0@test", "", 0);
  std::set<std::string> tokens;
  for (int n = 0; n < 100; ++n) {
    const std::string token = log_in().game_token();
    EXPECT_EQ(token.size(), 32U);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
    tokens.insert(token);
  }
  EXPECT_EQ(tokens.size(), 100U);
}

TEST_F(LoginPlugin, NoAgentIsAgentNotFound) {
  host.up("game#0@test", "", 0);
  EXPECT_EQ(log_in().result(), proto::AgentNotFound);
}

TEST_F(LoginPlugin, AgentsWithoutAnAddressForClientsAreAnAddressError) {
  host.up("agent#0@test", "", 0);
  host.up("agent#1@test", "nowhere", 0);
  host.up("game#0@test", "", 0);
  EXPECT_EQ(log_in().result(), proto::AgentAddressError);
}

TEST_F(LoginPlugin, AgentWithoutAnAddressIsPassedOver) {
  host.up("agent#0@test", "", 0);
  host.up("agent#1@test", "127.0.0.1:4001", 9);
  host.up("agent#2@test", "127.0.0.1:4002", 8);
  host.up("agent#3@test", "127.0.0.1:4003");
  host.up("game#0@test", "", 0);
  host.down("agent#3@test");
  EXPECT_EQ(log_in().server().port(), 4002);
}

TEST_F(LoginPlugin, NoGameIsGameNotFound) {
  host.up("agent#0@test", "127.0.0.1:4000", 0);
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::GameNotFound);
  EXPECT_FALSE(ack.has_server());
  EXPECT_EQ(ack.game_token(), "");
}

TEST_F(LoginPlugin, FrontendThatCannotOpenRefusesTheService) {
  host.answer = [](const Asked& a) { return a.what == "gateway.open" ? CM_UNAVAILABLE : CM_OK; };
  EXPECT_EQ(Running(kind_of("login"), host).start(), CM_FAULT);
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("port 8001")));
}

TEST_F(LoginPlugin, TimeoutSettingIsLive) {
  proto::LoginSettings settings;
  settings.set_timeout_sec(3);
  EXPECT_EQ(login.change_settings(settings.SerializeAsString()), CM_OK);
  EXPECT_EQ(host.frontend.admit_timeout_ms, 3000U);
}

}  // namespace
}  // namespace cm::test
