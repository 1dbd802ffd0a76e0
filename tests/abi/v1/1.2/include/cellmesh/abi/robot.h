/* SPDX-License-Identifier: MIT
 *
 * Robots: plugins that play instead of serving. `cellmesh bots` makes thousands of them on one thread, and this is what
 * it has for each: a client's connection, latencies, errors by kind, and checks that it makes across all robots.
 *
 * A robot is a cm_service_kind of a plugin whose manifest says `robot`; no host loads one as a service. Its start
 * begins to play (`login`), what the server sends arrives at on_message with `request.from` 1, and settings, timers,
 * log and metrics are those of a service. Names and texts are UTF-8; longer ones are cut.
 */
#ifndef CELLMESH_ABI_ROBOT_H
#define CELLMESH_ABI_ROBOT_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_ROBOT "cellmesh.robot/1"

/* Who a robot is. Texts are valid until destroy returns. */
typedef struct cm_robot_info {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t number;  /* 0 for the first of the run */
  uint64_t count;   /* robots of the run */
  uint64_t seed;    /* of the run */
  const char *name; /* a uid that no other robot of the run has, and the same in each run of one seed */
} cm_robot_info;

/* How a robot logs in. */
typedef struct cm_robot_login {
  uint32_t struct_size;
  uint32_t create;      /* not 0: a new account */
  const char *uid;      /* NULL: the robot's name */
  const char *platform; /* NULL: `guest` */
  const char *secret;   /* NULL: none */
} cm_robot_login;

/* How far it had come when its connection ended. */
typedef int32_t cm_robot_stage;
enum { CM_ROBOT_LOGIN = 1, CM_ROBOT_VERIFY = 2, CM_ROBOT_PLAY = 3 };

/* Why a connection ended. Texts are valid until the hook returns. */
typedef struct cm_robot_end {
  uint32_t struct_size;
  cm_robot_stage stage;
  int32_t code;            /* the result of the login or the verify, or the code of the last notice; 0: none was told */
  uint32_t retry_after_ms; /* as the server said; 0: it did not */
  const char *text;        /* for people */
} cm_robot_end;

/* Host implements. Since 1.1. */
typedef struct cm_host_robot {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes who it is to `*out`, whose struct_size is set. [service-thread] */
  cm_status (*info)(const cm_host *host, cm_robot_info *out);

  /* Goes the way of a player: the login service, the agent that it names, the verify. on_connected or on_closed
   * follows, one of the two. A connection that it has is closed before. [service-thread] */
  cm_status (*login)(const cm_host *host, const cm_robot_login *login);

  /* Connects to `tcp://host:port`, or by tls, ws or wss, and nothing more: for servers with a login of their own. As
   * login else. CM_INVALID for what is no address. [service-thread] */
  cm_status (*connect)(const cm_host *host, const char *url);

  /* Sends to the server. CM_UNAVAILABLE: not connected; CM_BACKPRESSURE: it does not read, and as much waits as may;
   * CM_TOO_LARGE. [service-thread] */
  cm_status (*send)(const cm_host *host, uint16_t id, const uint8_t *body, size_t size);

  /* Ends the connection or the way to it; `abort`: with a reset, as a cut cable would. No on_closed follows.
   * [service-thread] */
  void (*close)(const cm_host *host, int32_t abort);

  /* Microseconds of a clock that only goes forward. [any-thread] */
  uint64_t (*now_us)(const cm_host *host);

  /* A latency, for the series of that name: the report has its percentiles. At most 64 series a run.
   * [service-thread] */
  void (*measure)(const cm_host *host, const char *series, uint64_t us);

  /* Something went wrong that is no fault of the robot: counted by kind. [service-thread] */
  void (*failed)(const cm_host *host, const char *kind, const char *text);

  /* A check of the run, by name: held, or not and why. One that does not hold fails the run. [service-thread] */
  void (*check)(const cm_host *host, const char *name, int32_t held, const char *why);

  /* What is said in a topic (a channel, say) is to be heard by all who are in it: once each, in the order of `order`,
   * and all of it. A robot is in from `join` to `leave`, or the end of its connection. `key` names a line in the run:
   * the speaker's number in the upper 32 bits, in the lower ones a count of its own that grows. What was said must be
   * heard once it is `settled` as taken, must not once it is settled as refused, and may until then, or when it never
   * is. `order` 0: not known. An `old` line (history) is looked at for nothing but that somebody said it.
   * CM_INVALID: a key of somebody else. [service-thread] */
  cm_status (*join)(const cm_host *host, const char *topic);
  cm_status (*leave)(const cm_host *host, const char *topic);
  cm_status (*said)(const cm_host *host, const char *topic, uint64_t key);
  cm_status (*settled)(const cm_host *host, const char *topic, uint64_t key, int32_t taken);
  cm_status (*heard)(const cm_host *host, const char *topic, uint64_t key, uint64_t order, int32_t old);

  /* What must stand in the game's database at the end, when the run is given it: in the row `key` of `table`, which
   * holds a `message` (full name, of the plugin's .proto files), the number `field` is at least `least` and at most
   * `most`. The last word on a field counts. [service-thread] */
  cm_status (*expect_row)(const cm_host *host, const char *table, const char *key, const char *message,
                          const char *field, uint64_t least, uint64_t most);

  /* It has come to its end: the run is over when all have. [service-thread] */
  void (*done)(const cm_host *host);
} cm_host_robot;

/* Plugin implements. Since 1.1. */
typedef struct cm_plugin_robot {
  uint32_t struct_size;
  uint32_t reserved;
  /* It is in: verified, or connected where it asked for no more. [service-thread] */
  void (*on_connected)(void *self);
  /* It is not, or not any more. May be NULL. [service-thread] */
  void (*on_closed)(void *self, const cm_robot_end *end);
  /* The run ends: begin nothing new, see to what is open, and call `done`. NULL: it is done. [service-thread] */
  void (*on_finish)(void *self);
} cm_plugin_robot;

CM_END_C
#endif
