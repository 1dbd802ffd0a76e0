#include <array>

#include <gtest/gtest.h>

#include "base/closest.hpp"
#include "base/host_port.hpp"

namespace cm::base {
namespace {

constexpr std::array<std::string_view, 5> kWords{"host", "chat", "ctl", "manifest", "settings"};

TEST(Closest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(closest("hots", kWords), "host");
  EXPECT_EQ(closest("cat", kWords), "chat");
  EXPECT_EQ(closest("manifets", kWords), "manifest");
  EXPECT_EQ(closest("ctrl", kWords), "ctl");
}

TEST(Closest, TheStartOfAWordMeansTheWord) { EXPECT_EQ(closest("sett", kWords), "settings"); }

TEST(Closest, SomethingElseMeansNothing) {
  EXPECT_EQ(closest("zebra", kWords), "");
  EXPECT_EQ(closest("", kWords), "");
  EXPECT_EQ(closest(std::string(100'000, 'x'), kWords), "");
}

TEST(Closest, TheSuggestionIsAQuestion) {
  EXPECT_EQ(did_you_mean("hots", kWords), "; did you mean \"host\"?");
  EXPECT_EQ(did_you_mean("zebra", kWords), "");
}

TEST(HostPort, ReadsWhatPeopleWrite) {
  EXPECT_EQ(HostPort::parse("127.0.0.1:8001").value(), (HostPort{"127.0.0.1", 8001}));
  EXPECT_EQ(HostPort::parse("login.example.org:1").value(), (HostPort{"login.example.org", 1}));
  EXPECT_EQ(HostPort::parse("[::1]:80").value(), (HostPort{"::1", 80}));
  EXPECT_EQ(HostPort::parse("::1", 5).value(), (HostPort{"::1", 5}));
  EXPECT_EQ(HostPort::parse("localhost", 8001).value(), (HostPort{"localhost", 8001}));
}

TEST(HostPort, RefusesWhatIsNoAddress) {
  for (const std::string_view bad : {"", ":", ":80", "a:", "a:x", "a:65536", "a:-1", "a:80x", "[::1", "[::1]x", "[]:80",
                                     "a b:80", "http://a:80", "a"}) {
    EXPECT_TRUE(HostPort::parse(bad).has_error()) << bad;
  }
  EXPECT_TRUE(HostPort::parse("a:", 80).has_error());
}

TEST(HostPort, WritesWhatItReads) {
  for (const std::string_view text : {"127.0.0.1:8001", "[::1]:80", "a-b.c:0"})
    EXPECT_EQ(HostPort::parse(text).value().text(), text);
}

}  // namespace
}  // namespace cm::base
