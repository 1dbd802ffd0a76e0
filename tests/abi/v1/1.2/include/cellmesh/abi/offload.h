/* SPDX-License-Identifier: MIT
 * Blocking work (a database, a hash) away from the service's thread. */
#ifndef CELLMESH_ABI_OFFLOAD_H
#define CELLMESH_ABI_OFFLOAD_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_OFFLOAD "cellmesh.offload/1"

/* Where a job writes its result. Given to the job by the host, valid until the job returns. */
typedef struct cm_job_output {
  void *host_data;
  /* Appends to the result. CM_TOO_LARGE past CM_MAX_SERVICE_BODY in all. [blocking-thread] */
  cm_status (*write)(struct cm_job_output *output, const uint8_t *data, size_t size);
} cm_job_output;

/* The work itself. It sees its input only, never the service. The host keeps the plugin loaded until it returns.
 * [blocking-thread] */
typedef cm_status (*cm_job)(const uint8_t *input, size_t size, cm_job_output *output);

/* Host implements. Since 1.0. */
typedef struct cm_host_offload {
  uint32_t struct_size;
  uint32_t reserved;
  /* Runs `job` on the blocking pool with a copy of `input`; its status and result come to cm_plugin_offload.on_job
   * with `handler` and `cookie`. CM_BACKPRESSURE when the pool's queue is full. [service-thread] */
  cm_status (*run)(const cm_host *host, cm_job job, const uint8_t *input, size_t size, const char *handler,
                   const uint8_t *cookie, size_t cookie_size);
} cm_host_offload;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_offload {
  uint32_t struct_size;
  uint32_t reserved;
  /* A job is done. [service-thread] */
  cm_status (*on_job)(void *self, const char *handler, cm_status status, const uint8_t *output, size_t size,
                      const uint8_t *cookie, size_t cookie_size);
} cm_plugin_offload;

CM_END_C
#endif
