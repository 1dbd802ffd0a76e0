/* SPDX-License-Identifier: MIT
 * A service says that it cannot do its work, and why. */
#ifndef CELLMESH_ABI_HEALTH_H
#define CELLMESH_ABI_HEALTH_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_HEALTH "cellmesh.health/1"

/* The longest reason, in bytes. A longer one is cut. */
#define CM_MAX_HEALTH_REASON 500

/* Host implements. Since 1.2.
 *
 * A service is healthy from its create on until it says otherwise. While it is unhealthy nobody picks it, on any host:
 * directory.pick, the routing of clients that are not bound to it, and hubs pass it over. Clients that are bound to it
 * stay, and whoever names it still reaches it. Consul shows its check as `warning` with the reason, `cellmesh ctl
 * services` shows the reason, and its host is not ready.
 *
 * A new generation starts healthy. If it is not, it says so before its `resumed` returns: others see no gap then. */
typedef struct cm_host_health {
  uint32_t struct_size;
  uint32_t reserved;

  /* Makes this service unhealthy, or replaces the reason. `reason`: one line of UTF-8 for operators, cause and remedy;
   * it is copied. CM_INVALID when it is NULL or empty. Others see a change at once; of one that changes for ever, about
   * one a second, and always the last. [service-thread] */
  cm_status (*unhealthy)(const cm_host *host, const char *reason);

  /* Makes this service healthy again. [service-thread] */
  cm_status (*healthy)(const cm_host *host);
} cm_host_health;

CM_END_C
#endif
