#include "check/heap.hpp"

#include <malloc.h>

#include <algorithm>
#include <future>
#include <limits>

#include "base/sanitizer.hpp"
#include "check/test.hpp"

namespace cm::check {
namespace {

std::size_t in_use() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;  // in arenas, and in mappings of their own
}

}  // namespace

std::size_t left_on_heap(const std::function<void()>& work) {
  if (base::kSanitized) throw Skipped("the heap cannot be measured under a sanitizer");
  static constexpr std::size_t kMost = 8;
  work();
  std::size_t least = std::numeric_limits<std::size_t>::max();
  std::size_t before = in_use();
  for (std::size_t times = 1; times < kMost; times *= 2) {
    for (std::size_t n = 0; n < times; ++n) work();
    const std::size_t now = in_use();
    least = std::min(least, now > before ? (now - before) / times : 0);
    before = now;
  }
  return least;
}

void on_own_thread(const std::function<void()>& work) { std::async(std::launch::async, work).get(); }

}  // namespace cm::check
