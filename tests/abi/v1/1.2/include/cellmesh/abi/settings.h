/* SPDX-License-Identifier: MIT
 *
 * A service's settings: declared in its .proto as a message with `option (cellmesh.settings)`, held in the KV, checked
 * by the host against type and range before they are applied, changed while the service runs.
 */
#ifndef CELLMESH_ABI_SETTINGS_H
#define CELLMESH_ABI_SETTINGS_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_SETTINGS "cellmesh.settings/1"

/* Host implements. Since 1.0. */
typedef struct cm_host_settings {
  uint32_t struct_size;
  uint32_t reserved;

  /* The settings as they are now, as a serialized settings message with every field set. Calls `sink(ctx, data, size)`
   * once before it returns; the bytes are valid until sink returns. CM_NOT_FOUND when the kind declares no settings
   * (sink is not called). May be called from create on. [service-thread] */
  cm_status (*get)(const cm_host *host, void (*sink)(void *ctx, const uint8_t *data, size_t size), void *ctx);
} cm_host_settings;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_settings {
  uint32_t struct_size;
  uint32_t reserved;
  /* A setting changed; `data` is the whole settings message as it now is. [service-thread] */
  cm_status (*on_settings)(void *self, const uint8_t *data, size_t size);
} cm_plugin_settings;

CM_END_C
#endif
