#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace cm::discovery {

// Waits between attempts that fail: doubling from `first` to `most`, each shortened by up to half at random, so that
// hosts that lost the same server do not come back in step.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most) : first_(first), most_(most), next_(first) {}

  std::chrono::milliseconds next() {
    const auto whole = next_;
    next_ = std::min(next_ * 2, most_);
    std::uniform_int_distribution<std::chrono::milliseconds::rep> part(whole.count() / 2, whole.count());
    return std::chrono::milliseconds(part(random_));
  }
  void reset() { next_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_{std::random_device{}()};
};

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
