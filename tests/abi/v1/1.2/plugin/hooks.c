/* Uses every function and implements every hook of ABI 1.2. It is compiled against the headers beside it, for ever, and
 * must load and work in every later host of this major: see tests/unit/plugin/snapshot_test.cpp.
 *
 * It is asked with a DoREQ whose body is a plain word, and answers with a DoACK whose body is what came of it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

int initialised;

void say(struct text *text, const char *format, ...) {
  va_list arguments;
  int size;
  va_start(arguments, format);
  size = vsnprintf(text->data + text->size, sizeof text->data - text->size, format, arguments);
  va_end(arguments);
  if (size > 0) text->size += (size_t)size;
  if (text->size >= sizeof text->data) text->size = sizeof text->data - 1;
}

void add_bytes(void *text, const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; ++i) say(text, "%02x", data[i]);
}

cm_status answer(struct service *self, const cm_request *request, const struct text *text) {
  return self->message->reply(self->host, request, CM_MSG_EVERY_DOACK, (const uint8_t *)text->data, text->size);
}

/* What comes later answers the request that its cookie holds. */
static cm_status answer_cookie(struct service *self, const uint8_t *cookie, size_t size, const char *format, ...) {
  struct text text = {.size = 0};
  cm_request request;
  va_list arguments;
  int length;
  if (size != sizeof request) return CM_BAD_MESSAGE;
  memcpy(&request, cookie, sizeof request);
  va_start(arguments, format);
  length = vsnprintf(text.data, sizeof text.data, format, arguments);
  va_end(arguments);
  text.size = length < 0 ? 0 : (size_t)length;
  return answer(self, &request, &text);
}

static cm_status init(void) {
  initialised = 1;
  return CM_OK;
}
static void deinit(void) { initialised = 0; }

static void *create(const cm_host *host) {
  struct service *self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->host = host;
  self->audit = host->get_extension(host, CM_EXT_AUDIT);
  self->channel = host->get_extension(host, CM_EXT_CHANNEL);
  self->clients = host->get_extension(host, CM_EXT_CLIENTS);
  self->directory = host->get_extension(host, CM_EXT_DIRECTORY);
  self->gateway = host->get_extension(host, CM_EXT_GATEWAY);
  self->health = host->get_extension(host, CM_EXT_HEALTH);
  self->kv = host->get_extension(host, CM_EXT_KV);
  self->listeners = host->get_extension(host, CM_EXT_LISTENERS);
  self->client_protocol = host->get_extension(host, CM_EXT_CLIENT_PROTOCOL);
  self->log = host->get_extension(host, CM_EXT_LOG);
  self->message = host->get_extension(host, CM_EXT_MESSAGE);
  self->metrics = host->get_extension(host, CM_EXT_METRICS);
  self->offload = host->get_extension(host, CM_EXT_OFFLOAD);
  self->settings = host->get_extension(host, CM_EXT_SETTINGS);
  self->timer = host->get_extension(host, CM_EXT_TIMER);
  if (self->audit && self->channel && self->clients && self->directory && self->gateway && self->health && self->kv &&
      self->listeners && self->log && self->message && self->metrics && self->offload && self->settings &&
      self->timer) {
    return self;
  }
  free(self);
  return NULL;
}

static void destroy(void *self) { free(self); }

static cm_status start(void *data) {
  struct service *self = data;
  const cm_frontend_options options = {.struct_size = sizeof options, .routes = 1, .address = "127.0.0.1"};
  return self->gateway->open(self->host, &options, &self->port);
}

static void stop(void *data) {
  struct service *self = data;
  self->log->write(self->host, CM_LOG_INFO, "stopped", strlen("stopped"));
}

static cm_status on_message(void *data, const cm_message *message) {
  struct service *self = data;
  struct text out = {.size = 0};
  int later = 0;
  cm_status status;
  if (message->id != CM_MSG_EVERY_DOREQ) return CM_UNHANDLED;
  ++self->asked;
  status = run_command(self, message, &out, &later);
  return status != CM_OK || later ? status : answer(self, &message->request, &out);
}

