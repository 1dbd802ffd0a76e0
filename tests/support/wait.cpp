#include "support/wait.hpp"

#include <poll.h>

#include "base/sanitizer.hpp"

namespace cm::test {
namespace {

constexpr int kPollMs = 10;

constexpr int kSlowdown = base::kSanitized ? 4 : 1;

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
