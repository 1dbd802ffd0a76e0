#include "discovery/consul_lookup.hpp"

#include "e2e/discovery/fixture.hpp"
#include "e2e/discovery/lying_consul.hpp"
#include "support/consul.hpp"

namespace cm::discovery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ConsulLookup, ListsWhatIsPassingAndNothingWhenNoneRuns) {
  test::ConsulServer consul;
  EXPECT_TRUE(consul_lookup(quick(consul.url()), "login").value().empty());
  Node node(quick(consul.url()));
  node.discovery->register_service(service("login", 0));
  ASSERT_TRUE(eventually([&] { return node.discovery->state().registered == 1; }));
  ASSERT_TRUE(eventually([&] { return !consul_lookup(quick(consul.url()), "login").value().empty(); }));
  EXPECT_THAT(consul_lookup(quick(consul.url()), "login").value(), ElementsAre(service("login", 0)));
}

TEST(ConsulLookup, NobodyThereIsSaidWithTheCure) {
  const auto port = std::to_string(test::free_port());
  const auto result = consul_lookup(quick("127.0.0.1:" + port), "login");
  EXPECT_THAT(result.error().text, HasSubstr("http://127.0.0.1:" + port + " cannot be reached"));
  EXPECT_THAT(result.error().text, HasSubstr("is it running"));
}

TEST(ConsulLookup, ATokenThatIsRefusedIsSaid) {
  LyingConsul consul([](const auto&) { return LyingConsul::Reply{403, "Permission denied"}; });
  EXPECT_THAT(consul_lookup(quick(consul.url()), "login").error().text, HasSubstr("the token needs"));
}

TEST(ConsulLookup, WhatIsNoConsulIsSaid) {
  LyingConsul consul([](const auto&) { return LyingConsul::Reply{200, "<html>"}; });
  EXPECT_THAT(consul_lookup(quick(consul.url()), "login").error().text, HasSubstr("is not Consul"));
}

TEST(ConsulLookup, OneThatNeverAnswersIsGivenUp) {
  LyingConsul consul([](const auto&) { return LyingConsul::Reply{LyingConsul::kStall}; });
  EXPECT_THAT(consul_lookup(quick(consul.url()), "login").error().text, HasSubstr("cannot be reached"));
}

}  // namespace
}  // namespace cm::discovery