static cm_status on_reply(void *data, const cm_reply *reply) {
  if (strcmp(reply->handler, "answered") != 0) return CM_UNHANDLED;
  return answer_cookie(data, reply->cookie, reply->cookie_size, "answered %d %u %.*s", reply->status, reply->id,
                       (int)reply->body_size, (const char *)reply->body);
}

static cm_status on_timer(void *data, cm_timer timer, const char *handler, const uint8_t *cookie, size_t cookie_size) {
  if (strcmp(handler, "tick") != 0) return CM_UNHANDLED;
  return answer_cookie(data, cookie, cookie_size, "tick of %s", timer != 0 ? "a timer" : "none");
}

static cm_status on_job(void *data, const char *handler, cm_status status, const uint8_t *output, size_t size,
                        const uint8_t *cookie, size_t cookie_size) {
  if (strcmp(handler, "worked") != 0) return CM_UNHANDLED;
  return answer_cookie(data, cookie, cookie_size, "worked %d %.*s", status, (int)size, (const char *)output);
}

static cm_status on_channel(void *data, const cm_channel_message *message) {
  struct service *self = data;
  if (strcmp(message->handler, "heard") != 0) return CM_UNHANDLED;
  say(&self->events, "heard %u %.*s of %s, lost %u; ", message->id, (int)message->body_size,
      (const char *)message->body, message->channel, (unsigned)message->lost);
  return CM_OK;
}

static cm_status on_settings(void *data, const uint8_t *bytes, size_t size) {
  struct service *self = data;
  say(&self->events, "settings ");
  add_bytes(&self->events, bytes, size);
  say(&self->events, "; ");
  return CM_OK;
}

static void on_client_closed(void *data, const cm_client *client, cm_close_reason reason) {
  struct service *self = data;
  say(&self->events, "closed %u %d; ", (unsigned)client->session, reason);
}

static void on_client_opened(void *data, const cm_client *client) {
  struct service *self = data;
  say(&self->events, "opened %u; ", (unsigned)client->session);
}

static void on_client_address(void *data, const cm_client *client, const char *address) {
  struct service *self = data;
  say(&self->events, "client %u from %s; ", (unsigned)client->session, address);
}

static void on_client_origin(void *data, const cm_client *client, const cm_client_origin *origin) {
  struct service *self = data;
  say(&self->events, "client %u by %d from %s; ", (unsigned)client->session, origin->transport, origin->address);
}

static void on_entry(void *data, const cm_kv_entry *entry) {
  struct service *self = data;
  say(&self->events, "entry %s %.*s%s; ", entry->name, (int)entry->size, entry->gone ? "" : (const char *)entry->value,
      entry->gone ? "gone" : "");
}

static void on_rebound(void *data, const cm_client *client, cm_service from, cm_service to) {
  struct service *self = data;
  say(&self->events, "rebound %u %s %s; ", (unsigned)client->session, from != 0 ? "from one" : "from none",
      to != 0 ? "to one" : "to none");
}

static void on_service(void *data, cm_service service, int32_t up) {
  struct service *self = data;
  char name[64] = "";
  self->directory->name(self->host, service, name, sizeof name);
  say(&self->events, "%s %s; ", name, up ? "up" : "down");
}

/* State: the message is a count, the table "notes" what was noted. */

static cm_status save(void *data, cm_state_sink *sink) {
  const struct service *self = data;
  const uint8_t message[] = {CM_FIELD_EVERY_EVERYSTATE_ASKED << 3, self->asked & 0x7F};
  return sink->write(sink, message, sizeof message);
}

static cm_status load(void *data, const cm_saved_state *state) {
  struct service *self = data;
  if (state->size != 2) return CM_BAD_MESSAGE;
  self->asked = state->data[1];
  say(&self->events, "loaded from %s; ", state->version);
  return CM_OK;
}

static cm_status resumed(void *data) {
  struct service *self = data;
  say(&self->events, "resumed; ");
  return CM_OK;
}

static int32_t has_handler(void *data, cm_handler_kind kind, const char *handler) {
  (void)data;
  switch (kind) {
    case CM_HANDLER_REPLY:
      return strcmp(handler, "answered") == 0;
    case CM_HANDLER_TIMER:
      return strcmp(handler, "tick") == 0;
    case CM_HANDLER_CHANNEL:
      return strcmp(handler, "heard") == 0 || *handler == '\0';
    case CM_HANDLER_JOB:
      return strcmp(handler, "worked") == 0;
    default:
      return 0;
  }
}

