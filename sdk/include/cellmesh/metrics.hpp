// SPDX-License-Identifier: MIT
#ifndef CELLMESH_METRICS_HPP
#define CELLMESH_METRICS_HPP

#include <cstdint>

#include "abi/metrics.h"

namespace cellmesh {

// A number that only grows: `cellmesh ctl services` shows it. Made by Service::counter(); keep it as a member where it
// is used often. Good for the life of the service. A copy is the same counter. [any thread] Since 1.0.
class Counter {
 public:
  Counter() = default;
  Counter(const cm_host* host, const cm_host_metrics* metrics, cm_metric metric)
      : host_(host), metrics_(metrics), metric_(metric) {}

  // Adds `n`. Never fails; what belongs to a name that the host refused is not counted.
  void add(std::int64_t n = 1) const {
    if (metrics_ != nullptr) metrics_->add(host_, metric_, n);
  }

 private:
  const cm_host* host_ = nullptr;
  const cm_host_metrics* metrics_ = nullptr;
  cm_metric metric_ = 0;
};

// A number that goes up and down. Made by Service::gauge(). Like Counter else. Since 1.0.
class Gauge {
 public:
  Gauge() = default;
  Gauge(const cm_host* host, const cm_host_metrics* metrics, cm_metric metric)
      : host_(host), metrics_(metrics), metric_(metric) {}

  // Adds `n`, which may be negative.
  void add(std::int64_t n) const {
    if (metrics_ != nullptr) metrics_->add(host_, metric_, n);
  }
  // Makes it `value`.
  void set(std::int64_t value) const {
    if (metrics_ != nullptr) metrics_->set(host_, metric_, value);
  }

 private:
  const cm_host* host_ = nullptr;
  const cm_host_metrics* metrics_ = nullptr;
  cm_metric metric_ = 0;
};

}  // namespace cellmesh

#endif
