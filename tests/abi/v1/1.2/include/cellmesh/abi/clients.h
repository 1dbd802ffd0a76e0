/* SPDX-License-Identifier: MIT
 *
 * Clients, addressed from any service. What one service sends to one client arrives in the order sent.
 *
 * A client that does not read is closed by its gateway when its queue is full, so sends here do not wait for it.
 */
#ifndef CELLMESH_ABI_CLIENTS_H
#define CELLMESH_ABI_CLIENTS_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_CLIENTS "cellmesh.clients/1"

/* Why a client went, or is to go. Equal to NoticeACK.Code where the client is told. Never renumbered. */
typedef int32_t cm_close_reason;
enum {
  CM_CLOSE_NONE = 0,
  CM_CLOSE_BY_CLIENT = 1, /* it closed, or its connection broke */
  CM_CLOSE_MALFORMED = 2,
  CM_CLOSE_TOO_LARGE = 3,
  CM_CLOSE_TOO_SLOW = 4,     /* it did not read what was sent to it */
  CM_CLOSE_BLOCKED = 5,      /* too many messages that no route allows */
  CM_CLOSE_NOT_ADMITTED = 6, /* it was not admitted in time, or sent too much before */
  CM_CLOSE_IDLE = 7,
  CM_CLOSE_KICKED = 8,
  CM_CLOSE_GOING_DOWN = 9,
  CM_CLOSE_GATEWAY_LOST = 10, /* the gateway's host died; told to services only */
  CM_CLOSE_DONE = 11,         /* the service is finished with it; the client is not sent a notice */
  CM_CLOSE_FULL = 12,         /* the gateway has as many clients as it takes */
  CM_CLOSE_REPLACED = 13      /* its user entered anew, from elsewhere. Since 1.1 */
};

/* Host implements. Sends return CM_OK (on its way), CM_UNAVAILABLE (its gateway is not up), CM_TOO_LARGE (over
 * CM_MAX_CLIENT_BODY), CM_BACKPRESSURE (the link to its gateway is full; nothing was queued). Since 1.0. */
typedef struct cm_host_clients {
  uint32_t struct_size;
  uint32_t reserved;

  /* To one client. [service-thread] */
  cm_status (*send)(const cm_host *host, const cm_client *client, uint16_t id, const uint8_t *body, size_t size);

  /* To each of a list, on any number of gateways; one copy a gateway crosses the mesh. An empty list sends to nobody.
   * Returns the first failure, after it tried all. [service-thread] */
  cm_status (*send_list)(const cm_host *host, const cm_client *clients, size_t count, uint16_t id, const uint8_t *body,
                         size_t size);

  /* To every admitted client of `agent`, or of all gateways when it is 0. [service-thread] */
  cm_status (*broadcast)(const cm_host *host, cm_service agent, uint16_t id, const uint8_t *body, size_t size);

  /* Closes a client after what was sent to it before; it gets a NoticeACK with `text` (UTF-8, may be NULL) first unless
   * the reason is CM_CLOSE_DONE. [service-thread] */
  cm_status (*close)(const cm_host *host, const cm_client *client, cm_close_reason reason, const char *text);

  /* Closes each of a list. An empty list closes nobody. [service-thread] */
  cm_status (*close_list)(const cm_host *host, const cm_client *clients, size_t count, cm_close_reason reason,
                          const char *text);

  /* Closes all clients of `agent`, or of all gateways when it is 0. [service-thread] */
  cm_status (*close_all)(const cm_host *host, cm_service agent, cm_close_reason reason, const char *text);

  /* Asks the client's gateway to send it this service's kind's messages here from now on. [service-thread] */
  cm_status (*bind)(const cm_host *host, const cm_client *client);

  /* Takes that back: the next message of this kind goes to the least-loaded again. [service-thread] */
  cm_status (*unbind)(const cm_host *host, const cm_client *client);
} cm_host_clients;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_clients {
  uint32_t struct_size;
  uint32_t reserved;
  /* A client that it is bound to, or got a message of, is gone, or was when bound. Told once. [service-thread] */
  void (*on_client_closed)(void *self, const cm_client *client, cm_close_reason reason);
} cm_plugin_clients;

CM_END_C
#endif
