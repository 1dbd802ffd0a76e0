/* SPDX-License-Identifier: MIT
 * How a client of this service's own frontend came in: by which transport and from which address. */
#ifndef CELLMESH_ABI_CLIENT_ORIGIN_H
#define CELLMESH_ABI_CLIENT_ORIGIN_H

#include "listeners.h"

CM_BEGIN_C

#define CM_EXT_CLIENT_ORIGIN "cellmesh.client_origin/1"

/* Valid until the hook returns. Since 1.2. */
typedef struct cm_client_origin {
  uint32_t struct_size;
  cm_transport transport;
  const char *address; /* `203.0.113.7` or `2001:db8::7`; empty when the client is gone already */
} cm_client_origin;

/* Plugin implements; the host has no functions of it. Since 1.2. */
typedef struct cm_plugin_client_origin {
  uint32_t struct_size;
  uint32_t reserved;
  /* A client connected. Called before cm_plugin_gateway.on_client_opened, after on_client_address of client_address.h.
   * [service-thread] */
  void (*on_client_origin)(void *self, const cm_client *client, const cm_client_origin *origin);
} cm_plugin_client_origin;

CM_END_C
#endif
