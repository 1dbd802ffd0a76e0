#include "plugin/health.hpp"

#include "base/utf8.hpp"
#include "cellmesh/abi/health.h"
#include "plugin/text.hpp"

namespace cm::plugin {

void Health::set(std::string_view reason) {
  reason_ = base::as_utf8(one_line(reason, CM_MAX_HEALTH_REASON), CM_MAX_HEALTH_REASON);
  schedule();
}

void Health::begin_takeover() { held_ = true; }

void Health::end_takeover() {
  held_ = false;
  schedule();
}

void Health::registered() {
  registered_ = true;
  published_ = reason_;
}

void Health::schedule() {
  if (!registered_ || held_ || publish_at_ != kNever || reason_ == published_) return;
  const auto when = pace_.next(discovery::Pace::Clock::now()).time_since_epoch();
  publish_at_ = std::chrono::duration_cast<std::chrono::milliseconds>(when).count();
  due(now_ms());
}

void Health::due(std::int64_t now) {
  if (now < publish_at_ || held_) return;
  publish_at_ = kNever;
  if (reason_ == published_) return;
  published_ = reason_;
  registry_.update(self_, [this](routing::ServiceEntry& entry) { entry.unhealthy = published_; });
}

}  // namespace cm::plugin
