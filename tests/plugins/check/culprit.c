/* A plugin for the tests of `cellmesh check`, which does all that a plugin may, and well. It is built again and again
 * with one DEFECT each. */
#include "defects.h"

#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "culprit_nothing.plugin.h"

static bool is(enum defect defect) { return DEFECT == defect; }

struct culprit {
  const cm_host *host;
  bool started;
};

static void *create(const cm_host *host) {
  struct culprit *self = is(CREATE_MAKES_NOTHING) ? NULL : calloc(1, sizeof *self);
  if (self != NULL) self->host = host;
  return self;
}

static void destroy(void *data) {
  struct culprit *self = data;
  if (is(DESTROY_NEEDS_START) && !self->started) abort();
  free(self);
}

static cm_status start(void *data) {
  struct culprit *self = data;
  self->started = true;
  return is(START_REFUSES) ? CM_INVALID : CM_OK;
}

__attribute__((unused)) static void stop(void *data) { (void)data; }

static cm_status on_message(void *data, const cm_message *message) {
  (void)data;
  (void)message;
  return CM_UNHANDLED;
}

static const void *get_extension(void *data, const char *id) {
  (void)data;
  (void)id;
  return NULL;
}

#ifdef DEFECT_UNDEFINED_SYMBOL
extern void nobody_has_this(void);
#endif
static cm_status init(void) {
#ifdef DEFECT_UNDEFINED_SYMBOL
  nobody_has_this();
#endif
  return is(INIT_REFUSES) ? CM_UNAVAILABLE : CM_OK;
}

#ifdef DEFECT_KIND_DIFFERS
#define KIND "another"
#else
#define KIND "culprit"
#endif
static const cm_service_kind kind = {
    .struct_size = sizeof kind,
    .kind = KIND,
    .create = create,
    .destroy = destroy,
    .start = start,
#ifndef DEFECT_NO_STOP
    .stop = stop,
#endif
    .on_message = on_message,
    .get_extension = get_extension,
};
static const cm_service_kind *const kinds[] = {&kind};

#ifdef DEFECT_TWO_SYMBOLS
CM_EXPORT int culprit_helper;
#endif
#ifdef DEFECT_UNIQUE_SYMBOL
__asm__(
    ".pushsection .data\n.globl culprit_unique\n.type culprit_unique, %gnu_unique_object\n.size culprit_unique, 4\n"
    "culprit_unique: .long 1\n.popsection\n");
#endif
#ifdef DEFECT_NO_SYMBOL
CM_EXPORT const cm_plugin something_else
#else
const cm_plugin cellmesh_plugin
#endif
    = {
        .struct_size = sizeof(cm_plugin),
        .abi_major = DEFECT == ABI_IN_CODE_DIFFERS ? CM_ABI_MAJOR + 1 : CM_ABI_MAJOR,
        .abi_minor = CM_ABI_MINOR,
        .init = init,
        .kind_count = 1,
        .kinds = kinds,
};

#ifdef MANIFEST
__asm__(".pushsection .cellmesh.manifest,\"a\",@progbits\n.incbin \"" MANIFEST "\"\n.popsection\n");
#endif
