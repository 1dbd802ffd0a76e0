// A bad plugin fails the test that is for its fault and no other: all tests on each, which takes its time.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "culprits.hpp"

namespace cm::test {
namespace {

class BadPlugin : public testing::TestWithParam<Culprit> {};

TEST_P(BadPlugin, FailsNoOtherTest) {
  const auto finished = check({"--json", GetParam().file()});
  ASSERT_EQ(finished.code, 1) << finished.output;
  EXPECT_EQ(ids(json::parse(finished.output), "failed"), std::vector{GetParam().test}) << finished.output;
}
INSTANTIATE_TEST_SUITE_P(Check, BadPlugin, testing::ValuesIn(all_culprits),
                         [](const auto& of) { return of.param.defect; });

}  // namespace
}  // namespace cm::test
