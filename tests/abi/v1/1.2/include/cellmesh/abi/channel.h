/* SPDX-License-Identifier: MIT
 *
 * Channels of the hub: publish and subscribe by name. A subscription is data of the host: it is made again by itself
 * when the hub restarts. A subscriber too slow for its channel loses messages and is told how many.
 * Every service is subscribed to the channels named as its kind and as its own id (handler "") from its start.
 */
#ifndef CELLMESH_ABI_CHANNEL_H
#define CELLMESH_ABI_CHANNEL_H

#include "host.h"

CM_BEGIN_C

#define CM_EXT_CHANNEL "cellmesh.channel/1"

/* Host implements. Channel names are 1 to 200 bytes of UTF-8. Since 1.0. */
typedef struct cm_host_channel {
  uint32_t struct_size;
  uint32_t reserved;

  /* Sends to every subscriber. CM_UNAVAILABLE when no hub is up, CM_BACKPRESSURE, CM_TOO_LARGE. [service-thread] */
  cm_status (*publish)(const cm_host *host, const char *channel, uint16_t id, const uint8_t *body, size_t size);

  /* Subscribes, or changes handler and cookie of a subscription. CM_OK also when no hub is up: it is made when one
   * comes. CM_BACKPRESSURE past 10,000 of one service. [service-thread] */
  cm_status (*subscribe)(const cm_host *host, const char *channel, const char *handler, const uint8_t *cookie,
                         size_t cookie_size);

  /* CM_NOT_FOUND when there is no such subscription. [service-thread] */
  cm_status (*unsubscribe)(const cm_host *host, const char *channel);
} cm_host_channel;

typedef struct cm_channel_message {
  uint32_t struct_size;
  uint16_t id; /* 0: no message, only `lost` */
  uint16_t reserved;
  const char *channel;
  const char *handler;
  const uint8_t *cookie;
  size_t cookie_size;
  const uint8_t *body;
  size_t body_size;
  uint64_t lost;   /* messages of this channel that this subscriber lost just before this one */
  cm_service from; /* who published */
  uint32_t reserved2;
} cm_channel_message;

/* Plugin implements. Since 1.0. */
typedef struct cm_plugin_channel {
  uint32_t struct_size;
  uint32_t reserved;
  /* With an empty handler it is treated as a plain message of that id. [service-thread] */
  cm_status (*on_channel)(void *self, const cm_channel_message *message);
} cm_plugin_channel;

CM_END_C
#endif
