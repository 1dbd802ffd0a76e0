#pragma once

#include <atomic>
#include <cstdint>

namespace cm::plugin {

// Wakes one thread that waits with a deadline. A wake that comes before the wait is not lost; many wakes are one. A
// system call is made only when the thread really sleeps.
class WakeSignal {
 public:
  // [any thread]
  void wake();
  // Returns when woken, or at the deadline (now_ms() clock). [the one waiting thread]
  void wait_until(std::int64_t deadline_ms);

 private:
  static constexpr std::uint32_t kIdle = 0;
  static constexpr std::uint32_t kWoken = 1;
  static constexpr std::uint32_t kSleeping = 2;
  std::atomic<std::uint32_t> state_{kIdle};
};

}  // namespace cm::plugin
