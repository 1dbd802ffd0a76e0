/* SPDX-License-Identifier: MIT
 * The services that this host can reach now: its own, and those of linked hosts. */
#ifndef CELLMESH_ABI_DIRECTORY_H
#define CELLMESH_ABI_DIRECTORY_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_DIRECTORY "cellmesh.directory/1"

/* One service that is up. Strings are valid until the visitor returns. */
typedef struct cm_service_info {
  uint32_t struct_size;
  cm_service service;
  const char *id;
  const char *kind;
  const char *group;
  uint32_t index;
  uint32_t load_known;        /* 0 when it has not reported its load, or not lately */
  uint64_t load;              /* its load, in users */
  const char *public_address; /* `host:port` for clients by TCP; a URL as `wss://host:port/` when the first listener of
                               * its frontend is of another transport (since 1.2); empty when it has no frontend */
  const char *unhealthy;      /* why nobody is to pick it; empty when it is healthy. Since 1.2 */
} cm_service_info;

/* Host implements. Since 1.0. */
typedef struct cm_host_directory {
  uint32_t struct_size;
  uint32_t reserved;

  /* The handle of a service id, up or not; 0 when `id` is not of the form name#index@group. [service-thread] */
  cm_service (*find)(const cm_host *host, const char *id);

  /* Calls visit(ctx, info) before it returns, once, when the service is up; else CM_UNAVAILABLE. [service-thread] */
  cm_status (*get)(const cm_host *host, cm_service service, void (*visit)(void *ctx, const cm_service_info *info),
                   void *ctx);

  /* Writes the id of a handle to `buffer` (NUL-terminated, cut to `size`); returns its full length, 0 when the handle
   * is unknown. [any-thread] */
  size_t (*name)(const cm_host *host, cm_service service, char *buffer, size_t size);

  /* A service of a kind that is up, healthy and not going down: of two chosen at random the less loaded one, counting
   * what this host picked since the last report; 0 when there is none. Since 1.2; before, the least-loaded by report.
   * [service-thread] */
  cm_service (*pick)(const cm_host *host, const char *kind);

  /* Calls visit once for each service of the kind that is up. [service-thread] */
  void (*list)(const cm_host *host, const char *kind, void (*visit)(void *ctx, const cm_service_info *info), void *ctx);

  /* Reports this service's load, in users; the host spreads it, and refreshes it by itself. [service-thread] */
  void (*set_load)(const cm_host *host, uint64_t load);

  /* Another service's load as somebody reported it, to be believed for `ttl_ms`. For a service that collects status
   * reports. [service-thread] */
  void (*set_load_of)(const cm_host *host, cm_service service, uint64_t load, uint32_t ttl_ms);
} cm_host_directory;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_directory {
  uint32_t struct_size;
  uint32_t reserved;
  /* A service came up (up = 1) or went away (up = 0). [service-thread] */
  void (*on_service)(void *self, cm_service service, int32_t up);
} cm_plugin_directory;

CM_END_C
#endif
