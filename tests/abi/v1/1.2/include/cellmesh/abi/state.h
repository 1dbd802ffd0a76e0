/* SPDX-License-Identifier: MIT
 *
 * State: what a service hands to the generation that takes its place when its plugin is reloaded.
 *
 * There are two parts. The *message* is one run of bytes, a serialized protobuf message, written anew each time: right
 * for what is small. A *table* is a set of rows by key; its rows are handed over a few at a time while the old
 * generation goes on serving, and only those that changed meanwhile at the switch: right for what grows with the number
 * of players.
 *
 * A reload, all on the service's thread, hooks of the old generation (O) and of the new one (N) between messages:
 *
 *   O follow(1), O rows... O save   a copy, which is first tried in a process of its own
 *   N create, N reserve, N load_row...
 *   O rows, N load_row              again and again, messages of O in between
 *   O rows, N load_row, O save, N load, N has_handler    the switch: no message comes between
 *   N resumed                       from here on N gets everything; timers, calls, subscriptions, jobs come by handler
 *   O destroy                       stop is not called: the service goes on
 *
 * When N fails in any of these, it is destroyed, O gets follow(0) and goes on as if nothing had been. So save, rows and
 * load must have no effect that is seen outside.
 */
#ifndef CELLMESH_ABI_STATE_H
#define CELLMESH_ABI_STATE_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_STATE "cellmesh.state/1"

/* Largest message of a state. A row is at most CM_MAX_SERVICE_BODY, its key at most CM_MAX_COOKIE. */
#define CM_MAX_STATE (256u * 1024u * 1024u)

/* What something waits for that comes to a handler. Never renumbered. */
typedef int32_t cm_handler_kind;
enum { CM_HANDLER_REPLY = 1, CM_HANDLER_TIMER = 2, CM_HANDLER_CHANNEL = 3, CM_HANDLER_JOB = 4 };

/* Where a service writes its state. The host's, valid until the hook that got it returns. Since 1.0. */
typedef struct cm_state_sink {
  uint32_t struct_size;
  uint32_t reserved;
  void *host_data; /* the host's own */

  /* Appends to the message. CM_TOO_LARGE past CM_MAX_STATE in all. [service-thread] */
  cm_status (*write)(struct cm_state_sink *sink, const uint8_t *data, size_t size);

  /* A row as it is now; `row` NULL: there is none of this key any more. `table` is 1 to 200 bytes of UTF-8.
   * CM_INVALID, CM_TOO_LARGE. [service-thread] */
  cm_status (*row)(struct cm_state_sink *sink, const char *table, const uint8_t *key, size_t key_size,
                   const uint8_t *row, size_t row_size);
} cm_state_sink;

/* The message as another generation wrote it. Valid until the hook returns. Since 1.0. */
typedef struct cm_saved_state {
  uint32_t struct_size;
  uint32_t reserved;
  const uint8_t *data;
  size_t size;         /* 0 also when that generation had no state */
  const char *version; /* of the plugin that wrote it, "1.2.0" */
} cm_saved_state;

/* Plugin implements. A service without it has no state: at a reload its new generation is created and serves, and is
 * taken to have every handler. `follow`, `rows`, `reserve` and `load_row` are all NULL in a service without tables.
 * Since 1.0. */
typedef struct cm_plugin_state {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes the message. Changes nothing. Anything but CM_OK refuses the reload. [service-thread] */
  cm_status (*save)(void *self, cm_state_sink *sink);

  /* Takes the message over; takes the place of `start`. Nothing can be sent yet. Anything but CM_OK refuses the reload.
   * [service-thread] */
  cm_status (*load)(void *self, const cm_saved_state *state);

  /* It serves from now on; everything may be sent. May be NULL. [service-thread] */
  cm_status (*resumed)(void *self);

  /* Not 0 when what comes for a handler of this kind and name would find it. [service-thread] */
  int32_t (*has_handler)(void *self, cm_handler_kind kind, const char *handler);

  /* on = 1: from now on remember which rows were not handed over yet: all of them, at first. on = 0: no longer.
   * [service-thread] */
  void (*follow)(void *self, int32_t on);

  /* Hands over at most `most` of those rows, erased ones too, and writes how many are left to `*left`.
   * [service-thread] */
  cm_status (*rows)(void *self, cm_state_sink *sink, uint32_t most, uint64_t *left);

  /* A table of about so many rows is to come. [service-thread] */
  void (*reserve)(void *self, const char *table, uint64_t count);

  /* Takes a row over, in place of one of the same key; `row` NULL: erases it. CM_NOT_FOUND: no such table in this
   * version, its rows are dropped. Anything else but CM_OK refuses the reload. [service-thread] */
  cm_status (*load_row)(void *self, const char *table, const uint8_t *key, size_t key_size, const uint8_t *row,
                        size_t row_size);
} cm_plugin_state;

CM_END_C
#endif
