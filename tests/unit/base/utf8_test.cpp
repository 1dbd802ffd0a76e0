#include "base/utf8.hpp"

#include <gtest/gtest.h>

namespace cm::base {
namespace {

TEST(Utf8, WhatIsNoUtf8IsReplacedAndCutsFallBetweenCharacters) {
  EXPECT_EQ(as_utf8("a\xc3\xa4\x80z", 100), "a\xc3\xa4?z");
  EXPECT_EQ(as_utf8("\xc3\xa4\xc3\xa4", 3), "\xc3\xa4");
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xc0\xaf"));
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(is_utf8("\xe2\x82"));
  EXPECT_TRUE(is_utf8("\xf0\x9f\x98\x80"));
}

}  // namespace
}  // namespace cm::base
