#include "plugin/wake_signal.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "plugin/clock.hpp"

namespace cm::plugin {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* deadline) {
  return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation | FUTEX_PRIVATE_FLAG, value, deadline,
                   nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void WakeSignal::wake() {
  if (state_.exchange(kWoken, std::memory_order_acq_rel) == kSleeping) futex(state_, FUTEX_WAKE, 1, nullptr);
}

void WakeSignal::wait_until(std::int64_t deadline_ms) {
  std::uint32_t expected = kIdle;
  if (!state_.compare_exchange_strong(expected, kSleeping, std::memory_order_acq_rel)) {
    state_.exchange(kIdle, std::memory_order_acq_rel);  // woken before it slept
    return;
  }
  // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, which is what steady_clock reads.
  const timespec at{deadline_ms / 1000, (deadline_ms % 1000) * 1'000'000};
  while (state_.load(std::memory_order_acquire) == kSleeping && now_ms() < deadline_ms) {
    futex(state_, FUTEX_WAIT_BITSET, kSleeping, deadline_ms == kNever ? nullptr : &at);
  }
  state_.exchange(kIdle, std::memory_order_acq_rel);
}

}  // namespace cm::plugin
