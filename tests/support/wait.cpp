#include "support/wait.hpp"

#include <poll.h>

namespace cm::test {
namespace {

constexpr int kPollMs = 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlowdown = 4;
#else
constexpr int kSlowdown = 1;
#endif

}  // namespace

milliseconds patience(milliseconds bound) { return bound * kSlowdown; }

bool wait_until(const std::function<bool()>& done, milliseconds bound) {
  const auto deadline = Clock::now() + patience(bound);
  while (!done()) {
    if (Clock::now() > deadline) return false;
    ::poll(nullptr, 0, kPollMs);
  }
  return true;
}

bool stays_true(const std::function<bool()>& holds, milliseconds time) {
  const auto deadline = Clock::now() + time;
  while (Clock::now() < deadline) {
    if (!holds()) return false;
    ::poll(nullptr, 0, kPollMs);
  }
  return holds();
}

}  // namespace cm::test
