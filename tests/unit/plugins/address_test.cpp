#include "login/address.hpp"

#include <gtest/gtest.h>

namespace login {
namespace {

TEST(Address, HostAndPort) {
  const auto address = parse_address("play.example.org:8001");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "play.example.org");
  EXPECT_EQ(address->port, 8001);
}

TEST(Address, Version6StandsInBrackets) {
  const auto address = parse_address("[2001:db8::1]:65535");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "2001:db8::1");
  EXPECT_EQ(address->port, 65535);
}

TEST(Address, WhatNoClientCouldConnectToIsNone) {
  for (const char* text : {"", "host", "host:", ":80", "[]:80", "host:0", "host:65536", "host:80x", "host:-1",
                           "2001:db8::1:80", "[::1:80", "::1]:80", "host: 80"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

}  // namespace
}  // namespace login
