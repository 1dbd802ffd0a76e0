#pragma once

#include <cstdint>

#include "plugin/clock.hpp"

namespace cm::plugin {

// Lets so many lines a second through and counts the rest, so that what goes wrong at every message does not drown the
// log. One thread.
class LogLimiter {
 public:
  explicit LogLimiter(unsigned lines_a_second) : most_(lines_a_second) {}

  // Whether a line may be written now.
  bool allow() {
    const std::int64_t now = now_ms();
    if (now - second_ >= 1000) {
      second_ = now;
      written_ = 0;
    }
    if (written_ < most_) {
      ++written_;
      return true;
    }
    ++swallowed_;
    return false;
  }
  // Lines not written since the last call.
  std::uint64_t take_swallowed() {
    const std::uint64_t n = swallowed_;
    swallowed_ = 0;
    return n;
  }

 private:
  const unsigned most_;
  std::int64_t second_ = 0;
  unsigned written_ = 0;
  std::uint64_t swallowed_ = 0;
};

}  // namespace cm::plugin
