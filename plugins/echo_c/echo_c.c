/* The echo plugin in C11, on the C headers alone: what a client says comes back to it, with how many were answered,
 * which a reload does not set back. */
#include <cellmesh/abi/message.h>
#include <cellmesh/abi/plugin.h>
#include <cellmesh/abi/state.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "echo_c.plugin.h"

struct echo {
  const cm_host *host;
  const cm_host_message *messages;
  uint64_t answered;
};

/* Protobuf by hand: what is left of a body to read, and one field of it. */
enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
struct reader {
  const uint8_t *at;
  size_t left;
};
struct field {
  uint64_t number;
  unsigned wire;
  uint64_t value;       /* of WIRE_VARINT */
  const uint8_t *bytes; /* of WIRE_BYTES; points into the body */
  size_t size;
};

static bool skip(struct reader *in, uint64_t size) {
  if (size > in->left) return false;
  in->at += size;
  in->left -= size;
  return true;
}

static bool read_varint(struct reader *in, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 70 && in->left > 0; shift += 7) {
    const uint8_t byte = *in->at;
    skip(in, 1);
    if (shift < 64) *value |= (uint64_t)(byte & 0x7Fu) << shift;
    if (byte < 0x80u) return true;
  }
  return false;
}

static bool read_field(struct reader *in, struct field *out) {
  uint64_t key;
  uint64_t size;
  if (!read_varint(in, &key)) return false;
  *out = (struct field){.number = key >> 3, .wire = (unsigned)(key & 7u)};
  if (out->number == 0) return false;
  switch (out->wire) {
    case WIRE_VARINT:
      return read_varint(in, &out->value);
    case WIRE_64:
      return skip(in, 8);
    case WIRE_32:
      return skip(in, 4);
    case WIRE_BYTES:
      if (!read_varint(in, &size)) return false;
      out->bytes = in->at;
      out->size = (size_t)size;
      return skip(in, size);
    default:
      return false; /* groups: proto3 has none */
  }
}

/* The longest that a key and a varint are. */
#define MOST 11

static size_t write_varint(uint8_t *to, uint64_t value) {
  size_t size = 0;
  for (; value > 0x7Fu; value >>= 7) to[size++] = (uint8_t)(value | 0x80u);
  to[size++] = (uint8_t)value;
  return size;
}

static size_t write_number(uint8_t *to, uint32_t field, uint64_t value) {
  const size_t size = write_varint(to, field << 3 | WIRE_VARINT);
  return size + write_varint(to + size, value);
}

static cm_status echo(struct echo *self, const cm_message *message) {
  struct reader in = {message->body, message->body_size};
  struct field content = {0};
  cm_status status;
  size_t size = 0;
  while (in.left > 0) {
    struct field field;
    if (!read_field(&in, &field)) return CM_BAD_MESSAGE;
    if (field.number == CM_FIELD_PROTO_ECHOCREQ_CONTENT && field.wire == WIRE_BYTES) content = field;
  }

  uint8_t *body = malloc(MOST + content.size + MOST);
  if (body == NULL) {
    self->host->report_fault(self->host, "out of memory");
    return CM_FAULT;
  }
  if (content.size > 0) {
    size += write_varint(body, CM_FIELD_PROTO_ECHOCACK_CONTENT << 3 | WIRE_BYTES);
    size += write_varint(body + size, content.size);
    memcpy(body + size, content.bytes, content.size);
    size += content.size;
  }
  size += write_number(body + size, CM_FIELD_PROTO_ECHOCACK_ANSWERED, self->answered + 1);
  status = self->messages->reply(self->host, &message->request, CM_MSG_PROTO_ECHOCACK, body, size);
  free(body);
  if (status == CM_OK) ++self->answered;
  return status == CM_TOO_LARGE ? CM_REFUSED : CM_OK; /* who asked and is gone misses nothing */
}

static void *create(const cm_host *host) {
  const cm_host_message *messages = host->get_extension(host, CM_EXT_MESSAGE);
  struct echo *self = messages == NULL ? NULL : malloc(sizeof *self);
  if (self != NULL) *self = (struct echo){.host = host, .messages = messages};
  return self;
}

static void destroy(void *self) { free(self); }

static cm_status start(void *self) {
  (void)self;
  return CM_OK;
}

static void stop(void *self) { (void)self; }

static cm_status on_message(void *self, const cm_message *message) {
  return message->id == CM_MSG_PROTO_ECHOCREQ ? echo(self, message) : CM_UNHANDLED;
}

static cm_status save(void *self, cm_state_sink *sink) {
  uint8_t message[MOST];
  const struct echo *echo = self;
  return sink->write(sink, message, write_number(message, CM_FIELD_PROTO_ECHOCSTATE_ANSWERED, echo->answered));
}

static cm_status load(void *self, const cm_saved_state *state) {
  struct reader in = {state->data, state->size};
  struct echo *echo = self;
  while (in.left > 0) {
    struct field field;
    if (!read_field(&in, &field)) return CM_BAD_MESSAGE;
    if (field.number == CM_FIELD_PROTO_ECHOCSTATE_ANSWERED && field.wire == WIRE_VARINT) echo->answered = field.value;
  }
  return CM_OK;
}

static int32_t has_handler(void *self, cm_handler_kind kind, const char *handler) {
  (void)self;
  (void)kind;
  (void)handler;
  return 0;
}

static const void *get_extension(void *self, const char *id) {
  static const cm_plugin_state state = {
      .struct_size = sizeof state, .save = save, .load = load, .has_handler = has_handler};
  (void)self;
  return strcmp(id, CM_EXT_STATE) == 0 ? &state : NULL;
}

static const cm_service_kind kind = {
    .struct_size = sizeof kind,
    .kind = CELLMESH_PLUGIN_NAME,
    .create = create,
    .destroy = destroy,
    .start = start,
    .stop = stop,
    .on_message = on_message,
    .get_extension = get_extension,
};
static const cm_service_kind *const kinds[] = {&kind};

const cm_plugin cellmesh_plugin = {
    .struct_size = sizeof cellmesh_plugin,
    .abi_major = CM_ABI_MAJOR,
    .abi_minor = CM_ABI_MINOR,
    .kind_count = 1,
    .kinds = kinds,
};
