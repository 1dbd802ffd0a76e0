// SPDX-License-Identifier: MIT
#include <algorithm>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace metrics {
namespace {

constexpr std::size_t max_name = 100;

bool good(std::string_view name) {
  return !name.empty() && name.size() <= max_name && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

cm_metric find_or_make(HostSide& side, std::string_view name) {
  if (!good(name)) return 0;
  const std::lock_guard lock(side.mutex);
  const auto found =
      std::find_if(side.metrics.begin(), side.metrics.end(), [&](const auto& metric) { return metric.first == name; });
  if (found != side.metrics.end()) return static_cast<cm_metric>(found - side.metrics.begin() + 1);
  if (side.metrics.size() >= HostSide::max_metrics) return 0;
  side.metrics.emplace_back(name, 0);
  return static_cast<cm_metric>(side.metrics.size());
}

cm_metric get(const cm_host* host, const char* name) {
  cm_metric metric = 0;
  static_cast<void>(on_service_thread(host, [&](HostSide& side) -> cm_status {
    metric = name != nullptr ? find_or_make(side, name) : 0;
    return metric != 0 ? CM_OK
                       : side.invalid("a metric's name is 1 to 100 of a-z, 0-9 and '_', and there are 1,000 at most");
  }));
  return metric;
}

template <class Change>
void change(const cm_host* host, cm_metric metric, Change&& to) {
  HostSide* side = HostSide::of(host);
  if (side == nullptr || metric == 0) return;
  const std::lock_guard lock(side->mutex);
  if (metric <= side->metrics.size()) to(side->metrics[metric - 1].second);
}

void add(const cm_host* host, cm_metric metric, int64_t n) {
  change(host, metric, [&](std::int64_t& value) { value += n; });
}

void set(const cm_host* host, cm_metric metric, int64_t value) {
  change(host, metric, [&](std::int64_t& old) { old = value; });
}

}  // namespace
}  // namespace metrics

const cm_host_metrics host_metrics{sizeof(cm_host_metrics), 0, &metrics::get, &metrics::add, &metrics::set};

}  // namespace cellmesh::test::detail
