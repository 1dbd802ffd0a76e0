#include "bots/histogram.hpp"

#include <gtest/gtest.h>

namespace cm::bots {
namespace {

TEST(Histogram, APercentileIsAtMostThreePercentOff) {
  Histogram h;
  for (std::uint64_t i = 1; i <= 100'000; ++i) h.add(i);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 100'000;
    EXPECT_NEAR(static_cast<double>(h.percentile(share)), exact, exact * 0.032) << share;
  }
  EXPECT_EQ(h.percentile(1), 100'000U);
  EXPECT_EQ(h.max(), 100'000U);
  EXPECT_DOUBLE_EQ(h.mean(), 50'000.5);
}

TEST(Histogram, SmallNumbersAreExact) {
  Histogram h;
  for (std::uint64_t i = 0; i < 60; ++i) h.add(i);
  EXPECT_EQ(h.percentile(0.5), 29U);
  EXPECT_EQ(h.percentile(0), 0U);
}

TEST(Histogram, AnEmptyOneHasNoPercentiles) {
  const Histogram h;
  EXPECT_EQ(h.percentile(0.99), 0U);
  EXPECT_EQ(h.count(), 0U);
  EXPECT_TRUE(h.plot().empty());
}

TEST(Histogram, ASumIsAsIfAllHadBeenAddedToOne) {
  Histogram a, b, all;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    (i % 2 == 0 ? a : b).add(i * i);
    all.add(i * i);
  }
  a.add(b);
  EXPECT_EQ(a.count(), all.count());
  for (const double share : {0.1, 0.5, 0.99}) EXPECT_EQ(a.percentile(share), all.percentile(share));
}

TEST(Histogram, ThePlotHasEveryNumberOnce) {
  Histogram h;
  for (std::uint64_t i = 1; i <= 1'000; ++i) h.add(i * 37);
  std::uint64_t sum = 0;
  for (const auto& bucket : h.plot()) sum += bucket.count;
  EXPECT_EQ(sum, 1'000U);
}

}  // namespace
}  // namespace cm::bots
