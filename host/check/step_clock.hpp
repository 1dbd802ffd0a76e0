#pragma once

#include <chrono>

namespace cm::check {

// What a thread did with its time since this was made: what it computed, and what it waited of its own will. That
// others had the processor counts for neither.
class StepClock {
 public:
  StepClock();
  [[nodiscard]] std::chrono::milliseconds computed() const;
  [[nodiscard]] std::chrono::milliseconds waited() const;

 private:
  std::chrono::nanoseconds processor_;
  std::chrono::nanoseconds queued_;
  long waits_;
  std::chrono::steady_clock::time_point wall_;
};

}  // namespace cm::check
