/* SPDX-License-Identifier: MIT
 *
 * Frontends: listeners for clients, opened by a service, which becomes their *agent*. The agent decides (who may enter,
 * who is bound where, who is kicked); the host carries. A message whose route names the agent's own kind is delivered
 * to the agent; others are routed past it, if the frontend routes at all.
 *
 * Client framing (that of davyxu/cellmesh, Go): little-endian u16 length of what follows, u16 message id, body.
 */
#ifndef CELLMESH_ABI_GATEWAY_H
#define CELLMESH_ABI_GATEWAY_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_GATEWAY "cellmesh.gateway/1"

typedef struct cm_frontend_options {
  uint32_t struct_size;
  uint32_t routes;          /* not 0: messages to other services are carried to them; admitted clients get broadcasts */
  const char *address;      /* to listen on, `127.0.0.1`, `0.0.0.0`, `::`; NULL means 0.0.0.0 */
  const char *public_host;  /* what clients are told to connect to; NULL or empty: a name that reaches this machine */
  uint32_t port;            /* 0: any free one */
  uint32_t max_clients;     /* 0: 100,000 */
  uint32_t max_body;        /* bytes of a client's message body; 0: CM_MAX_CLIENT_BODY */
  uint32_t outbox_limit;    /* bytes that may wait for a client that does not read; 0: 1 MiB */
  uint32_t idle_timeout_ms; /* a client silent for longer is closed; 0: never */
  uint32_t admit_timeout_ms; /* a client not admitted for longer is closed; 0: never */
  uint32_t max_refused;      /* messages without a route, or before they are allowed, until it is closed; 0: 8 */
  uint32_t reserved;
  /* Since 1.2. The message by which clients show that they live; 0: none. Who never sends it is not expected to. */
  uint32_t ping_id;
  uint32_t ping_timeout_ms; /* a client that has sent it and is then silent for longer is closed; 0: never */
} cm_frontend_options;

/* Host implements. `client` must be of a frontend of the calling service: CM_INVALID otherwise. A client that is gone
 * meanwhile is no failure. Commands to one client take effect in the order given. Since 1.0. */
typedef struct cm_host_gateway {
  uint32_t struct_size;
  uint32_t reserved;

  /* Opens the service's frontend (one a service) and writes the port that it listens on to `*port` (may be NULL).
   * Clients are accepted once start has returned CM_OK. CM_INVALID: bad options or opened already; CM_UNAVAILABLE: it
   * cannot listen there, and the log says why. It closes when the service stops. [service-thread] */
  cm_status (*open)(const cm_host *host, const cm_frontend_options *options, uint16_t *port);

  /* Applies new limits and time-outs to the open frontend and its clients; address, port and `routes` stay.
   * [service-thread] */
  cm_status (*update)(const cm_host *host, const cm_frontend_options *options);

  /* Client messages of this id come to this service whatever their route says, and what the client sends behind one
   * waits until `release`. [service-thread] */
  cm_status (*intercept)(const cm_host *host, uint16_t id);

  /* Lets a client's waiting messages go on, after an intercepted one. [service-thread] */
  cm_status (*release)(const cm_host *host, const cm_client *client);

  /* Accepts the client: `auth` routes and broadcasts from now on. [service-thread] */
  cm_status (*admit)(const cm_host *host, const cm_client *client);

  /* Binds the client's messages of `service`'s kind to it. CM_UNAVAILABLE when it is not up. [service-thread] */
  cm_status (*bind)(const cm_host *host, const cm_client *client, cm_service service);

  /* Ends the client's binding to a kind. [service-thread] */
  cm_status (*unbind)(const cm_host *host, const cm_client *client, const char *kind);

  /* Clients connected now; of these admitted, when `admitted` is not NULL. [any-thread] */
  uint64_t (*client_count)(const cm_host *host, uint64_t *admitted);
} cm_host_gateway;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_gateway {
  uint32_t struct_size;
  uint32_t reserved;
  /* A client connected to this service's frontend. May be NULL. Its end comes as cm_plugin_clients.on_client_closed.
   * [service-thread] */
  void (*on_client_opened)(void *self, const cm_client *client);
  /* A client's binding changed by itself: `from` went away, `to` took its place (0: nobody is there). The client was
   * told. May be NULL. [service-thread] */
  void (*on_rebound)(void *self, const cm_client *client, cm_service from, cm_service to);
} cm_plugin_gateway;

CM_END_C
#endif
