#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace robot {

// How long to wait before the next try: doubles up to a bound, less a random half, so that thousands who failed
// together do not come back together.
class Backoff {
 public:
  using milliseconds = std::chrono::milliseconds;

  template <class Random>
  milliseconds next(Random& random, milliseconds at_least) {
    const std::int64_t most = std::max(now_, at_least).count();
    now_ = std::min(2 * now_, kMost);
    return milliseconds(
        std::uniform_int_distribution<std::int64_t>(std::max(most / 2, at_least.count()), most)(random));
  }
  void reset() { now_ = kFirst; }

 private:
  static constexpr milliseconds kFirst{500};
  static constexpr milliseconds kMost{8'000};
  milliseconds now_ = kFirst;
};

}  // namespace robot
