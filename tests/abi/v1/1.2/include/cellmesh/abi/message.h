/* SPDX-License-Identifier: MIT
 *
 * Messages between services: one-way sends, calls that are answered, answers.
 *
 * Order: what one service sends to another arrives in the order sent, in-process and across hosts. A call's answer
 * comes exactly once: the reply, or a status (CM_TIMEOUT, CM_UNAVAILABLE ...). It comes to a handler *by name*, with
 * the cookie given at the call, so that it also finds its way into a newer generation of the plugin.
 */
#ifndef CELLMESH_ABI_MESSAGE_H
#define CELLMESH_ABI_MESSAGE_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_MESSAGE "cellmesh.message/1"

/* Host implements. Since 1.0. */
typedef struct cm_host_message {
  uint32_t struct_size;
  uint32_t reserved;

  /* Sends to a service. CM_OK: it will arrive unless its host dies; CM_UNAVAILABLE, CM_BACKPRESSURE (nothing was
   * queued), CM_TOO_LARGE, CM_INVALID. [service-thread] */
  cm_status (*send)(const cm_host *host, cm_service to, uint16_t id, const uint8_t *body, size_t size);

  /* Sends to a service and waits for its answer, which arrives at cm_plugin_message.on_reply with `handler` and
   * `cookie` (at most CM_MAX_COOKIE bytes). `client` is the one on whose behalf, or NULL. `timeout_ms` 0 means 5,000.
   * On anything but CM_OK no answer will come. [service-thread] */
  cm_status (*call)(const cm_host *host, cm_service to, uint16_t id, const uint8_t *body, size_t size,
                    const cm_client *client, uint32_t timeout_ms, const char *handler, const uint8_t *cookie,
                    size_t cookie_size);

  /* Answers a request: to the caller when `request->call` is not 0, else to the client that sent it, else to the
   * service that sent it. CM_NOT_FOUND when there is nobody to answer. [service-thread] */
  cm_status (*reply)(const cm_host *host, const cm_request *request, uint16_t id, const uint8_t *body, size_t size);

  /* Answers a call with a status other than CM_OK instead of a message. [service-thread] */
  cm_status (*reply_status)(const cm_host *host, const cm_request *request, cm_status status);
} cm_host_message;

/* The answer to a call. All pointers are valid until the hook returns. */
typedef struct cm_reply {
  uint32_t struct_size;
  cm_status status; /* CM_OK: `id` and `body` are the answer; else there is none */
  const char *handler;
  const uint8_t *cookie;
  size_t cookie_size;
  uint16_t id;
  uint16_t reserved[3];
  const uint8_t *body;
  size_t body_size;
  cm_service from;
  uint32_t reserved2;
} cm_reply;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_message {
  uint32_t struct_size;
  uint32_t reserved;
  /* The answer to a call of this service. CM_UNHANDLED when it has no such handler. [service-thread] */
  cm_status (*on_reply)(void *self, const cm_reply *reply);
} cm_plugin_message;

CM_END_C
#endif
