#include "login/ways.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace login {
namespace {

using cellmesh::Transport;
using testing::ElementsAre;

std::vector<std::string> told(const std::vector<std::string>& urls, const char* client) {
  std::vector<std::string> result;
  for (const auto& way : ways_for(urls, client)) result.push_back(way.url);
  return result;
}

TEST(Ways, UrlIsTransportHostAndPort) {
  const auto way = parse_way("wss://play.example.org:8443/agent");
  ASSERT_TRUE(way);
  EXPECT_EQ(way->transport, Transport::wss);
  EXPECT_EQ(way->address.host, "play.example.org");
  EXPECT_EQ(way->address.port, 8443);
}

TEST(Ways, WebSocketHasADefaultPort) {
  ASSERT_TRUE(parse_way("ws://play.example.org/"));
  EXPECT_EQ(parse_way("ws://play.example.org/")->address.port, 80);
  EXPECT_EQ(parse_way("wss://[2001:db8::5]")->address.port, 443);
}

TEST(Ways, OtherTextIsNotAWay) {
  for (const char* text : {"", "play.example.org:80", "http://play.example.org:80/", "tcp://play.example.org",
                           "tcp://host:0", "ws://", "ws:///", "tls://host:80/x"}) {
    EXPECT_FALSE(parse_way(text)) << text;
  }
}

TEST(Ways, ClientIsToldItsOwnFamily) {
  const std::vector<std::string> both{"tcp://[2001:db8::5]:1", "tcp://203.0.113.5:1", "ws://203.0.113.5:2/"};
  EXPECT_THAT(told(both, "198.51.100.7"), ElementsAre("tcp://203.0.113.5:1", "ws://203.0.113.5:2/"));
  EXPECT_THAT(told(both, "::ffff:198.51.100.7"), ElementsAre("tcp://203.0.113.5:1", "ws://203.0.113.5:2/"));
  EXPECT_THAT(told(both, "2001:db8::7"), ElementsAre("tcp://[2001:db8::5]:1", "ws://203.0.113.5:2/"));
  EXPECT_THAT(told(both, ""), ElementsAre("tcp://[2001:db8::5]:1", "tcp://203.0.113.5:1", "ws://203.0.113.5:2/"));
}

TEST(Ways, NameSuitsEveryFamily) {
  const std::vector<std::string> named{"tcp://play.example.org:1"};
  EXPECT_THAT(told(named, "2001:db8::7"), ElementsAre("tcp://play.example.org:1"));
}

TEST(Ways, OneAddressIsByTheClientsTransport) {
  const auto ways = ways_for({"wss://a:1/", "ws://a:2/", "tcp://a:3"}, "");
  EXPECT_EQ(way_by(ways, Transport::ws)->address.port, 2);
  EXPECT_EQ(way_by(ways, Transport::tls)->address.port, 3);  // TCP where there is no TLS
  EXPECT_EQ(way_by(ways_for({"wss://a:1/", "ws://a:2/"}, ""), Transport::tcp)->address.port, 1);
  EXPECT_EQ(way_by({}, Transport::tcp), nullptr);
}

}  // namespace
}  // namespace login
