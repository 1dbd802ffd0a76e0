#include "net/origin.hpp"

#include <gtest/gtest.h>

namespace cm::net {
namespace {

constexpr const char* kHost = "play.example.org:8002";

TEST(Origin, WhoNamesNoneIsNoPageAndMayConnect) {
  EXPECT_TRUE(origin_allowed("", "", kHost));
  EXPECT_TRUE(origin_allowed("https://else.example.org", "", kHost));
}

TEST(Origin, ByDefaultPagesOfTheSameHostNameMayFromWhateverPort) {
  for (const char* allowed : {"", " ", "same-host"}) {
    EXPECT_TRUE(origin_allowed(allowed, "http://play.example.org", kHost));
    EXPECT_TRUE(origin_allowed(allowed, "https://PLAY.example.org:9000", kHost));
    EXPECT_FALSE(origin_allowed(allowed, "http://example.org", kHost));
    EXPECT_FALSE(origin_allowed(allowed, "http://play.example.org.evil.org", kHost));
    EXPECT_FALSE(origin_allowed(allowed, "http://evil.org/play.example.org", kHost));
    EXPECT_FALSE(origin_allowed(allowed, "null", kHost));
    EXPECT_FALSE(origin_allowed(allowed, "http://", ""));
  }
  EXPECT_TRUE(origin_allowed("", "http://[::1]:8002", "[::1]:4000"));
  EXPECT_FALSE(origin_allowed("", "http://[::1]:8002", "[::2]:4000"));
}

TEST(Origin, APatternAllowsWhatItMatchesWhole) {
  constexpr const char* kAllowed = "https://*.example.org, http://localhost:*";
  EXPECT_TRUE(origin_allowed(kAllowed, "https://play.example.org", "x"));
  EXPECT_TRUE(origin_allowed(kAllowed, "https://a.b.example.org", "x"));
  EXPECT_TRUE(origin_allowed(kAllowed, "http://localhost:3000", "x"));
  EXPECT_FALSE(origin_allowed(kAllowed, "http://localhost", "x"));
  EXPECT_FALSE(origin_allowed(kAllowed, "https://example.org", "x"));
  EXPECT_FALSE(origin_allowed(kAllowed, "https://play.example.org.evil.org", "x"));
  EXPECT_FALSE(origin_allowed(kAllowed, "http://play.example.org", "x"));
}

TEST(Origin, NamedOnesReplaceTheDefaultUnlessTheyNameItToo) {
  EXPECT_FALSE(origin_allowed("https://else.example.org", "http://play.example.org", kHost));
  EXPECT_TRUE(origin_allowed("https://else.example.org,same-host", "http://play.example.org", kHost));
}

TEST(Origin, AStarAllowsAllEvenPagesOfAFile) {
  EXPECT_TRUE(origin_allowed("*", "https://anywhere.example.com", kHost));
  EXPECT_TRUE(origin_allowed("*", "null", kHost));
}

TEST(Origin, ManyStarsEndSoon) {
  EXPECT_FALSE(origin_allowed(std::string(2000, '*') + "b", std::string(20'000, 'a'), kHost));
}

}  // namespace
}  // namespace cm::net
