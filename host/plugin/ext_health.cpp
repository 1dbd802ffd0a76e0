#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

cm_status unhealthy(const cm_host* host, const char* reason) {
  return on_actor(host, [&](Service& s) -> cm_status {
    if (reason == nullptr || *reason == '\0') return s.invalid("unhealthy without a reason");
    s.say_health(reason);
    return CM_OK;
  });
}

cm_status healthy(const cm_host* host) {
  return on_actor(host, [&](Service& s) -> cm_status {
    s.say_health("");
    return CM_OK;
  });
}

}  // namespace

const cm_host_health kHostHealth{sizeof(cm_host_health), 0, &unhealthy, &healthy};

}  // namespace cm::plugin
