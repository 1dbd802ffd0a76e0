#pragma once

#include <chrono>
#include <cstdint>

namespace cm::base {

// How many log lines one cause may write.
struct LogLimit {
  std::uint32_t burst = 200;               // at once
  std::chrono::milliseconds refill{2000};  // time for one more
};

}  // namespace cm::base
