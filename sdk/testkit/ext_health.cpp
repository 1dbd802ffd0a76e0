// SPDX-License-Identifier: MIT
#include <string>
#include <utility>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace health {
namespace {

cm_status say(HostSide& side, std::string reason) {
  if (reason.size() > CM_MAX_HEALTH_REASON) reason.resize(CM_MAX_HEALTH_REASON);
  Act act{.did = Did::set_health};
  act.text = reason;
  if (const cm_status status = side.note(std::move(act)); status != CM_OK) return status;
  side.find(side.ref)->peer.unhealthy = std::move(reason);
  return CM_OK;
}

cm_status unhealthy(const cm_host* host, const char* reason) {
  return on_actor(host, [&](HostSide& side) -> cm_status {
    if (reason == nullptr || *reason == '\0') return side.invalid("unhealthy without a reason");
    return say(side, reason);
  });
}

cm_status healthy(const cm_host* host) {
  return on_actor(host, [&](HostSide& side) -> cm_status { return say(side, {}); });
}

}  // namespace
}  // namespace health

const cm_host_health host_health{sizeof(cm_host_health), 0, &health::unhealthy, &health::healthy};

}  // namespace cellmesh::test::detail
