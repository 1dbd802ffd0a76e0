// The codec of protobuf's binary format, for browsers and node. What follows it says which messages there are.
//
//   types                  messages and enums by full name: types.proto.LoginREQ, types.proto.ResultCode.NoError;
//                          types.proto.ResultCode[101] is "AgentNotFound"
//   pack(type, value)      a client's frame over WebSocket: u16 id, little-endian, and the body
//   unpack(bytes)          { id, type, message } of a frame; of an id that is not known here, type and message are
//                          undefined
//   encode(type, value)    a message alone; decode(type, bytes) reads it
//   typeOf(id)             the message of an id; type.$name and type.$id are those of a message
//
// A value is an object with the fields as the .proto names them; what is left out has its default. 64-bit numbers are
// BigInt (a Number that is whole and exact will do for encode), bytes are Uint8Array, maps are Map, enums are numbers.
// A decoded message has every field but messages, `optional` ones and those of a oneof that were not there. Fields that
// it does not know are skipped. What is no message (cut short, text that is not UTF-8) throws an Error, a value that
// does not fit its field a TypeError or RangeError that names it.

const DEPTH = 100; // of messages in messages, as protobuf has it
const VARINT = 0, BITS64 = 1, BYTES = 2, GROUP = 3, END_GROUP = 4, BITS32 = 5;
const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// Room is made before `bytes` and `view` are looked at: it may replace them.
class Writer {
  constructor() {
    this.bytes = new Uint8Array(64);
    this.view = new DataView(this.bytes.buffer);
    this.size = 0;
  }
  // Makes room for `more` bytes and says where.
  grow(more) {
    const at = this.size;
    this.size += more;
    if (this.size > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(this.size, 2 * this.bytes.length));
      bytes.set(this.bytes);
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer);
    }
    return at;
  }
  byte(value) {
    const at = this.grow(1);
    this.bytes[at] = value;
  }
  varint(value) { // a Number of 32 bits, unsigned
    for (; value > 0x7f; value >>>= 7) this.byte((value & 0x7f) | 0x80);
    this.byte(value);
  }
  varint64(value) { // a BigInt
    value = BigInt.asUintN(64, value);
    for (; value > 0x7fn; value >>= 7n) this.byte(Number(value & 0x7fn) | 0x80);
    this.byte(Number(value));
  }
  raw(bytes) {
    const at = this.grow(bytes.length);
    this.bytes.set(bytes, at);
  }
  delimited(bytes) {
    this.varint(bytes.length);
    this.raw(bytes);
  }
  take() { return this.bytes.slice(0, this.size); }
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }
  get done() { return this.at === this.bytes.length; }
  skip(size) {
    const at = this.at;
    if (size > this.bytes.length - at) throw new Error("the message is cut short");
    this.at += size;
    return at;
  }
  varint64() {
    let low = 0, high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.skip(1)], seven = byte & 0x7f;
      if (shift < 28) low |= seven << shift;
      else if (shift === 28) { low |= seven << 28; high = seven >>> 4; }
      else if (shift < 63) high |= seven << (shift - 32);
      else high |= (seven & 1) << 31;
      if (byte < 0x80) return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
    throw new Error("a number of more than ten bytes");
  }
  varint() { // the low 32 bits, unsigned
    const first = this.bytes[this.at];
    if (first < 0x80) return this.bytes[this.skip(1)];
    return Number(this.varint64() & 0xffffffffn);
  }
  delimited() {
    const size = this.varint64();
    if (size > 0x7fffffffn) throw new Error("the message is cut short");
    const at = this.skip(Number(size));
    return this.bytes.subarray(at, this.at);
  }
  tag() {
    const tag = this.varint64();
    if (tag > 0xffffffffn || tag < 8n) throw new Error("no field has the number 0, or one above 536870911");
    return Number(tag);
  }
  unknown(tag, depth) {
    if (depth > DEPTH) throw new Error("messages in messages, too deep");
    switch (tag & 7) {
      case VARINT: return void this.varint64();
      case BITS64: return void this.skip(8);
      case BYTES: return void this.delimited();
      case BITS32: return void this.skip(4);
      case GROUP:
        for (;;) {
          const next = this.tag();
          if ((next & 7) !== END_GROUP) this.unknown(next, depth + 1);
          else if (next >>> 3 === tag >>> 3) return;
          else throw new Error("a group ends that did not begin");
        }
      default: throw new Error(`wire type ${tag & 7}, which there is not`);
    }
  }
}

function number(value, least, most) {
  if (typeof value !== "number") throw new TypeError(`a number is wanted, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${value} is no whole number from ${least} to ${most}`);
  }
  return value;
}
function big(value, least, most) {
  if (typeof value === "number" && Number.isSafeInteger(value)) value = BigInt(value);
  if (typeof value !== "bigint") throw new TypeError(`a BigInt is wanted, not ${describe(value)}`);
  if (value < least || value > most) throw new RangeError(`${value} is not from ${least} to ${most}`);
  return value;
}
function wanted(is, what) {
  return (value) => {
    if (!is(value)) throw new TypeError(`${what} is wanted, not ${describe(value)}`);
    return value;
  };
}
function describe(value) {
  if (value === null) return "null";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}
