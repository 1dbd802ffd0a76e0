/* SPDX-License-Identifier: MIT
 * Logging. Lines carry the service's id, plugin and version by themselves. */
#ifndef CELLMESH_ABI_LOG_H
#define CELLMESH_ABI_LOG_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_LOG "cellmesh.log/1"

typedef int32_t cm_log_level;
enum { CM_LOG_TRACE = 0, CM_LOG_DEBUG = 1, CM_LOG_INFO = 2, CM_LOG_WARN = 3, CM_LOG_ERROR = 4 };

/* Host implements. Since 1.0. */
typedef struct cm_host_log {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes one line; `text` is UTF-8, `size` bytes, no newline needed. Never blocks on a slow disk for long, never
   * fails: what cannot be written is counted. [any-thread] */
  void (*write)(const cm_host *host, cm_log_level level, const char *text, size_t size);

  /* Not 0 when a line of this level would be written: ask before formatting an expensive one. [any-thread] */
  int32_t (*enabled)(const cm_host *host, cm_log_level level);
} cm_host_log;

CM_END_C
#endif
