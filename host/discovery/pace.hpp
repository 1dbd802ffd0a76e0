#pragma once

#include <algorithm>
#include <chrono>

#include "base/backoff.hpp"

namespace cm::discovery {

using base::Backoff;

// At most one event an `interval` on the average, `burst` of them at once.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  Pace(std::chrono::milliseconds interval, int burst) : interval_(interval), slack_(interval * (burst - 1)) {}

  // When the next one may happen; it is counted as happening then.
  Clock::time_point next(Clock::time_point now) {
    const auto when = std::max(now, full_at_ - slack_);
    full_at_ = std::max(full_at_, when) + interval_;
    return when;
  }

 private:
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds slack_;
  Clock::time_point full_at_{};
};

}  // namespace cm::discovery