static void follow(void *data, int32_t on) {
  struct service *self = data;
  for (size_t i = 0; i < 26; ++i) self->notes[i].to_hand_over = on != 0 && self->notes[i].there;
}

static cm_status rows(void *data, cm_state_sink *sink, uint32_t most, uint64_t *left) {
  struct service *self = data;
  *left = 0;
  for (size_t i = 0; i < 26; ++i) {
    struct note *note = &self->notes[i];
    if (!note->to_hand_over) continue;
    if (most == 0) {
      ++*left;
      continue;
    }
    const cm_status status = sink->row(sink, "notes", &note->key, 1, &note->value, 1);
    if (status != CM_OK) return status;
    note->to_hand_over = 0;
    --most;
  }
  return CM_OK;
}

static void reserve(void *data, const char *table, uint64_t count) {
  struct service *self = data;
  say(&self->events, "%u %s; ", (unsigned)count, table);
}

static cm_status load_row(void *data, const char *table, const uint8_t *key, size_t key_size, const uint8_t *row,
                          size_t row_size) {
  struct service *self = data;
  if (strcmp(table, "notes") != 0) return CM_NOT_FOUND;
  if (key_size != 1 || *key < 'a' || *key > 'z' || (row != NULL && row_size != 1)) return CM_BAD_MESSAGE;
  self->notes[*key - 'a'] = (struct note){*key, row == NULL ? 0 : *row, row != NULL, 0};
  return CM_OK;
}

static const void *get_extension(void *self, const char *id) {
  static const cm_plugin_channel channel = {sizeof channel, 0, on_channel};
  static const cm_plugin_clients clients = {sizeof clients, 0, on_client_closed};
  static const cm_plugin_directory directory = {sizeof directory, 0, on_service};
  static const cm_plugin_gateway gateway = {sizeof gateway, 0, on_client_opened, on_rebound};
  static const cm_plugin_client_address address = {sizeof address, 0, on_client_address};
  static const cm_plugin_client_origin origin = {sizeof origin, 0, on_client_origin};
  static const cm_plugin_kv kv = {sizeof kv, 0, on_entry};
  static const cm_plugin_message message = {sizeof message, 0, on_reply};
  static const cm_plugin_offload offload = {sizeof offload, 0, on_job};
  static const cm_plugin_settings settings = {sizeof settings, 0, on_settings};
  static const cm_plugin_state state = {sizeof state, 0,      save, load,    resumed,
                                        has_handler,  follow, rows, reserve, load_row};
  static const cm_plugin_timer timer = {sizeof timer, 0, on_timer};
  (void)self;
  if (strcmp(id, CM_EXT_CHANNEL) == 0) return &channel;
  if (strcmp(id, CM_EXT_CLIENTS) == 0) return &clients;
  if (strcmp(id, CM_EXT_DIRECTORY) == 0) return &directory;
  if (strcmp(id, CM_EXT_GATEWAY) == 0) return &gateway;
  if (strcmp(id, CM_EXT_CLIENT_ADDRESS) == 0) return &address;
  if (strcmp(id, CM_EXT_CLIENT_ORIGIN) == 0) return &origin;
  if (strcmp(id, CM_EXT_KV) == 0) return &kv;
  if (strcmp(id, CM_EXT_MESSAGE) == 0) return &message;
  if (strcmp(id, CM_EXT_OFFLOAD) == 0) return &offload;
  if (strcmp(id, CM_EXT_SETTINGS) == 0) return &settings;
  if (strcmp(id, CM_EXT_STATE) == 0) return &state;
  if (strcmp(id, CM_EXT_TIMER) == 0) return &timer;
  return NULL;
}

static const cm_service_kind kind = {
    sizeof kind, 0, CELLMESH_PLUGIN_PROVIDES, create, destroy, start, stop, on_message, get_extension};
static const cm_service_kind *const kinds[] = {&kind};

const cm_plugin cellmesh_plugin = {sizeof cellmesh_plugin, CM_ABI_MAJOR, CM_ABI_MINOR, init, deinit, 1, 0, kinds};
