#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Host;
using testing::IsEmpty;
using namespace std::chrono_literals;

class GamePlugin : public testing::Test {
 protected:
  void SetUp() override { host.clear(); }
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
  const auto ask = host.ask(proto::EnterGameREQ(), agent, alice);
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::NoError);
  EXPECT_EQ(load(), 1U);
}

TEST_F(GamePlugin, EnteringPastTheAgentIsRefused) {
  EXPECT_EQ(host.deliver(proto::EnterGameREQ(), alice), Status::refused);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(GamePlugin, LoadIsItsPlayers) {
  host.ask(proto::EnterGameREQ(), agent, alice);
  host.ask(proto::EnterGameREQ(), agent, bob);
  host.ask(proto::EnterGameREQ(), agent, bob);
  EXPECT_EQ(load(), 2U);
  host.disconnect(alice);
  host.disconnect(host.client());
  EXPECT_EQ(load(), 1U);
}

}  // namespace
