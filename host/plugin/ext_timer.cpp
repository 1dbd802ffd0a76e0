#include "plugin/clock.hpp"
#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

cm_status start(const cm_host* host, uint64_t delay_ms, uint64_t period_ms, const char* handler, const uint8_t* cookie,
                size_t cookie_size, cm_timer* out) {
  return on_actor(host, [&](Service& s) {
    if (out != nullptr) *out = 0;
    if (const auto why = bad_handler(handler, cookie, cookie_size); !why.empty()) return s.invalid(why);
    if (s.timers().size() >= Service::kMaxTimers) return cm_status{CM_BACKPRESSURE};
    const std::int64_t due = after(now_ms(), delay_ms);
    const auto number =
        s.timers().add(due, {due, after(0, period_ms), handler, std::string(text_of(cookie, cookie_size))});
    if (out != nullptr) *out = number;
    s.note_handler(CM_HANDLER_TIMER, handler);
    return cm_status{CM_OK};
  });
}

cm_status cancel(const cm_host* host, cm_timer timer) {
  return on_actor(host, [&](Service& s) -> cm_status { return s.timers().take(timer) ? CM_OK : CM_NOT_FOUND; });
}

uint64_t now(const cm_host* /*host*/) { return static_cast<uint64_t>(now_ms()); }

}  // namespace

const cm_host_timer kHostTimer{sizeof(cm_host_timer), 0, &start, &cancel, &now};

}  // namespace cm::plugin
