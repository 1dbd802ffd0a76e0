/* SPDX-License-Identifier: MIT
 * Where clients come from, for limits by address. */
#ifndef CELLMESH_ABI_CLIENT_ADDRESS_H
#define CELLMESH_ABI_CLIENT_ADDRESS_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_CLIENT_ADDRESS "cellmesh.client_address/1"

/* Plugin implements; the host has no functions of it. Since 1.1. */
typedef struct cm_plugin_client_address {
  uint32_t struct_size;
  uint32_t reserved;
  /* A client connected to this service's frontend from `address`, `203.0.113.7` or `2001:db8::7`; empty when it is gone
   * already. Before cm_plugin_gateway.on_client_opened. A proxy in front of the frontend is where its clients come
   * from. [service-thread] */
  void (*on_client_address)(void *self, const cm_client *client, const char *address);
} cm_plugin_client_address;

CM_END_C
#endif
