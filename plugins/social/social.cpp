#include "social.hpp"

#include <limits>
#include <utility>

using namespace std::chrono_literals;

void Social::start() {
  start_beat();
  report_load();
}

void Social::stop() {
  if (leads()) store_channels_at_last();
  hand_over();
}

void Social::load(const proto::SocialState& state) {
  state_ = state;
  lines_.for_each([this](std::uint64_t id, const Line& line) {
    order_.insert(id);
    line_bytes_ += line.said().ByteSizeLong();
  });
}

void Social::resumed() {
  if (state_.beat_timer() == 0) start_beat();  // of a version that had none
  report_load();
}

void Social::on_service(ServiceId service, bool up) {
  if (!up) return part(service);
  const auto info = directory().get(service);
  if (!info) return;
  meet(service, info->kind);
  if (info->kind != "data") return;
  try_late_soon();
  if (state_.leader() == 0) run_for_leader();
}

void Social::report_load_soon() {
  if (!load_timer_) load_timer_ = after<&Social::report_load>(200ms);
}

void Social::report_load() {
  load_timer_ = {};
  online_gauge_.set(static_cast<std::int64_t>(online_.size()));
  // So that no client is given to one that follows.
  directory().set_load(leads() ? online_.size() : std::numeric_limits<std::uint32_t>::max());
}

CELLMESH_PLUGIN(Social)
