#include "base/held.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace cm::base {
namespace {

using HeldList = Held<std::vector<int>>;

template <class H>
constexpr bool kHasArrow = requires {
  std::declval<H>().operator->();
};

TEST(Held, OnlyOneWithANameIsLookedInto) {
  EXPECT_TRUE(kHasArrow<HeldList&>);
  EXPECT_TRUE(kHasArrow<const HeldList&>);
  EXPECT_FALSE(kHasArrow<HeldList>);
  EXPECT_FALSE(kHasArrow<const HeldList>);
}

TEST(Held, KeepsWhatItHoldsAfterItsMakerLetGo) {
  auto list = std::make_shared<std::vector<int>>(3, 7);
  const std::weak_ptr<std::vector<int>> seen = list;
  HeldList held(std::move(list));
  EXPECT_EQ(held->size(), 3U);
  EXPECT_FALSE(seen.expired());
  held = HeldList();
  EXPECT_TRUE(seen.expired());
  EXPECT_FALSE(held);
}

}  // namespace
}  // namespace cm::base
