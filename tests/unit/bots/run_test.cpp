#include "bots/run.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/wait.hpp"

namespace cm::bots {
namespace {

struct LoginOfARun : testing::Test {
  // Each look-up takes the next of these, and the last one over and over.
  std::vector<base::Result<net::Address>> answers;
  std::size_t lookups = 0;

  cm_service_kind kind{};
  plugin::Manifest manifest;

  RunConfig config() {
    RunConfig config;
    config.find_login = [this] { return answers[std::min(lookups++, answers.size() - 1)]; };
    return config;
  }
};

TEST_F(LoginOfARun, OfOneRobotThatFailedLeavesTheOthersTheAddress) {
  answers = {net::Address::parse("tcp://127.0.0.1:1")};
  bots::Run run(config(), kind, manifest);
  for (int i = 0; i < 3; ++i) {
    const auto found = run.login_address();
    ASSERT_TRUE(found.has_value()) << found.error().text;
    EXPECT_EQ(found->text(), "tcp://127.0.0.1:1");
    run.note_login_failed();
  }
}

TEST_F(LoginOfARun, IsLookedUpAgainAfterAFailure) {
  answers = {net::Address::parse("tcp://127.0.0.1:1"), net::Address::parse("tcp://127.0.0.1:2")};
  bots::Run run(config(), kind, manifest);
  ASSERT_TRUE(run.login_address().has_value());
  run.note_login_failed();
  EXPECT_TRUE(test::wait_until([&] { return run.login_address()->text() == "tcp://127.0.0.1:2"; }));
  EXPECT_EQ(lookups, 2U);
}

TEST_F(LoginOfARun, WhichIsNotFoundIsSaidToEachInTheLookupsOwnWords) {
  answers = {base::error("Consul is away")};
  bots::Run run(config(), kind, manifest);
  for (int i = 0; i < 3; ++i) {
    const auto found = run.login_address();
    ASSERT_TRUE(found.has_error());
    EXPECT_EQ(found.error().text, "Consul is away");
    run.note_login_failed();
  }
}

}  // namespace
}  // namespace cm::bots
