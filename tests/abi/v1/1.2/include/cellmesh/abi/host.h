/* SPDX-License-Identifier: MIT
 *
 * The host's side: what a service is given at create. Each service has a cm_host of its own; it is the first argument
 * of every function of every host extension, which is how the host knows who calls.
 */
#ifndef CELLMESH_ABI_HOST_H
#define CELLMESH_ABI_HOST_H

#include "types.h"

CM_BEGIN_C

typedef struct cm_host cm_host;
struct cm_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;

  /* The host's own; the plugin does not touch it. */
  void *host_data;

  /* This service's id, `game#0@dev`, and its parts. Valid until destroy returns. */
  const char *service_id;
  const char *kind;
  const char *group;
  uint32_t index;
  cm_service self;

  /* The host's version of an extension (`cellmesh.timer/1` -> const cm_host_timer *), or NULL when this host does not
   * have it. The answer is the same for the life of the service. [service-thread] */
  const void *(*get_extension)(const cm_host *host, const char *id);

  /* Says why the hook that runs now will return CM_FAULT: `what` (UTF-8, NUL-terminated) goes into the log with the
   * message or timer that was being handled. Never fails. [service-thread] */
  void (*report_fault)(const cm_host *host, const char *what);
};

CM_END_C
#endif
