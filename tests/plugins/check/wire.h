/* Protobuf by hand: what the culprit reads of its messages. */
#ifndef CULPRIT_WIRE_H
#define CULPRIT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
  const uint8_t *at;
  size_t left;
};
struct field {
  uint64_t number;
  unsigned wire;
  uint64_t value; /* also the length of what bytes points to */
  const uint8_t *bytes;
};
enum outcome {
  READ,
  CUT_SHORT, /* the body ends in the middle of a field */
  NO_FIELD   /* these bytes begin none */
};

static inline bool skip(struct reader *in, uint64_t size) {
  if (size > in->left) return false;
  in->at += size;
  in->left -= size;
  return true;
}

static inline bool read_varint(struct reader *in, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 70 && in->left > 0; shift += 7) {
    const uint8_t byte = *in->at;
    skip(in, 1);
    if (shift < 64) *value |= (uint64_t)(byte & 0x7fu) << shift;
    if (byte < 0x80u) return true;
  }
  return false;
}

static inline enum outcome read_field(struct reader *in, struct field *out) {
  uint64_t key;
  *out = (struct field){0};
  if (!read_varint(in, &key)) return CUT_SHORT;
  out->number = key >> 3;
  out->wire = (unsigned)(key & 7u);
  switch (out->number == 0 ? 7 : out->wire) {
    case 0:
      return read_varint(in, &out->value) ? READ : CUT_SHORT;
    case 1:
      return skip(in, 8) ? READ : CUT_SHORT;
    case 2:
      if (!read_varint(in, &out->value)) return CUT_SHORT;
      out->bytes = in->at;
      return skip(in, out->value) ? READ : CUT_SHORT;
    case 5:
      return skip(in, 4) ? READ : CUT_SHORT;
    default:
      return NO_FIELD;
  }
}

/* Field `number` as a varint; returns its size, 11 at most. */
static inline size_t write_number(uint8_t *to, unsigned number, uint64_t value) {
  size_t size = 0;
  to[size++] = (uint8_t)(number << 3);
  for (; value > 0x7f; value >>= 7) to[size++] = (uint8_t)(value | 0x80u);
  to[size++] = (uint8_t)value;
  return size;
}

#endif
