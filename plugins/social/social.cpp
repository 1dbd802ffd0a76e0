#include "social.hpp"

#include <limits>
#include <utility>

using namespace std::chrono_literals;

void Social::start() {
  stand_by_or_serve();
  report_load();
  for (const auto& agent : directory().list("agent")) send(agent.service, proto::AnnounceREQ());
}

void Social::stop() { store_channels_at_last(); }

void Social::resumed() {
  stand_by_or_serve();
  report_load();
}

void Social::on_service(ServiceId service, bool up) {
  stand_by_or_serve();
  if (!up) {
    if (agents_.erase(service)) drop_all_of(service, std::nullopt);
    return;
  }
  const auto info = directory().get(service);
  if (info && info->kind == "agent") send(service, proto::AnnounceREQ());
  if (info && info->kind == "data") try_late_soon();
}

// Of several social services the one with the lowest id serves. The others know who is online, too, and take over.
void Social::stand_by_or_serve() {
  bool other_serves = false;
  for (const auto& other : directory().list("social")) {
    other_serves |= std::pair(other.group, other.index) < std::pair(std::string(group()), index());
  }
  if (other_serves == std::exchange(standing_by_, other_serves)) return;
  report_load_soon();
  if (standing_by_) {
    log().warn("another social service serves this mesh: this one stands by");
    channels_.clear();
    watchers_.clear();
    records_.clear();
    std::vector<std::string> all;
    online_.for_each([&](const std::string& uid, const Player& /*player*/) { all.push_back(uid); });
    for (const auto& uid : all) online_.edit(uid)->clear_channels();
    return;
  }
  log().info("this social service serves the mesh from now on");
  online_.for_each([&](const std::string& uid, const Player& /*player*/) { records_[uid]; });
  try_late_soon();
}

void Social::report_load_soon() {
  if (!load_timer_) load_timer_ = after<&Social::report_load>(200ms);
}

void Social::report_load() {
  load_timer_ = {};
  online_gauge_.set(static_cast<std::int64_t>(online_.size()));
  // So that no client is given to one that stands by.
  directory().set_load(standing_by_ ? std::numeric_limits<std::uint32_t>::max() : online_.size());
}

CELLMESH_PLUGIN(Social)
