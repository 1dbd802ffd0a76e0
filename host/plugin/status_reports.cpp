#include "plugin/status_reports.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "hub.pb.h"
#include "routing/message_id.hpp"

namespace cm::plugin {
namespace {

constexpr std::int64_t kSoonestMs = 1000;
constexpr std::int64_t kLatestMs = 3000;
constexpr std::uint32_t kBelievedMs = 6000;
constexpr std::uint32_t kForEver = std::numeric_limits<std::uint32_t>::max();

}  // namespace

const std::uint16_t StatusReports::kMessageId = routing::message_id("protoSvcStatusACK");

void StatusReports::set_load(std::uint64_t users) {
  changed_ = changed_ || !known_ || users != users_;
  known_ = true;
  users_ = users;
  registry_.set_load(self_, users, kForEver);
}

void StatusReports::registered() {
  if (known_) registry_.set_load(self_, users_, kForEver);
}

std::string StatusReports::due(std::int64_t now) {
  if (next_deadline() > now) return {};
  reported_at_ = now;
  changed_ = false;
  proto::SvcStatusACK report;
  report.set_svc_id(std::string(registry_.names().service_id(self_)));
  report.set_user_count(
      static_cast<std::int32_t>(std::min<std::uint64_t>(users_, std::numeric_limits<std::int32_t>::max())));
  return report.SerializeAsString();
}

std::int64_t StatusReports::next_deadline() const {
  if (!known_) return kNever;
  return reported_at_ + (changed_ ? kSoonestMs : kLatestMs);
}

void StatusReports::apply(routing::Registry& registry, const routing::Registry::Snapshot& snapshot,
                          std::string_view body) {
  proto::SvcStatusACK report;
  if (!report.ParseFromArray(body.data(), static_cast<int>(body.size()))) return;
  const auto* entry = snapshot.find(registry.names().find(report.svc_id()));
  // What runs here told its load itself, and that does not expire.
  if (entry == nullptr || entry->host.empty()) return;
  registry.set_load(entry->ref, static_cast<std::uint64_t>(std::max(report.user_count(), 0)), kBelievedMs);
}

}  // namespace cm::plugin
