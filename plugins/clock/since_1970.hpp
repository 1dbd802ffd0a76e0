// The time of day, for what people read and what outlives a process; everything else goes by the service's own clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace since_1970 {

inline std::int64_t milliseconds() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

inline std::int64_t seconds() { return milliseconds() / 1000; }

}  // namespace since_1970
