/* SPDX-License-Identifier: MIT
 *
 * The version of the client protocol that each client of a frontend speaks. A message states with
 * `option (cellmesh.since) = N` in its .proto that it came with version N; the gateway leaves it out, and counts it,
 * for clients of an older version. Messages without the option, and those of plugins built before 1.2, go to every
 * client.
 */
#ifndef CELLMESH_ABI_CLIENT_PROTOCOL_H
#define CELLMESH_ABI_CLIENT_PROTOCOL_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_CLIENT_PROTOCOL "cellmesh.client_protocol/1"

/* The version of a client that is sent every message. */
#define CM_PROTOCOL_ANY 255u

/* Host implements. CM_INVALID: the service has no frontend, the client is not one of its own, or the version is 0 or
 * over CM_PROTOCOL_ANY. Since 1.2. */
typedef struct cm_host_client_protocol {
  uint32_t struct_size;
  uint32_t reserved;

  /* Sets what clients that connect from now on speak until set() says otherwise. CM_PROTOCOL_ANY before the first call.
   * Call it after the frontend was opened, in start. [service-thread] */
  cm_status (*set_default)(const cm_host *host, uint32_t version);

  /* Sets what a client speaks; takes effect in order with what this service sends to it. A client that is gone is not a
   * failure. [service-thread] */
  cm_status (*set)(const cm_host *host, const cm_client *client, uint32_t version);
} cm_host_client_protocol;

CM_END_C
#endif
