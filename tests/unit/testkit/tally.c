/* Counts what clients ask, in plain C; says how many every second. */
#include <cellmesh/abi/clients.h>
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/state.h>
#include <cellmesh/abi/timer.h>
#include <stdlib.h>
#include <string.h>

enum { ID_COUNT_REQ = 16407, ID_COUNT_ACK = 43774 };

struct tally {
  const cm_host *host;
  const cm_host_message *message;
  const cm_host_clients *clients;
  const cm_host_timer *timer;
  uint8_t count; /* below 128, so that it is one byte of a varint */
};

static void *create(const cm_host *host) {
  struct tally *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->host = host;
  self->message = host->get_extension(host, CM_EXT_MESSAGE);
  self->clients = host->get_extension(host, CM_EXT_CLIENTS);
  self->timer = host->get_extension(host, CM_EXT_TIMER);
  return self;
}

static void destroy(void *data) { free(data); }

static cm_status start(void *data) {
  struct tally *self = data;
  return self->timer->start(self->host, 1000, 1000, "tick", NULL, 0, NULL);
}

static void stop(void *data) { (void)data; }

static cm_status on_message(void *data, const cm_message *message) {
  struct tally *self = data;
  uint8_t body[2] = {0x08, 0};
  if (message->id != ID_COUNT_REQ) return CM_UNHANDLED;
  if (self->count >= 127) return CM_FAULT;
  body[1] = ++self->count;
  return self->message->reply(self->host, &message->request, ID_COUNT_ACK, body, sizeof body);
}

static cm_status on_timer(void *data, cm_timer timer, const char *handler, const uint8_t *cookie, size_t cookie_size) {
  struct tally *self = data;
  const uint8_t body[2] = {0x08, self->count};
  (void)timer, (void)cookie, (void)cookie_size;
  if (strcmp(handler, "tick") != 0) return CM_UNHANDLED;
  return self->clients->broadcast(self->host, 0, ID_COUNT_ACK, body, sizeof body);
}

static cm_status save(void *data, cm_state_sink *sink) {
  const struct tally *self = data;
  return sink->write(sink, &self->count, 1);
}

static cm_status load(void *data, const cm_saved_state *state) {
  struct tally *self = data;
  if (state->size != 1) return CM_BAD_MESSAGE;
  self->count = state->data[0];
  return CM_OK;
}

static int32_t has_handler(void *data, cm_handler_kind kind, const char *handler) {
  (void)data;
  return kind == CM_HANDLER_TIMER && strcmp(handler, "tick") == 0;
}

static const void *get_extension(void *data, const char *id) {
  static const cm_plugin_timer timer = {sizeof timer, 0, on_timer};
  static const cm_plugin_state state = {sizeof state, 0, save, load, NULL, has_handler, NULL, NULL, NULL, NULL};
  (void)data;
  if (strcmp(id, CM_EXT_TIMER) == 0) return &timer;
  if (strcmp(id, CM_EXT_STATE) == 0) return &state;
  return NULL;
}

static const cm_service_kind kind = {sizeof kind, 0, "tally", create, destroy, start, stop, on_message, get_extension};
static const cm_service_kind *const kinds[] = {&kind};

CM_EXPORT const cm_plugin cellmesh_plugin = {
    sizeof cellmesh_plugin, CM_ABI_MAJOR, CM_ABI_MINOR, NULL, NULL, 1, 0, kinds};
