#include "check/step_clock.hpp"

#include <sys/resource.h>
#include <time.h>

#include <cstdint>
#include <fstream>

namespace cm::check {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

nanoseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

// For how long the thread was ready to run and others had the processors; zero where the kernel does not say. Format:
// Documentation/scheduler/sched-stats.rst of Linux.
nanoseconds queued_time() {
  std::ifstream file("/proc/thread-self/schedstat");
  std::int64_t ran = 0, queued = 0;
  return file >> ran >> queued ? nanoseconds(queued) : nanoseconds(0);
}

long voluntary_waits() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

}  // namespace

StepClock::StepClock()
    : processor_(processor_time()),
      queued_(queued_time()),
      waits_(voluntary_waits()),
      wall_(std::chrono::steady_clock::now()) {}

milliseconds StepClock::computed() const {
  return std::chrono::duration_cast<milliseconds>(processor_time() - processor_);
}

milliseconds StepClock::waited() const {
  if (voluntary_waits() == waits_) return milliseconds(0);
  const auto wall = std::chrono::steady_clock::now() - wall_;
  return std::chrono::duration_cast<milliseconds>(wall - (processor_time() - processor_) - (queued_time() - queued_));
}

}  // namespace cm::check
