#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace cm::plugin {

// Milliseconds of the steady clock, the clock of the registry's loads as well.
[[nodiscard]] inline std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// now + delay, far delays cut so that nothing overflows.
[[nodiscard]] inline std::int64_t after(std::int64_t now, std::uint64_t delay_ms) {
  constexpr std::uint64_t kFar = 100ULL * 365 * 24 * 3600 * 1000;
  return now + static_cast<std::int64_t>(delay_ms < kFar ? delay_ms : kFar);
}

}  // namespace cm::plugin
