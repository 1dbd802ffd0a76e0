/* SPDX-License-Identifier: MIT
 * Counters and gauges of a service; `cellmesh ctl services` shows them. */
#ifndef CELLMESH_ABI_METRICS_H
#define CELLMESH_ABI_METRICS_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_METRICS "cellmesh.metrics/1"

typedef uint32_t cm_metric; /* 0 names none */

/* Host implements. Since 1.0. */
typedef struct cm_host_metrics {
  uint32_t struct_size;
  uint32_t reserved;

  /* The counter or gauge of this name (1 to 100 of [a-z0-9_]), made on first use and kept for the life of the service;
   * the same name gives the same handle. 0 when the name is bad or the service has 1,000 already. [service-thread] */
  cm_metric (*get)(const cm_host *host, const char *name);

  /* Adds to it / sets it. A handle that get() did not give is ignored. [any-thread] */
  void (*add)(const cm_host *host, cm_metric metric, int64_t n);
  void (*set)(const cm_host *host, cm_metric metric, int64_t value);
} cm_host_metrics;

CM_END_C
#endif
