/* SPDX-License-Identifier: MIT
 * Timers of a service, by handler name and cookie. */
#ifndef CELLMESH_ABI_TIMER_H
#define CELLMESH_ABI_TIMER_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_TIMER "cellmesh.timer/1"

typedef uint64_t cm_timer; /* 0 names none; never reused by a service */

/* Host implements. Since 1.0. */
typedef struct cm_host_timer {
  uint32_t struct_size;
  uint32_t reserved;

  /* Fires after `delay_ms`, and then every `period_ms` when that is not 0. Late firings are not made up for. Writes the
   * timer's handle to `*out` (may be NULL). CM_INVALID for a cookie over CM_MAX_COOKIE bytes or a NULL or empty
   * handler; CM_BACKPRESSURE past 100,000 timers of one service. [service-thread] */
  cm_status (*start)(const cm_host *host, uint64_t delay_ms, uint64_t period_ms, const char *handler,
                     const uint8_t *cookie, size_t cookie_size, cm_timer *out);

  /* After it returns the timer does not fire any more. CM_NOT_FOUND when it is over already. [service-thread] */
  cm_status (*cancel)(const cm_host *host, cm_timer timer);

  /* Milliseconds of a clock that only goes forward. [any-thread] */
  uint64_t (*now_ms)(const cm_host *host);
} cm_host_timer;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_timer {
  uint32_t struct_size;
  uint32_t reserved;
  /* A timer fired. CM_UNHANDLED when it has no such handler. [service-thread] */
  cm_status (*on_timer)(void *self, cm_timer timer, const char *handler, const uint8_t *cookie, size_t cookie_size);
} cm_plugin_timer;

CM_END_C
#endif