const i32 = (value) => number(value, -0x80000000, 0x7fffffff);
const u32 = (value) => number(value, 0, 0xffffffff);
const i64 = (value) => big(value, -(2n ** 63n), 2n ** 63n - 1n);
const u64 = (value) => big(value, 0n, 2n ** 64n - 1n);
const real = wanted((value) => typeof value === "number", "a number");
const bool = wanted((value) => typeof value === "boolean", "true or false");
const string = wanted((value) => typeof value === "string", "a string");
const bytes = wanted((value) => value instanceof Uint8Array, "a Uint8Array");

// One for each type of a field that is neither a message nor a map: its wire type, its default, and both ways.
const varint = (zero, write, read) => ({ wire: VARINT, zero, write, read });
const fixed = (size, zero, check, name) => ({
  wire: size === 4 ? BITS32 : BITS64,
  zero,
  write: (w, value) => {
    value = check(value);
    const at = w.grow(size);
    w.view[`set${name}`](at, value, true);
  },
  read: (r) => r.view[`get${name}`](r.skip(size), true),
});
const delimited = (zero, write, read) => ({
  wire: BYTES,
  zero,
  write: (w, value) => w.delimited(write(value)),
  read: (r) => read(r.delimited()),
});
const unzigzag = (n) => (n >>> 1) ^ -(n & 1);
const unzigzag64 = (n) => (n >> 1n) ^ -(n & 1n);
// Negative numbers of 32 bits take ten bytes, as protobuf has it.
const int32 = varint(0, (w, v) => (i32(v) < 0 ? w.varint64(BigInt(v)) : w.varint(v)), (r) => r.varint() | 0);
const kinds = {
  int32,
  enum: { ...int32 },
  uint32: varint(0, (w, v) => w.varint(u32(v)), (r) => r.varint()),
  sint32: varint(0, (w, v) => w.varint(((i32(v) << 1) ^ (v >> 31)) >>> 0), (r) => unzigzag(r.varint())),
  bool: varint(false, (w, v) => w.varint(bool(v) ? 1 : 0), (r) => r.varint64() !== 0n),
  int64: varint(0n, (w, v) => w.varint64(i64(v)), (r) => BigInt.asIntN(64, r.varint64())),
  uint64: varint(0n, (w, v) => w.varint64(u64(v)), (r) => r.varint64()),
  sint64: varint(0n, (w, v) => w.varint64((i64(v) << 1n) ^ (i64(v) >> 63n)), (r) => unzigzag64(r.varint64())),
  fixed32: fixed(4, 0, u32, "Uint32"),
  sfixed32: fixed(4, 0, i32, "Int32"),
  fixed64: fixed(8, 0n, u64, "BigUint64"),
  sfixed64: fixed(8, 0n, i64, "BigInt64"),
  float: fixed(4, 0, real, "Float32"),
  double: fixed(8, 0, real, "Float64"),
  string: delimited("", (v) => utf8.encode(string(v)), (raw) => text.decode(raw)),
  bytes: delimited(new Uint8Array(0), bytes, (raw) => raw.slice()),
};
const messageKind = {
  wire: BYTES,
  write: (w, v, field, depth) => w.delimited(encodeAt(field.type, v, depth + 1)),
  read: (r, field, depth, before) => decodeAt(field.type, r.delimited(), depth + 1, before),
};
const kindOf = (field) => kinds[field.kind] ?? messageKind;

function isDefault(kind, value) {
  if (kind === kinds.bytes) return bytes(value).length === 0;
  return Object.is(value, kind.zero) || (kind.zero === 0n && value === 0);
}
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

function writeOne(w, field, value, depth) {
  const kind = kindOf(field);
  w.varint(((field.number << 3) | kind.wire) >>> 0);
  kind.write(w, value, field, depth);
}

function writeField(w, field, value, depth) {
  if (field.kind === "map") {
    if (!(value instanceof Map)) throw new TypeError(`a Map is wanted, not ${describe(value)}`);
    for (const [key, item] of value) {
      const entry = new Writer();
      writeOne(entry, field.key, key, depth);
      writeOne(entry, field.value, item, depth);
      w.varint(((field.number << 3) | BYTES) >>> 0);
      w.delimited(entry.take());
    }
  } else if (field.repeated) {
    if (!Array.isArray(value)) throw new TypeError(`an array is wanted, not ${describe(value)}`);
    if (!field.packed) return value.forEach((item) => writeOne(w, field, item, depth));
    if (value.length === 0) return;
    const packed = new Writer();
    for (const item of value) kindOf(field).write(packed, item);
    w.varint(((field.number << 3) | BYTES) >>> 0);
    w.delimited(packed.take());
  } else if (field.presence || !isDefault(kindOf(field), value)) {
    writeOne(w, field, value, depth);
  }
}

