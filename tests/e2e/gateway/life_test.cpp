// Clients that live and say nothing, and clients that are gone and nobody said so.
#include <thread>

#include "e2e/fixture.hpp"
#include "support/net_namespace.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

std::int64_t clients(Deployment& mesh) {
  return mesh.host("agent").query({"clients"}).at("total").to_number<std::int64_t>();
}

TEST(Life, OfAClientThatPingsIsItsPingAndOfOneThatDoesNotItsMachine) {
  Deployment::Options options;
  options.settings = {{"agent/ping_timeout_sec", "3"}};
  Deployment mesh(Shape::embedded, options);
  Client steady = mesh.player();
  Client quiet = mesh.player();
  Client lapsed = mesh.player();
  lapsed.send(proto::PingACK());
  (void)lapsed.expect<proto::PingACK>();
  bool over = false;
  const auto begun = Clock::now();
  while (!over) {
    ASSERT_LT(Clock::now() - begun, patience(seconds(60))) << "one that pings no more is still there";
    steady.send(proto::PingACK());
    (void)steady.expect<proto::PingACK>();
    over = clients(mesh) == 2;
    std::this_thread::sleep_for(milliseconds(100));
  }
  expect_end(lapsed, NoticeACK::Idle);
  chat(quiet, "here I am, and never said so");
  expect_chat(steady, "here I am, and never said so");
}

// Their machine lost its power, or its network: no FIN comes, and no RST.
class Vanished : public testing::TestWithParam<bool> {};

TEST_P(Vanished, ClientsAreGoneInTimeAndTheSilentStay) {
  if (const auto missing = NetNamespace::missing(); !missing.empty()) GTEST_SKIP() << missing;
  NetNamespace far;
  auto options = with_every_transport();
  options.settings = {
      {"agent/listen_address", "0.0.0.0"}, {"agent/public_host", far.near_address()}, {"agent/peer_timeout_sec", "4"}};
  Deployment mesh(Shape::embedded, options);
  Client near = mesh.player();
  Client silent = mesh.player();
  std::vector<Client> gone;
  for (const std::string transport : kTransports) {
    const Ticket ticket = await_ticket(mesh.url("login", transport));
    far.inside([&] { gone.push_back(enter(ticket)); });
  }
  ASSERT_EQ(clients(mesh), 6);
  far.cut();
  if (GetParam()) chat(near, "what they will never hear");  // it waits for them in the kernel
  EXPECT_TRUE(wait_until([&] { return clients(mesh) == 2; }, seconds(60))) << clients(mesh) << " are still there";
  chat(silent, "still here");
  expect_chat(near, "still here");
}
INSTANTIATE_TEST_SUITE_P(While, Vanished, testing::Bool(),
                         [](const auto& test) { return test.param ? "TheyAreSpokenTo" : "TheyAreIdle"; });

}  // namespace
}  // namespace cm::test
