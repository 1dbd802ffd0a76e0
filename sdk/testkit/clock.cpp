// SPDX-License-Identifier: MIT
//
// Time, which passes when the test says so.
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "host_side.hpp"

namespace cellmesh::test {
namespace {

using detail::HostSide;

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t rounds_at_once = 10'000;

template <class Waiting>
std::uint64_t earliest(const Waiting& waiting) {
  std::uint64_t due = never;
  for (const auto& [number, what] : waiting) due = std::min(due, what.due_ms);
  return due;
}

// The numbers of those that are due, in order.
template <class Waiting>
std::vector<std::uint64_t> due_at(const Waiting& waiting, std::uint64_t now) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, what] : waiting) {
    if (what.due_ms <= now) numbers.push_back(number);
  }
  return numbers;
}

// Those that earlier ones of the same time cancelled or answered are passed over.
void run_due(HostSide& side) {
  for (const auto number : due_at(side.timers, side.now_ms)) {
    if (!side.timers.contains(number)) continue;
    static_cast<void>(side.on_timer(number));
    side.settle();
  }
  for (const auto number : due_at(side.calls, side.now_ms)) {
    const auto found = side.calls.find(number);
    if (found == side.calls.end()) continue;
    const WaitingCall call = std::move(found->second);
    side.calls.erase(found);
    static_cast<void>(side.on_reply(call, CM_TIMEOUT, 0, {}));
    side.settle();
  }
}

template <class Waiting>
auto in_order_due(const Waiting& waiting) {
  std::vector<typename Waiting::mapped_type> all;
  for (const auto& [number, what] : waiting) all.push_back(what);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.due_ms < b.due_ms; });
  return all;
}

}  // namespace

void MemoryHost::advance(std::uint64_t ms) {
  HostSide& side = *side_;
  const std::uint64_t until = side.now_ms + ms;
  const auto set_now = [&](std::uint64_t now) {
    side.now_ms = now;
    side.any_thread_now = now;
  };
  for (std::size_t rounds = 0;;) {
    const std::uint64_t due = std::min(earliest(side.timers), earliest(side.calls));
    if (due > until) break;
    rounds = due > side.now_ms ? 0 : rounds + 1;
    if (rounds > rounds_at_once) {
      throw std::runtime_error(side.id_text + " starts timers without a delay for ever; " +
                               (side.timers.empty() ? "" : "one is for " + side.timers.begin()->second.handler));
    }
    set_now(std::max(due, side.now_ms));
    run_due(side);
  }
  set_now(until);
}

std::uint64_t MemoryHost::now_ms() const { return side_->now_ms; }

std::vector<WaitingCall> MemoryHost::calls() const { return in_order_due(side_->calls); }
std::vector<WaitingTimer> MemoryHost::timers() const { return in_order_due(side_->timers); }

}  // namespace cellmesh::test
