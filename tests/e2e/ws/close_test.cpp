// With which code a WebSocket is closed, and that the reason is told first.
#include <gtest/gtest.h>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

class Close : public testing::TestWithParam<std::string> {
 protected:
  Close() : mesh(Shape::embedded, options()) {}
  static Deployment::Options options() {
    Deployment::Options options;
    options.transports = "tcp,ws,wss";
    return options;
  }
  Client player() {
    Ticket ticket = mesh.ticket();
    ticket.agent = mesh.url("agent", GetParam());
    return enter(ticket);
  }
  // The code, once it has come.
  static int code_of(Client& client) {
    EXPECT_TRUE(wait_until([&] { return client.close_code() != 0; }));
    return client.close_code();
  }

  Deployment mesh;
};
INSTANTIATE_TEST_SUITE_P(By, Close, testing::Values("ws", "wss"), [](const auto& by) { return by.param; });

TEST_P(Close, AHostThatStopsSaysGoingAway) {
  Client client = player();
  mesh.host("agent").begin_stop();
  const auto notice = client.expect_close();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->code(), NoticeACK::GoingDown);
  EXPECT_EQ(code_of(client), 1001);
}

TEST_P(Close, WhoIsKickedOrSendsWhatNoRouteAllowsBreaksAPolicy) {
  Client kicked = player();
  const auto clients = mesh.host("agent").query({"clients"});
  for (const auto& row : clients.at("clients").as_array()) {
    if (row.at("address").as_string() != kicked.local_address()) continue;
    EXPECT_EQ(row.at("transport").as_string(), GetParam());
    (void)mesh.host("agent").query({"kick", std::string(row.at("client").as_string())});
  }
  const auto notice = kicked.expect_close();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->code(), NoticeACK::Kicked);
  EXPECT_EQ(code_of(kicked), 1008);

  Client blocked = player();
  for (int i = 0; i < 20; ++i) blocked.send(7, "");
  ASSERT_TRUE(blocked.expect_close());
  EXPECT_EQ(code_of(blocked), 1008);
}

TEST_P(Close, ALoginThatIsDoneIsANormalEnd) {
  Client client(mesh.url("login", GetParam()));
  proto::LoginREQ req;
  req.set_uid("tester");
  client.send(req);
  client.expect<proto::LoginACK>();
  EXPECT_FALSE(client.expect_close());
  EXPECT_EQ(code_of(client), 1000);
}

TEST_P(Close, WhoComesToAFullGatewayIsToldToTryAgainLater) {
  Client inside = player();
  ScopedSetting limit(mesh, "agent/max_clients", "1");
  std::optional<NoticeACK> notice;
  int code = 0;
  ASSERT_TRUE(wait_until([&] {  // until the new limit is live
    Client client(mesh.url("agent", GetParam()));
    if (!stays_true([&] { return client.silent(milliseconds(50)); }, milliseconds(100))) {
      notice = client.expect_close();
      code = client.close_code();
    }
    return notice.has_value();
  }));
  EXPECT_EQ(notice->code(), NoticeACK::Full);
  EXPECT_EQ(code, 1013);
}

}  // namespace
}  // namespace cm::test