function encodeAt(type, value, depth) {
  if (depth > DEPTH) throw new RangeError(`${type.$name}: messages in messages, too deep`);
  if (value === null || typeof value !== "object") throw new TypeError(`an object is wanted, not ${describe(value)}`);
  for (const name of Object.keys(value)) {
    if (!type.$byName.has(name)) throw new TypeError(`${type.$name} has no field ${name}`);
  }
  const w = new Writer();
  const chosen = new Map(); // of each oneof
  for (const field of type.$fields) {
    const given = own(value, field.name);
    if (given === undefined || given === null) continue;
    if (field.oneof) {
      const other = chosen.get(field.oneof);
      if (other) throw new TypeError(`${type.$name}: ${other} and ${field.name}, and of ${field.oneof} there is one`);
      chosen.set(field.oneof, field.name);
    }
    try {
      writeField(w, field, given, depth);
    } catch (error) {
      if (!error.named) error.message = `${type.$name}.${field.name}: ${error.message}`;
      error.named = true;
      throw error;
    }
  }
  return w.take();
}

function initial(type) {
  const message = {};
  for (const field of type.$fields) {
    if (field.kind === "map") message[field.name] = new Map();
    else if (field.repeated) message[field.name] = [];
    else if (!field.presence) message[field.name] = kindOf(field).zero;
  }
  return message;
}

function readEntry(field, bytes, depth) {
  const r = new Reader(bytes);
  const keys = kindOf(field.key), values = kindOf(field.value);
  let key = keys.zero;
  let value = values === messageKind ? initial(field.value.type) : values.zero;
  while (!r.done) {
    const tag = r.tag();
    if (tag === ((1 << 3) | keys.wire)) key = keys.read(r);
    else if (tag === ((2 << 3) | values.wire)) value = values.read(r, field.value, depth, value);
    else r.unknown(tag, depth);
  }
  return [key, value];
}

function readField(r, type, message, field, wire, tag, depth) {
  const kind = kindOf(field);
  if (field.kind === "map") {
    if (wire !== BYTES) return r.unknown(tag, depth);
    message[field.name].set(...readEntry(field, r.delimited(), depth + 1));
  } else if (field.repeated && wire === BYTES && kind.wire !== BYTES) { // packed, whatever the .proto says
    const packed = new Reader(r.delimited());
    while (!packed.done) message[field.name].push(kind.read(packed));
  } else if (wire !== kind.wire) {
    r.unknown(tag, depth);
  } else if (field.repeated) {
    message[field.name].push(kind.read(r, field, depth));
  } else {
    if (field.oneof) {
      for (const other of type.$fields) {
        if (other.oneof === field.oneof && other !== field) delete message[other.name];
      }
    }
    message[field.name] = kind.read(r, field, depth, own(message, field.name));
  }
}

function decodeAt(type, bytes, depth, message = initial(type)) {
  if (depth > DEPTH) throw new Error(`${type.$name}: messages in messages, too deep`);
  const r = new Reader(bytes);
  while (!r.done) {
    const tag = r.tag();
    const field = type.$byNumber.get(tag >>> 3);
    if (field) readField(r, type, message, field, tag & 7, tag, depth);
    else r.unknown(tag, depth);
  }
  return message;
}

export function encode(type, value = {}) { return encodeAt(type, value, 0); }

export function decode(type, bytes) {
  try {
    return decodeAt(type, bytes, 0);
  } catch (error) {
    throw new Error(`no ${type.$name}: ${error.message}`, { cause: error });
  }
}

export function pack(type, value = {}) {
  if (!type.$id) throw new TypeError(`${type.$name} has no message id: it is never sent`);
  const body = encode(type, value);
  const frame = new Uint8Array(2 + body.length);
  new DataView(frame.buffer).setUint16(0, type.$id, true);
  frame.set(body, 2);
  return frame;
}

export function unpack(bytes) {
  if (bytes instanceof ArrayBuffer) bytes = new Uint8Array(bytes);
  if (bytes.length < 2) throw new Error("a frame has at least the two bytes of its id");
  const id = bytes[0] | (bytes[1] << 8);
  const type = typeOf(id);
  return { id, type, message: type && decode(type, bytes.subarray(2)) };
}

export function typeOf(id) { return byId.get(id); }

// From the descriptions below to `types`.
const byId = new Map();
function describeTypes({ messages, enums }) {
  const all = new Map();
  const root = {};
  const place = (name, what) => {
    const path = name.split(".");
    const last = path.pop();
    let at = root;
    for (const part of path) at = at[part] ??= {};
    at[last] = Object.assign(what, at[last]); // its nested ones may have come before it
    all.set(name, what);
  };
  for (const { name, id, fields } of messages) {
    const type = { $name: name, $id: id, $fields: fields, $byName: new Map(), $byNumber: new Map() };
    for (const field of fields) {
      type.$byName.set(field.name, field);
      type.$byNumber.set(field.number, field);
    }
    if (id) byId.set(id, type);
    place(name, type);
  }
  for (const { name, values } of enums) {
    const type = {};
    for (const [word, value] of Object.entries(values)) {
      type[word] = value;
      type[value] ??= word;
    }
    place(name, type);
  }
  for (const { fields } of messages) {
    for (const field of fields) {
      for (const part of [field, field.value]) {
        if (part?.type) part.type = all.get(part.type);
      }
    }
  }
  return root;
}
