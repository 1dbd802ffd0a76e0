#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <set>

namespace {

using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::HasSubstr;
using testing::ThrowsMessage;

proto::LoginSettings settings() {
  auto settings = cellmesh::test::defaults<proto::LoginSettings>();
  settings.set_port(8001);
  settings.set_max_clients(10);
  settings.set_timeout_sec(10);
  return settings;
}

class LoginPlugin : public testing::Test {
 protected:
  proto::LoginACK log_in() {
    const Client alice = host.client();
    EXPECT_EQ(host.deliver(proto::LoginREQ(), alice), Status::ok);
    EXPECT_EQ(host.closed(alice), CloseReason::done);
    return host.one<proto::LoginACK>(alice);
  }
  const cm_frontend_options& frontend() { return host.memory().frontend()->options; }

  Host host{"login#0@test", settings()};
};

TEST_F(LoginPlugin, OpensAFrontendThatDoesNotRoute) {
  EXPECT_EQ(frontend().routes, 0U);
  EXPECT_EQ(frontend().port, 8001U);
  EXPECT_EQ(frontend().max_clients, 10U);
  EXPECT_EQ(frontend().admit_timeout_ms, 10'000U);  // who says nothing is closed
}

TEST_F(LoginPlugin, IsReachedByWebSocketTooAndShowsAPageOnlyWhenASettingWantsIt) {
  const auto& all = host.memory().frontend()->listeners;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].options.transport, CM_TRANSPORT_WS);
  EXPECT_EQ(all[1].page_type, "");
  EXPECT_EQ(all[1].page, "");
}

TEST_F(LoginPlugin, ClientIsToldTheLeastLoadedAgentAndGame) {
  host.up("agent#0@test", {.load = 9, .address = "play0.example.org:4000"});
  host.up("agent#1@test", {.load = 3, .address = "[2001:db8::1]:4001"});
  host.up("game#0@test", {.load = 5});
  host.up("game#1@test", {.load = 4});
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.server().ip(), "2001:db8::1");
  EXPECT_EQ(ack.server().port(), 4001);
  EXPECT_EQ(ack.game_svc_id(), "game#1@test");
}

TEST_F(LoginPlugin, EveryTokenIsAnother) {
  host.up("agent#0@test", {.load = 0, .address = "127.0.0.1:4000"});
  host.up("game#0@test", {.load = 0});
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
  host.up("game#0@test", {.load = 0});
  EXPECT_EQ(log_in().result(), proto::AgentNotFound);
}

TEST_F(LoginPlugin, AgentsWithoutAnAddressForClientsAreAnAddressError) {
  host.up("agent#0@test", {.load = 0});
  host.up("agent#1@test", {.load = 0, .address = "nowhere"});
  host.up("game#0@test", {.load = 0});
  EXPECT_EQ(log_in().result(), proto::AgentAddressError);
}

TEST_F(LoginPlugin, AgentWithoutAnAddressIsPassedOver) {
  host.up("agent#0@test", {.load = 0});
  host.up("agent#1@test", {.load = 9, .address = "127.0.0.1:4001"});
  host.up("agent#2@test", {.load = 8, .address = "127.0.0.1:4002"});
  host.up("agent#3@test", {.address = "127.0.0.1:4003"});
  host.up("game#0@test", {.load = 0});
  host.down("agent#3@test");
  EXPECT_EQ(log_in().server().port(), 4002);
}

TEST_F(LoginPlugin, NoGameIsGameNotFound) {
  host.up("agent#0@test", {.load = 0, .address = "127.0.0.1:4000"});
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::GameNotFound);
  EXPECT_FALSE(ack.has_server());
  EXPECT_EQ(ack.game_token(), "");
}

TEST_F(LoginPlugin, FrontendThatCannotOpenRefusesTheService) {
  Host another("login#1@test", settings(), cellmesh::test::not_started);
  another.refuse(Did::gateway_open, Status::unavailable);
  EXPECT_THAT([&] { another.start(); }, ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("port 8001")));
}

TEST_F(LoginPlugin, TimeoutSettingIsLive) {
  auto now = settings();
  now.set_timeout_sec(3);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(frontend().admit_timeout_ms, 3000U);
}

}  // namespace
