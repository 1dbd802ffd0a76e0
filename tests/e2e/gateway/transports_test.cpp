// Which ways in a deployment has, and what clients are told of them.
#include <gmock/gmock.h>

#include <exception>
#include <sstream>
#include <tuple>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

using testing::ElementsAre;

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> all;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) all.push_back(word);
  return all;
}

class TransportList : public testing::TestWithParam<std::tuple<Shape, const char*>> {};
INSTANTIATE_TEST_SUITE_P(AnyOrder, TransportList,
                         testing::Combine(testing::Values(Shape::embedded, Shape::consul),
                                          testing::Values("ws", "wss", "tls,wss", "ws,tcp")));

TEST_P(TransportList, LetsPlayersInByEachOfThem) {
  Deployment::Options options;
  options.await = false;
  options.transports = std::get<1>(GetParam());
  Deployment mesh(std::get<0>(GetParam()), options);
  for (const auto& transport : words(options.transports)) {
    const std::string login = mesh.url("login", transport);
    EXPECT_EQ(transport_of(await_ticket(login).agent), transport);
    std::string last;
    EXPECT_TRUE(wait_until([&] {  // services find each other within a moment
      try {
        Client player = enter(login);
        chat(player, "by " + transport);
        return true;
      } catch (const std::exception& e) {
        last = e.what();
        return false;
      }
    })) << transport
        << ": " << last;
  }
}

std::string server_of(const proto::LoginACK& ack) {
  return ack.server().ip() + " " + std::to_string(ack.server().port());
}

TEST(PublicHost, IsWhatClientsAreTold) {
  Deployment::Options options;
  options.await = false;
  options.settings = {{"agent/public_host", "tcp://nat.example.org:7000, wss://play.example.org/game"}};
  options.transports = "ws,tcp,wss";
  Deployment mesh(Shape::embedded, options);
  proto::LoginACK ack;
  ASSERT_TRUE(wait_until([&] { return (ack = log_in(mesh.url("login", "tcp"))).result() == proto::NoError; }));
  EXPECT_EQ(server_of(ack), "nat.example.org 7000");
  EXPECT_EQ(server_of(log_in(mesh.url("login", "wss"))), "play.example.org 443");
  EXPECT_THAT(ack.urls(), ElementsAre("tcp://nat.example.org:7000", testing::StartsWith("ws://nat.example.org:"),
                                      "wss://play.example.org:443/game"));
}

TEST(PublicHost, IsToldByTheFamilyOfTheClient) {
  Deployment::Options options;
  options.await = false;
  options.settings = {{"agent/listen_address", "::"},
                      {"agent/public_host", "203.0.113.5, 2001:db8::5"},
                      {"login/listen_address", "::"}};
  Deployment mesh(Shape::embedded, options);
  const std::string url = mesh.url("login", "tcp");
  const std::string port = url.substr(url.rfind(':'));
  proto::LoginACK ack;
  ASSERT_TRUE(wait_until([&] { return (ack = log_in("127.0.0.1" + port)).result() == proto::NoError; }));
  EXPECT_EQ(ack.server().ip(), "203.0.113.5");
  EXPECT_EQ(log_in("[::1]" + port).server().ip(), "2001:db8::5");
}

}  // namespace
}  // namespace cm::test
