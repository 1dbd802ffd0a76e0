#include "social.hpp"

using namespace std::chrono_literals;

void Social::start() {
  directory().set_load(0);
  for (const auto& agent : directory().list("agent")) send(agent.service, proto::AnnounceREQ());
}

void Social::resumed() { online_gauge_.set(static_cast<std::int64_t>(online_.size())); }

void Social::on_service(cellmesh::ServiceId service, bool up) {
  if (!up) {
    if (agents_.erase(service)) drop_all_of(service, std::nullopt);
    return;
  }
  if (const auto info = directory().get(service); info && info->kind == "agent") {
    send(service, proto::AnnounceREQ());
  }
}

void Social::report_load_soon() {
  if (!load_timer_) load_timer_ = after<&Social::report_load>(200ms);
}

void Social::report_load() {
  load_timer_ = {};
  online_gauge_.set(static_cast<std::int64_t>(online_.size()));
  directory().set_load(online_.size());
}

CELLMESH_PLUGIN(Social)
