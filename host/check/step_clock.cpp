#include "check/step_clock.hpp"

#include <sys/resource.h>
#include <time.h>

namespace cm::check {
namespace {

using std::chrono::milliseconds;

std::chrono::nanoseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

long voluntary_waits() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

StepClock::StepClock()
    : wall_(std::chrono::steady_clock::now()), processor_(processor_time()), waits_(voluntary_waits()) {}

milliseconds StepClock::computed() const {
  return std::chrono::duration_cast<milliseconds>(processor_time() - processor_);
}

milliseconds StepClock::waited() const {
  if (voluntary_waits() == waits_) return milliseconds(0);
  const auto wall = std::chrono::steady_clock::now() - wall_;
  return std::chrono::duration_cast<milliseconds>(wall - (processor_time() - processor_));
}

}  // namespace cm::check
