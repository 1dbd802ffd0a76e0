#include "bench/meter.hpp"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>

namespace cm::bench {
namespace {

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    threads.push_back(std::stoi(entry.path().filename()));
  }
  return threads;
}

// An instruction counter of a thread and those it starts later, off; -1 when there is none to have.
int open_counter(pid_t thread) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = PERF_COUNT_HW_INSTRUCTIONS;
  attr.disabled = 1;
  attr.inherit = 1;
  attr.exclude_hv = 1;
  return static_cast<int>(::syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// The sum of these lines, in bytes.
std::uint64_t of_rollup(pid_t pid, std::initializer_list<std::string_view> names) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  std::uint64_t sum = 0;
  while (rollup >> word) {
    std::uint64_t kilobytes = 0;
    const bool wanted = std::find(names.begin(), names.end(), word) != names.end();
    if (wanted && rollup >> kilobytes) sum += kilobytes * 1024;
  }
  return sum;
}

}  // namespace

Meter::Meter(pid_t pid) : pid_(pid) {}

Meter::~Meter() {
  for (const int counter : counters_) ::close(counter);
}

void Meter::start() {
  counting_ = true;
  for (const pid_t thread : threads_of(pid_)) {
    const int counter = open_counter(thread);
    counting_ = counting_ && counter >= 0;
    if (counter >= 0) counters_.push_back(counter);
  }
  for (const int counter : counters_) ::ioctl(counter, PERF_EVENT_IOC_ENABLE, 0);
  started_ns_ = cpu_ns(pid_);
}

Meter::Spent Meter::stop() {
  Spent spent;
  spent.cpu_ns = cpu_ns(pid_) - started_ns_;
  std::uint64_t sum = 0;
  for (const int counter : counters_) {
    std::uint64_t count = 0;
    counting_ = ::read(counter, &count, sizeof count) == static_cast<ssize_t>(sizeof count) && counting_;
    sum += count;
    ::close(counter);
  }
  counters_.clear();
  if (counting_ && sum != 0) spent.instructions = sum;
  return spent;
}

// The scheduler's own account, in nanoseconds, of threads that have ended too.
std::uint64_t Meter::cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec spent{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &spent) != 0) return 0;
  return static_cast<std::uint64_t>(spent.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(spent.tv_nsec);
}

std::uint64_t Meter::resident(pid_t pid) { return of_rollup(pid, {"Rss:"}); }

std::uint64_t Meter::own_memory(pid_t pid) { return of_rollup(pid, {"Private_Clean:", "Private_Dirty:"}); }

}  // namespace cm::bench
