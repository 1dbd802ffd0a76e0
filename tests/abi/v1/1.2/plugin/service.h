/* Shared by the sources of this plugin. */
#pragma once

#include <cellmesh/abi/audit.h>
#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/client_address.h>
#include <cellmesh/abi/client_origin.h>
#include <cellmesh/abi/client_protocol.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/gateway.h>
#include <cellmesh/abi/health.h>
#include <cellmesh/abi/kv.h>
#include <cellmesh/abi/listeners.h>
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/metrics.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>
#include <stddef.h>
#include <stdint.h>

#include "every_extension.plugin.h"

struct text {
  char data[4096];
  size_t size;
};

/* A row of the table "notes": key and value are one byte each. */
struct note {
  uint8_t key, value, there, to_hand_over;
};

struct service {
  const cm_host *host;
  const cm_host_audit *audit;
  const cm_host_channel *channel;
  const cm_host_client_protocol *client_protocol;
  const cm_host_clients *clients;
  const cm_host_directory *directory;
  const cm_host_gateway *gateway;
  const cm_host_health *health;
  const cm_host_kv *kv;
  const cm_host_listeners *listeners;
  const cm_host_log *log;
  const cm_host_message *message;
  const cm_host_metrics *metrics;
  const cm_host_offload *offload;
  const cm_host_settings *settings;
  const cm_host_timer *timer;
  struct text events; /* what hooks were told since "events" was asked */
  uint16_t port;
  uint8_t asked;
  struct note notes[26];
};

extern int initialised;

void say(struct text *text, const char *format, ...);
void add_bytes(void *text, const uint8_t *data, size_t size);
cm_status answer(struct service *self, const cm_request *request, const struct text *text);

/* Does what a word says and writes what came of it, or returns anything but CM_OK, or sets `*later`: the answer comes
 * by a hook, to the request in its cookie. CM_BAD_MESSAGE when there is no such word. */
cm_status run_command(struct service *self, const cm_message *message, struct text *out, int *later);
