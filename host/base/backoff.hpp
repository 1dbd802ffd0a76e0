#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace cm::base {

// Waits between attempts that fail: doubling from `first` to `most`, each shortened by up to half at random, so that
// hosts that lost the same server do not come back in step. Used by one thread at a time.
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

}  // namespace cm::base
