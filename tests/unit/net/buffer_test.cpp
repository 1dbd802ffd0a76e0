#include "net/buffer.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "support/fake_transport.hpp"

namespace cm::net {
namespace {

TEST(BufferPool, ABlockIsUsedAgain) {
  BufferPool pool;
  const auto block = pool.take(100);
  EXPECT_GE(block.size, 100U);
  pool.give(block);
  const auto again = pool.take(block.size);
  EXPECT_EQ(again.data, block.data);
  pool.give(again);
}

TEST(BufferPool, WhatIsLargerThanItsSizesGoesBackToTheHeap) {
  BufferPool pool;
  const auto block = pool.take(10U << 20U);
  EXPECT_EQ(block.size, 10U << 20U);
  pool.give(block);
}

TEST(Buffer, WhatWentInComesOutHoweverItIsCut) {
  BufferPool pool;
  Buffer buffer;
  std::deque<std::byte> expected;
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      std::vector<std::byte> bytes(random() % (i % 100 == 0 ? 100'000 : 300));
      for (auto& byte : bytes) byte = static_cast<std::byte>(random());
      buffer.append(pool, bytes);
      expected.insert(expected.end(), bytes.begin(), bytes.end());
    } else {
      const std::size_t n = random() % (buffer.size() + 1);
      ASSERT_TRUE(
          std::equal(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(n), buffer.bytes().begin()));
      buffer.consume(n);
      expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(n));
    }
    ASSERT_EQ(buffer.size(), expected.size());
  }
  buffer.release(pool);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, ReadingAsFastAsWritingDoesNotGrowIt) {
  BufferPool pool;
  Buffer buffer;
  const std::vector<std::byte> bytes(100);
  buffer.append(pool, bytes);
  std::size_t capacity = 0;
  for (int i = 0; i < 10'000; ++i) {
    buffer.append(pool, bytes);
    buffer.consume(100);
    capacity = std::max(capacity, buffer.space(pool, 1).size());
  }
  EXPECT_LE(capacity, 2048U);
  buffer.release(pool);
}

}  // namespace
}  // namespace cm::net
