/* SPDX-License-Identifier: MIT
 *
 * The plugin's side: what a shared library must hold to be a cellmesh plugin.
 *
 * It exports exactly one symbol, the constant `cellmesh_plugin`, and carries a manifest (a serialized
 * cellmesh.Manifest, see manifest.proto) in an ELF section named `.cellmesh.manifest`, which the host reads before it
 * loads the library. `cellmesh_add_plugin()` in CMake makes both.
 *
 * Life of a service: create -> start -> any number of on_... hooks -> stop -> destroy, all [service-thread], no two
 * hooks at once. Of these a failure of create or start undoes what was done (start: stop is not called, destroy is).
 * A generation that takes over at a reload gets create -> load -> resumed instead, and the one before it destroy
 * without stop: see state.h. No exception may leave a hook; a C++ author's are fenced by the C++ face.
 */
#ifndef CELLMESH_ABI_PLUGIN_H
#define CELLMESH_ABI_PLUGIN_H

#include "host.h"
#include "types.h"

CM_BEGIN_C

/* One kind of service that the plugin provides. Static data of the plugin, unchanged while it is loaded. Since 1.0. */
typedef struct cm_service_kind {
  uint32_t struct_size;
  uint32_t reserved;

  /* The kind's name, `game`; one of the manifest's `provides`. */
  const char *kind;

  /* Makes one service. `host` is this service's own and stays valid until destroy returns; host functions that send
   * may be called from start on. Returns what every later hook gets as `self` (the plugin owns it), NULL on failure.
   * [service-thread] */
  void *(*create)(const cm_host *host);

  /* Frees `self`. Nothing of the service may be in use when it returns. [service-thread] */
  void (*destroy)(void *self);

  /* Begins work: open frontends, subscribe, set timers. Anything but CM_OK refuses the service. [service-thread] */
  cm_status (*start)(void *self);

  /* Ends work; no hook but destroy follows. Sends made here still go out. [service-thread] */
  void (*stop)(void *self);

  /* A message came. Returns CM_OK, or CM_BAD_MESSAGE / CM_UNHANDLED / CM_FAULT / CM_REFUSED: the host counts it, and
   * tells a caller that waits for an answer, or the client. [service-thread] */
  cm_status (*on_message)(void *self, const cm_message *message);

  /* What the service implements beyond the above, by id: the `cm_plugin_...` structs of the extension headers.
   * Returns a pointer to static data, or NULL for an id that it does not know. [service-thread] */
  const void *(*get_extension)(void *self, const char *id);
} cm_service_kind;

/* The plugin as a whole. Since 1.0. */
typedef struct cm_plugin {
  uint32_t struct_size;
  uint16_t abi_major; /* CM_ABI_MAJOR that it was built with */
  uint16_t abi_minor; /* CM_ABI_MINOR that it was built with */

  /* Called once after the library was loaded and before any service is created, may be NULL. Anything but CM_OK
   * refuses the plugin. [loader-thread] */
  cm_status (*init)(void);

  /* Called once before the library is unloaded, after the last destroy, may be NULL. [loader-thread] */
  void (*deinit)(void);

  /* The kinds of service that it provides, `kind_count` pointers to static data. */
  uint32_t kind_count;
  uint32_t reserved;
  const cm_service_kind *const *kinds;
} cm_plugin;

/* The one exported symbol. */
CM_EXPORT extern const cm_plugin cellmesh_plugin;
#define CM_PLUGIN_SYMBOL "cellmesh_plugin"
#define CM_MANIFEST_SECTION ".cellmesh.manifest"

CM_END_C
#endif
