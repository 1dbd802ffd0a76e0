#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

namespace {

using cellmesh::Client;
using cellmesh::test::Host;
using testing::HasSubstr;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

TEST(PluginInC, IsTestedAsOneInCpp) {
  Host host("tally#0@test");
  const Client ann = host.client();
  host.deliver(tally::CountREQ(), ann);
  EXPECT_EQ(host.one<tally::CountACK>(ann).count(), 1U);
  host.advance(1s);
  EXPECT_EQ(host.one<tally::CountACK>(ann).count(), 1U);
}

TEST(PluginInC, KeepsItsStateAndItsTimerInAReload) {
  Host host("tally#0@test");
  const Client ann = host.client();
  host.deliver(tally::CountREQ(), ann);
  host.advance(999ms);
  host.reload();
  host.clear();
  host.advance(1ms);
  EXPECT_EQ(host.one<tally::CountACK>(ann).count(), 1U);
}

TEST(PluginInC, FaultWithoutAWordIsAFault) {
  Host host("tally#0@test");
  const Client ann = host.client();
  for (int n = 0; n < 127; ++n) host.deliver(tally::CountREQ(), ann);
  EXPECT_THAT([&] { host.deliver(tally::CountREQ(), ann); },
              ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("it did not say why")));
}

}  // namespace
