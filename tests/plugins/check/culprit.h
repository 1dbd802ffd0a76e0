/* What the culprit's files share. */
#ifndef CULPRIT_H
#define CULPRIT_H

#include <cellmesh/abi/audit.h>
#include <cellmesh/abi/channel.h>
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/directory.h>
#include <cellmesh/abi/gateway.h>
#include <cellmesh/abi/health.h>
#include <cellmesh/abi/kv.h>
#include <cellmesh/abi/log.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/metrics.h>
#include <cellmesh/abi/offload.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/settings.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>
#include <stdlib.h>
#include <string.h>

#include "defects.h"
#include "wire.h"

struct player {
  cm_client client;
  uint64_t said;
  bool gone;  /* erased, and not handed over as such yet */
  bool fresh; /* to be handed over */
};

struct culprit {
  const cm_host *host;
  const cm_host_log *log;
  const cm_host_message *message;
  const cm_host_timer *timer;
  const cm_host_settings *settings;
  const cm_host_metrics *metrics;
  const cm_host_directory *directory;
  const cm_host_clients *clients;
  const cm_host_gateway *gateway;
  const cm_host_channel *channel;
  const cm_host_offload *offload;
  const cm_host_kv *kv;
  const cm_host_audit *audit;
  const cm_host_health *health;
  bool started;
  bool stopped;
  uint64_t started_ms;
  uint64_t said;
  int32_t level;
  cm_client last_closed;
  struct player *players;
  size_t player_count;
  bool following;
};

/* The names that it gives to the host, and the one cookie. */
#define TICK "Culprit::tick"
#define ANSWERED "Culprit::answered"
#define NEWS "Culprit::news"
#define WORKED "Culprit::worked"
#define COOKIE "culprit!"
#define COOKIE_SIZE 8

bool same_client(const cm_client *a, const cm_client *b);
struct player *player_of(struct culprit *self, const cm_client *client);
void touch(struct culprit *self, const cm_client *client);
void erase(struct culprit *self, const cm_client *client);
void begin(struct culprit *self); /* what waits: timer and subscription */

cm_status say(struct culprit *self, const cm_message *message);
cm_status work(struct culprit *self, const cm_message *message);
cm_status take_settings(struct culprit *self, const uint8_t *data, size_t size);

/* Set while a service lives: see JOB_NEEDS_SERVICE. */
extern int alive;

extern const cm_plugin_state culprit_state;
const void *culprit_extension(void *data, const char *id);

#endif
