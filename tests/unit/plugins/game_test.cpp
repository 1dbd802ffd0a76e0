#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class GamePlugin : public testing::Test {
 protected:
  void SetUp() override { host.clear(); }
  Status say(Client client, const std::string& what) {
    proto::ChatREQ req;
    req.set_content(what);
    return host.deliver(req, client);
  }
  // The load that it reports soon.
  std::optional<std::uint64_t> load() {
    host.advance(200ms);
    return host.load();
  }

  Host host{"game#0@test"};
  ServiceId agent = host.up("agent#0@test");
  Client alice = host.client();
  Client bob = host.client();
};

TEST_F(GamePlugin, LetsInWhomAnAgentVerifies) {
  const auto ask = host.ask(proto::VerifyREQ(), agent, alice);
  EXPECT_EQ(host.reply<proto::VerifyACK>(ask).result(), proto::NoError);
  EXPECT_EQ(load(), 1U);
}

TEST_F(GamePlugin, VerifyPastTheAgentIsRefused) {
  EXPECT_EQ(host.deliver(proto::VerifyREQ(), alice), Status::refused);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(GamePlugin, ChatGoesToEverybodyAndIsAnsweredOnce) {
  EXPECT_EQ(say(alice, "hi"), Status::ok);
  EXPECT_EQ(host.one<proto::ChatACK>(alice).content(), "hi");
  EXPECT_EQ(host.one<proto::ChatACK>(bob).content(), "hi");
  EXPECT_EQ(host.one<proto::TestACK>(alice).dummy(), "sent to everybody");
  EXPECT_THAT(host.sent<proto::TestACK>(bob), IsEmpty());
}

TEST_F(GamePlugin, BroadcastThatDoesNotReachEveryAgentIsTold) {
  host.refuse(Did::clients_broadcast, Status::backpressure);
  say(alice, "hi");
  EXPECT_THAT(host.one<proto::TestACK>(alice).dummy(), HasSubstr("backpressure"));
}

TEST_F(GamePlugin, LoadIsItsPlayersAlsoThoseBoundAnew) {
  host.ask(proto::VerifyREQ(), agent, alice);
  say(bob, "I was in another game");
  say(bob, "again");
  EXPECT_EQ(load(), 2U);
  host.disconnect(alice);
  host.disconnect(host.client());
  EXPECT_EQ(load(), 1U);
}

}  // namespace
