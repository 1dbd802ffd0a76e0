#include "session/public_urls.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cm::session {
namespace {

using routing::Transport;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> urls(const char* public_host, Transport transport, bool first = false) {
  const auto found = public_urls(public_host, {transport, "127.0.0.1", 9000, first});
  EXPECT_TRUE(found) << (found ? "" : found.error().text);
  return found ? *found : std::vector<std::string>();
}

TEST(PublicUrls, NameTheListeningAddressByDefault) {
  EXPECT_THAT(urls("", Transport::tcp), ElementsAre("tcp://127.0.0.1:9000"));
  EXPECT_THAT(urls("  ", Transport::wss), ElementsAre("wss://127.0.0.1:9000/"));
}

TEST(PublicUrls, HostGoesWithTheListenersPort) {
  EXPECT_THAT(urls("play.example.org", Transport::tcp, true), ElementsAre("tcp://play.example.org:9000"));
  EXPECT_THAT(urls("2001:db8::5", Transport::ws), ElementsAre("ws://[2001:db8::5]:9000/"));
}

TEST(PublicUrls, HostAndPortAreTheFirstListeners) {
  EXPECT_THAT(urls("play.example.org:7000", Transport::tcp, true), ElementsAre("tcp://play.example.org:7000"));
  EXPECT_THAT(urls("play.example.org:7000", Transport::ws), ElementsAre("ws://play.example.org:9000/"));
  EXPECT_THAT(urls("[2001:db8::5]:7000", Transport::tcp, true), ElementsAre("tcp://[2001:db8::5]:7000"));
}

TEST(PublicUrls, UrlsAreOfTheirTransport) {
  const char* both = "tcp://nat.example.org:7000, wss://play.example.org/agent";
  EXPECT_THAT(urls(both, Transport::tcp, true), ElementsAre("tcp://nat.example.org:7000"));
  EXPECT_THAT(urls(both, Transport::wss), ElementsAre("wss://play.example.org:443/agent"));
  EXPECT_THAT(urls("ws://play.example.org", Transport::ws), ElementsAre("ws://play.example.org:80/"));
  EXPECT_THAT(urls("tcp://nat.example.org", Transport::tcp), ElementsAre("tcp://nat.example.org:9000"));
}

TEST(PublicUrls, TransportWithoutAnEntryKeepsItsPort) {
  EXPECT_THAT(urls("tcp://nat.example.org:7000", Transport::ws), ElementsAre("ws://nat.example.org:9000/"));
}

TEST(PublicUrls, ListOfHostsIsOneUrlEach) {
  EXPECT_THAT(urls("203.0.113.5, 2001:db8::5", Transport::tcp),
              ElementsAre("tcp://203.0.113.5:9000", "tcp://[2001:db8::5]:9000"));
}

TEST(PublicUrls, RefuseWhatIsNotAHost) {
  for (const char* text :
       {"http://play.example.org", "play example.org", "host:port", "host:70000", "tcp://host:1/x"}) {
    const auto found = public_urls(text, {Transport::tcp, "127.0.0.1", 9000, true});
    ASSERT_FALSE(found) << text;
    EXPECT_THAT(found.error().text, HasSubstr(std::string("\"") + text + "\"")) << text;
  }
}

TEST(PublicUrls, OfAnyAddressAreThisMachines) {
  const auto found = public_urls("", {Transport::tcp, "0.0.0.0", 9000, true});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_THAT(found->front(), testing::Not(HasSubstr("0.0.0.0")));
}

}  // namespace
}  // namespace cm::session
