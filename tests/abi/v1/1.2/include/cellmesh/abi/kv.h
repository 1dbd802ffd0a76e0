/* SPDX-License-Identifier: MIT
 *
 * Small entries that services share by name, in the mesh's KV: public keys, announcements, a word from the operator.
 * All of them stand under `cellmesh/shared/`, where people may add and remove some by hand.
 *
 * A name is 1 to 200 bytes, words of a-z, A-Z, 0-9 and "-_.@#" parted by single slashes. A value has at most
 * CM_MAX_KV_VALUE bytes. Nothing secret belongs here: whoever reads the KV reads it.
 */
#ifndef CELLMESH_ABI_KV_H
#define CELLMESH_ABI_KV_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_KV "cellmesh.kv/1"
#define CM_MAX_KV_VALUE 16384u

/* Host implements. Since 1.1. */
typedef struct cm_host_kv {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes an entry, over one that is there, and keeps it there while the service runs: written again when the KV lost
   * it or could not be reached. It stays in the KV when the service ends. CM_OK: it is on its way; a service that
   * watches its own name sees it arrive. CM_INVALID: a bad name; CM_TOO_LARGE; CM_BACKPRESSURE: past 256 names of one
   * service. [service-thread] */
  cm_status (*publish)(const cm_host *host, const char *name, const uint8_t *value, size_t size);

  /* Takes an entry out of the KV, whoever wrote it, and keeps it there no longer. Not tried again when the KV cannot be
   * reached: who watches sees whether it went. [service-thread] */
  cm_status (*remove)(const cm_host *host, const char *name);

  /* From now on every entry whose name begins with `prefix` comes to cm_plugin_kv.on_entry: each that is there, and
   * then each change. The empty prefix is all of them. Lasts over a reload; after one every entry is told again. Of
   * more than 10,000 in all the last by name are left out, which the log says. CM_INVALID: no prefix of a name;
   * CM_BACKPRESSURE: past 16 of one service. [service-thread] */
  cm_status (*watch)(const cm_host *host, const char *prefix);

  /* CM_NOT_FOUND when that prefix is not watched. [service-thread] */
  cm_status (*unwatch)(const cm_host *host, const char *prefix);
} cm_host_kv;

/* An entry as it is now. Strings and bytes are valid until the hook returns. */
typedef struct cm_kv_entry {
  uint32_t struct_size;
  uint32_t gone; /* not 0: there is none of this name any more */
  const char *name;
  const uint8_t *value;
  size_t size;
} cm_kv_entry;

/* Plugin implements. Since 1.1. */
typedef struct cm_plugin_kv {
  uint32_t struct_size;
  uint32_t reserved;
  /* A watched entry is there, changed or gone. One that changed several times may be told once. While the KV cannot be
   * reached, or lost what it had, nothing is told. [service-thread] */
  void (*on_entry)(void *self, const cm_kv_entry *entry);
} cm_plugin_kv;

CM_END_C
#endif
