#include "net/descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace cm::net {
namespace {

class Descriptors : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0); }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &before_); }
  static DescriptorLimits with_limit(rlim_t limit) {
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    now.rlim_cur = limit;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    return descriptor_limits();
  }

 private:
  rlimit before_{};
};

TEST_F(Descriptors, FollowTheLimitOfTheProcess) {
  EXPECT_EQ(with_limit(256).limit, 256U);
  EXPECT_EQ(with_limit(512).limit, 512U);
}

TEST_F(Descriptors, LeaveAReserveToTheRest) {
  EXPECT_EQ(with_limit(256).clients(), 192U);
  EXPECT_EQ(with_limit(256).refusals(), 224U);
  EXPECT_EQ(with_limit(2048).clients(), 2048U - 128);
}

TEST_F(Descriptors, LeaveHalfOfAVeryLowLimit) {
  EXPECT_EQ(with_limit(64).clients(), 32U);
  EXPECT_EQ(with_limit(64).refusals(), 48U);
}

}  // namespace
}  // namespace cm::net
