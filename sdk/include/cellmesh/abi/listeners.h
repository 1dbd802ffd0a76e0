/* SPDX-License-Identifier: MIT
 *
 * Several listeners for one frontend, each with a transport of its own: clients that come in by any of them are clients
 * of the same frontend, under the same rules.
 *
 * TCP and TLS carry the client framing of gateway.h. WebSocket carries one message in one binary message: little-endian
 * u16 id, body. A WebSocket listener also answers GET and HEAD of `/healthz`: 200 and `ok`, or 503 and what is wrong.
 */
#ifndef CELLMESH_ABI_LISTENERS_H
#define CELLMESH_ABI_LISTENERS_H

#include "gateway.h"

CM_BEGIN_C

#define CM_EXT_LISTENERS "cellmesh.listeners/1"

typedef int32_t cm_transport;
enum { CM_TRANSPORT_TCP = 1, CM_TRANSPORT_TLS = 2, CM_TRANSPORT_WS = 3, CM_TRANSPORT_WSS = 4 };

/* Largest body that a client of a WebSocket listener may send, where its max_body allows it. */
#define CM_MAX_WEBSOCKET_BODY (1024u * 1024u)

/* A time that is never over. Since 1.2. */
#define CM_NEVER 0xFFFFFFFFu

/* Texts may be NULL, which is as empty. Since 1.1. */
typedef struct cm_listener_options {
  uint32_t struct_size;
  cm_transport transport;
  const char *address;           /* to listen on; empty: that of the frontend */
  const char *public_host;       /* what clients are told to connect to; empty: that of the frontend. A list of hosts,
                                  * `host:port` (for the frontend's first listener) and URLs (for listeners of that
                                  * transport), comma-separated; since 1.2, before that one host */
  uint32_t port;                 /* 0: any free one */
  uint32_t max_body;             /* bytes of a client's message body; 0: that of the frontend */
  uint32_t max_handshakes;       /* of TLS and WebSocket, at once; who comes beyond is closed; 0: 1,000 */
  uint32_t handshake_timeout_ms; /* who is not done by then is closed; 0: 10 s */
  const char *certificate;       /* TLS: path of a PEM file, the server's certificate and what leads to its root */
  const char *private_key;       /* TLS: path of a PEM file. Both are read again when they change */
  uint32_t tls_min_version;      /* 12 or 13 for TLS 1.2 and 1.3; 0: 12 */
  uint32_t deflate;              /* WebSocket: not 0: permessage-deflate with clients that ask for it */
  const char *origins;           /* WebSocket: pages that may connect, comma-separated: `https://play.example.org`, in
                                  * which `*` stands for any characters; `same-host` for those of the host name that they
                                  * connect to; empty: `same-host`. A client that names no origin is no page, and may */
  const char *page_type; /* WebSocket: a page for who asks with a plain GET of `/`: its media type; empty: none */
  const uint8_t *page;   /* its bytes */
  size_t page_size;
  /* Since 1.2. WebSocket: subprotocols, comma-separated. Of those that a client offers the first that is listed is
   * selected; one that offers none, or none of these, gets none. Empty: no subprotocol */
  const char *subprotocols;
  /* Since 1.2. WebSocket: a client silent for longer is pinged, and closed when it says nothing for as long again;
   * 0: 20 s; CM_NEVER */
  uint32_t ping_interval_ms;
  /* Since 1.2. A client whose machine does not answer TCP for longer is closed: it lost its power or its network. Takes
   * up to twice the time. In whole seconds, 4 at least; of connections that are opened later. 0: 20 s; CM_NEVER */
  uint32_t peer_timeout_ms;
} cm_listener_options;

/* Since 1.1. */
typedef struct cm_listener_info {
  uint32_t struct_size;
  uint32_t number; /* of the frontend's listeners, from 1 on */
  cm_transport transport;
  uint32_t port;
  const char *url;  /* for clients: `tcp://host:port`, `tls://host:port`, `ws://host:port/`, `wss://host:port/` */
  const char *urls; /* all of them, the same first, with a space between two: several where public_host names several,
                     * or the listener takes IPv4 and IPv6. Since 1.2 */
} cm_listener_info;

/* Host implements. CM_INVALID: bad options; CM_UNAVAILABLE: it cannot listen there, or cannot use the certificate, and
 * the log says why. Listeners close with their frontend. Since 1.1. */
typedef struct cm_host_listeners {
  uint32_t struct_size;
  uint32_t reserved;

  /* As cm_host_gateway.open, but the first listener is `listener`; the port in `options` is not looked at.
   * [service-thread] */
  cm_status (*open)(const cm_host *host, const cm_frontend_options *options, const cm_listener_options *listener,
                    uint32_t *number);

  /* One more listener of the frontend, which is open; writes its number to `*number` (may be NULL). [service-thread] */
  cm_status (*add)(const cm_host *host, const cm_listener_options *options, uint32_t *number);

  /* Other options for a listener; transport, address, public_host and port stay. Who is connected stays. CM_NOT_FOUND:
   * there is none of this number. [service-thread] */
  cm_status (*update)(const cm_host *host, uint32_t number, const cm_listener_options *options);

  /* Calls visit(ctx, info) before it returns, once for each listener, by number; texts are valid until the visitor
   * returns. [service-thread] */
  cm_status (*list)(const cm_host *host, void (*visit)(void *ctx, const cm_listener_info *info), void *ctx);
} cm_host_listeners;

CM_END_C
#endif
