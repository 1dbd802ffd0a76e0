// SPDX-License-Identifier: MIT
#include <algorithm>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace timer {
namespace {

constexpr std::uint64_t far_ms = 100ULL * 365 * 24 * 3600 * 1000;  // longer delays are cut, so that nothing overflows

cm_status start(const cm_host* host, uint64_t delay_ms, uint64_t period_ms, const char* handler, const uint8_t* cookie,
                size_t cookie_size, cm_timer* out) {
  return on_actor(host, [&](HostSide& side) -> cm_status {
    if (out != nullptr) *out = 0;
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return side.invalid(why);
    if (side.timers.size() >= HostSide::max_timers) return CM_BACKPRESSURE;
    WaitingTimer timer{.number = side.next_timer++, .handler = handler};
    timer.cookie = text_of(cookie, cookie_size);
    timer.due_ms = side.now_ms + std::min(delay_ms, far_ms);
    timer.period_ms = std::min(period_ms, far_ms);
    Act act{.did = Did::timer_start};
    act.handler = timer.handler;
    act.cookie = timer.cookie;
    act.number = timer.number;
    act.time_ms = delay_ms;
    act.period_ms = period_ms;
    if (const cm_status status = side.note(std::move(act)); status != CM_OK) return status;
    if (out != nullptr) *out = timer.number;
    side.timers.emplace(timer.number, std::move(timer));
    return CM_OK;
  });
}

cm_status cancel(const cm_host* host, cm_timer number) {
  return on_actor(host, [&](HostSide& side) {
    Act act{.did = Did::timer_cancel};
    act.number = number;
    const auto found = side.timers.find(number);
    if (found != side.timers.end()) act.handler = found->second.handler;
    const cm_status status = side.note(std::move(act), found != side.timers.end() ? CM_OK : CM_NOT_FOUND);
    if (status == CM_OK) side.timers.erase(found);
    return status;
  });
}

uint64_t now(const cm_host* host) {
  const HostSide* side = HostSide::of(host);
  return side != nullptr ? side->any_thread_now.load() : 0;
}

}  // namespace
}  // namespace timer

const cm_host_timer host_timer{sizeof(cm_host_timer), 0, &timer::start, &timer::cancel, &timer::now};

}  // namespace cellmesh::test::detail
