/* SPDX-License-Identifier: MIT
 *
 * Words that every part of the ABI shares: status, service, client, request.
 *
 * Thread tags used in all headers:
 *   [service-thread]  the one thread that a service is pinned to; every hook of a service runs there.
 *   [loader-thread]   the thread that loads and unloads plugins; no service of the plugin exists then.
 *   [blocking-thread] a thread of the blocking pool.
 *   [any-thread]      any thread, at any time between create and destroy of the service.
 *
 * Ownership, unless a function says otherwise: bytes and strings passed to a function belong to the caller and are
 * read only until it returns; who wants to keep them copies them. No pointer crosses that the other side must free.
 */
#ifndef CELLMESH_ABI_TYPES_H
#define CELLMESH_ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "version.h"

CM_BEGIN_C

/* What a call came to. Zero is success; values are never renumbered. Since 1.0. */
typedef int32_t cm_status;
enum {
  CM_OK = 0,
  CM_BACKPRESSURE = 1, /* the target's queue is full: nothing was queued, try later or shed load */
  CM_UNAVAILABLE = 2,  /* no such service is up, or it went away before it answered */
  CM_TIMEOUT = 3,      /* no answer in time */
  CM_INVALID = 4,      /* an argument is out of its range; the host's log says which */
  CM_TOO_LARGE = 5,    /* the message is larger than its receiver can take */
  CM_NOT_FOUND = 6,    /* a name, timer, subscription or client that does not exist */
  CM_WRONG_THREAD = 7, /* the function was called on a thread that its tag does not name */
  CM_FAULT = 8,        /* the hook failed inside (a C++ exception, say); reported by cm_host.report_fault before */
  CM_BAD_MESSAGE = 9,  /* the body does not parse as the message that its id names */
  CM_UNHANDLED = 10,   /* the service has no handler for this message id or handler name */
  CM_REFUSED = 11,     /* the receiver's rules do not allow it */
  CM_STOPPING = 12     /* the service or the host is going down */
};

/* A service of the mesh, as a handle: one service id (`game#0@dev`) has one handle for the life of the process,
 * whether it is up or not. 0 names no service. Handles mean nothing in another process: send the id there. */
typedef uint32_t cm_service;

/* A player's connection on a frontend, addressed from anywhere in the mesh. All zero names nobody. */
typedef struct cm_client {
  cm_service agent;  /* the service that opened the frontend */
  uint32_t reserved; /* zero */
  uint64_t session;  /* unique within the agent's host, never reused in its life */
} cm_client;

/* Where the answer to a message goes. Plain data: may be kept as long as you like, answered once, from any hook. */
typedef struct cm_request {
  cm_service from;   /* the service that sent it; 0 when a client did */
  uint32_t reserved; /* zero */
  uint64_t call;     /* not 0: the sender waits for an answer */
  cm_client client;  /* the client that sent it, or on whose behalf a service did; all zero for none */
} cm_request;

/* A message as a service receives it. `body` is valid until the hook returns. */
typedef struct cm_message {
  uint32_t struct_size;
  uint16_t id;
  uint16_t reserved;
  cm_request request;
  const uint8_t *body;
  size_t body_size;
} cm_message;

/* Largest body that a client can be sent or send: the framing's u16 length counts the two bytes of the id. */
#define CM_MAX_CLIENT_BODY 65533u
/* Largest body between services. */
#define CM_MAX_SERVICE_BODY (4u * 1024u * 1024u)
/* Largest cookie of a call, timer, subscription or job. */
#define CM_MAX_COOKIE 1024u

CM_END_C
#endif
