#include "discovery/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/consul.hpp"

namespace cm::discovery {
namespace {

using testing::HasSubstr;

std::string plain(std::string_view url) {
  const auto result = HttpClient::normalize_url(url);
  return result ? *result : result.error().text;
}

TEST(HttpUrl, IsBroughtToItsPlainForm) {
  EXPECT_EQ(plain("http://127.0.0.1:8500"), "http://127.0.0.1:8500");
  EXPECT_EQ(plain("127.0.0.1:8500"), "http://127.0.0.1:8500");
  EXPECT_EQ(plain("https://consul.example.com/"), "https://consul.example.com");
  EXPECT_EQ(plain("http://[::1]:8500//"), "http://[::1]:8500");
  EXPECT_EQ(plain("http://gate/consul/"), "http://gate/consul");
}

TEST(HttpUrl, WhatIsNoneIsRefusedWithTheCure) {
  for (const auto* bad : {"", "unix:///run/consul.sock", "ftp://a", "http://", "http://a:99999", "http://a/?x=1",
                          "http://token@a:8500", "http://a b"}) {
    EXPECT_FALSE(HttpClient::normalize_url(bad)) << bad;
    EXPECT_THAT(plain(bad), HasSubstr("http://127.0.0.1:8500"));
  }
}

TEST(ConsulConfig, WhatCannotBeUsedIsRefusedAtOnce) {
  ConsulConfig config;
  config.url = "consul://x";
  EXPECT_THAT(ConsulDiscovery::make(config).error().text, HasSubstr("Consul's address cannot be used"));
  config.url = "http://127.0.0.1:1";
  config.ca_file = "/nowhere/ca.pem";
  EXPECT_THAT(ConsulDiscovery::make(config).error().text, HasSubstr("/nowhere/ca.pem"));
  config.ca_file.clear();
  config.token = "a\r\nX: y";
  EXPECT_THAT(ConsulDiscovery::make(config).error().text, HasSubstr("line break"));
}

}  // namespace
}  // namespace cm::discovery
