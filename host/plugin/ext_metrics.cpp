#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

cm_metric get(const cm_host* host, const char* name) {
  cm_metric metric = 0;
  (void)on_service_thread(host, [&](Service& s) -> cm_status {
    metric = name != nullptr ? s.metrics().get(name) : 0;
    return metric != 0 ? CM_OK
                       : s.invalid("a metric's name is 1 to 100 of a-z, 0-9 and '_', and there are 1,000 at most");
  });
  return metric;
}

void add(const cm_host* host, cm_metric metric, int64_t n) {
  if (Service* s = Service::of(host); s != nullptr) s->metrics().add(metric, n);
}

void set(const cm_host* host, cm_metric metric, int64_t value) {
  if (Service* s = Service::of(host); s != nullptr) s->metrics().set(metric, value);
}

}  // namespace

const cm_host_metrics kHostMetrics{sizeof(cm_host_metrics), 0, &get, &add, &set};

}  // namespace cm::plugin
