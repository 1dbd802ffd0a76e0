#include "net/address.hpp"

#include <gtest/gtest.h>

namespace cm::net {
namespace {

TEST(Address, IsTcpWithoutAScheme) {
  const auto address = Address::parse("127.0.0.1:8001");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->text(), "tcp://127.0.0.1:8001");
  EXPECT_EQ(Address::parse("tcp://127.0.0.1:8001/")->text(), address->text());
}

TEST(Address, OfAWebSocketHasAPath) {
  const auto address = Address::parse("wss://play.example.org:443");
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->text(), "wss://play.example.org:443/");
  EXPECT_TRUE(address->is_tls() && address->is_websocket());
  EXPECT_EQ(Address::parse("ws://[::1]:80/game?x=1")->path, "/game?x=1");
  EXPECT_FALSE(Address::parse("tls://127.0.0.1:8001/game").has_value());
}

TEST(Address, WithoutAPortNeedsADefault) {
  EXPECT_FALSE(Address::parse("ws://localhost/").has_value());
  EXPECT_EQ(Address::parse("ws://localhost/", 8002)->to.port, 8002);
}

TEST(Address, OfAnotherSchemeIsRefusedWithThoseThatThereAre) {
  const auto address = Address::parse("https://127.0.0.1:8001");
  ASSERT_FALSE(address.has_value());
  EXPECT_NE(address.error().text.find("wss://"), std::string::npos) << address.error().text;
}

TEST(Address, MustNotWriteIntoTheRequest) {
  EXPECT_FALSE(Address::parse("ws://localhost:1/a\r\nX-Own: 1").has_value());
  EXPECT_FALSE(Address::parse("ws://localhost:1/a b").has_value());
}

}  // namespace
}  // namespace cm::net
