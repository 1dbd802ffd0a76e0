// The codec in JavaScript against protoc's own encoder and decoder.
//   node codec_test.mjs KINDS.JS PROTOC ROOT...
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const [module, protoc, ...roots] = process.argv.slice(2);
const { types, encode, decode, pack, unpack, typeOf } = await import(pathToFileURL(module));
const { kinds } = types;

function run(flag, input) {
  const words = [...roots.map((root) => `--proto_path=${root}`), ...flag, "kinds.proto"];
  const { status, stdout, stderr, error } = spawnSync(protoc, words, { input, maxBuffer: 1 << 28 });
  if (error) throw error;
  assert.equal(status, 0, String(stderr));
  return stdout;
}
const fromText = (type, words) => new Uint8Array(run([`--encode=${type.$name}`, "--deterministic_output"], words));
const toText = (type, bytes) => String(run([`--decode=${type.$name}`], bytes));
const bytes = (...list) => Uint8Array.from(list);
const varint = (value) => (value < 128 ? bytes(value) : bytes((value & 127) | 128, ...varint(value >>> 7)));
const text = (words) => new TextEncoder().encode(words);

// Both ways: what protoc makes of the words is read as `value`, and `value` is written as the same bytes.
function same(type, words, value) {
  const theirs = fromText(type, words);
  assert.deepEqual(Buffer.from(encode(type, value)), Buffer.from(theirs));
  const read = decode(type, theirs);
  for (const [name, item] of Object.entries(value)) assert.deepEqual(read[name], item, name);
  assert.deepEqual(Buffer.from(encode(type, read)), Buffer.from(theirs));
}

const numbers = {
  f_double: [1.5, -0, Infinity, -Infinity, 5e-324, 1.7976931348623157e308],
  f_float: [0.5, -0, -2.5, Infinity],
  f_int32: [1, -1, 127, 128, 2147483647, -2147483648],
  f_int64: [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, 2n ** 31n, 2n ** 28n, 2n ** 35n],
  f_uint32: [1, 300, 4294967295, 2147483648],
  f_uint64: [1n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n],
  f_sint32: [1, -1, 2147483647, -2147483648],
  f_sint64: [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
  f_fixed32: [1, 4294967295],
  f_fixed64: [1n, 2n ** 64n - 1n],
  f_sfixed32: [1, -1, -2147483648],
  f_sfixed64: [1n, -1n, -(2n ** 63n)],
};
const words = (value) => (Object.is(value, -0) ? "-0" : String(value).replace("Infinity", "inf"));

for (const [name, values] of Object.entries(numbers)) {
  test(`${name}: every limit, alone, repeated and packed`, () => {
    for (const value of values) same(kinds.Singular, `${name}: ${words(value)}`, { [name]: value });
    same(kinds.Repeated, `${name}: [${values.map(words)}]`, { [name]: values });
    if (kinds.Unpacked.$byName.has(name)) same(kinds.Unpacked, `${name}: [${values.map(words)}]`, { [name]: values });
  });
}

test("bool, string, bytes, enum and message", () => {
  same(kinds.Singular, "f_bool: true", { f_bool: true });
  same(kinds.Singular, 'f_string: "h\\303\\244 \\360\\237\\220\\211\\000"', { f_string: "hä 🐉\0" });
  same(kinds.Singular, 'f_string: "\\357\\273\\277bom"', { f_string: "\ufeffbom" });
  same(kinds.Singular, 'f_bytes: "\\000\\377\\200"', { f_bytes: bytes(0, 255, 128) });
  same(kinds.Singular, "f_enum: Cold", { f_enum: kinds.Colour.Cold });
  same(kinds.Singular, "f_enum: 77", { f_enum: 77 });
  const inner = { ...decode(kinds.Singular, bytes()), f_int32: 3 };
  same(kinds.Singular, "f_message { f_int32: 3 }", { f_message: inner });
  same(kinds.Singular, "f_message { }", { f_message: decode(kinds.Singular, bytes()) });
  same(kinds.Repeated, 'f_string: ["", "a"] f_bytes: ["", "b"] f_bool: [true, false] f_enum: [Red, Cold]', {
    f_string: ["", "a"], f_bytes: [bytes(), text("b")], f_bool: [true, false], f_enum: [0, -3] });
  same(kinds.Repeated, "f_message { } f_message { f_int32: 3 }", { f_message: [decode(kinds.Singular, bytes()), inner] });
});

test("what has its default is not written, and read as it", () => {
  const empty = decode(kinds.Singular, bytes());
  assert.equal(encode(kinds.Singular, empty).length, 0);
  assert.deepEqual([empty.f_int32, empty.f_int64, empty.f_bool, empty.f_string, empty.f_enum], [0, 0n, false, "", 0]);
  assert.equal(empty.f_bytes.length, 0);
  assert.ok(!("f_message" in empty));
  assert.deepEqual(decode(kinds.Repeated, bytes()).f_int32, []);
  assert.equal(decode(kinds.Maps, bytes()).by_text.size, 0);
});

test("an optional field with its default is there", () => {
  same(kinds.Optional, 'f_double: 0 f_int32: 0 f_int64: 0 f_bool: false f_string: "" f_bytes: "" f_enum: Red', {
    f_double: 0, f_int32: 0, f_int64: 0n, f_bool: false, f_string: "", f_bytes: bytes(), f_enum: 0 });
  assert.deepEqual(Object.keys(decode(kinds.Optional, bytes())), []);
});

test("packed or not is read as either", () => {
  const list = "f_double: [1, 2] f_int32: [3, -4] f_int64: [5, -6] f_sint64: [-7, 8] f_fixed32: [9] f_bool: [true, false] " +
    "f_enum: [Green, Cold]";
  const value = { f_double: [1, 2], f_int32: [3, -4], f_int64: [5n, -6n], f_sint64: [-7n, 8n], f_fixed32: [9],
    f_bool: [true, false], f_enum: [1, -3] };
  for (const [written, read] of [[kinds.Repeated, kinds.Unpacked], [kinds.Unpacked, kinds.Repeated]]) {
    const found = decode(read, fromText(written, list));
    for (const [name, item] of Object.entries(value)) assert.deepEqual(found[name], item, name);
    const both = decode(read, Buffer.concat([fromText(written, list), fromText(read, list)]));
    assert.deepEqual(both.f_int32, [3, -4, 3, -4]);
  }
});

test("maps", () => {
  same(kinds.Maps, 'by_text { key: "" value: 0 } by_text { key: "__proto__" value: -5 }', {
    by_text: new Map([["", 0n], ["__proto__", -5n]]) });
  same(kinds.Maps, 'by_number { key: 7 value: "seven" } by_big { key: 18446744073709551615 value: Cold }', {
    by_number: new Map([[7, "seven"]]), by_big: new Map([[2n ** 64n - 1n, -3]]) });
  const inner = { ...decode(kinds.Singular, bytes()), f_bool: true };
  same(kinds.Maps, "by_bool { key: true value { f_bool: true } }", { by_bool: new Map([[true, inner]]) });
  // An entry without a value has its default; of two with one key the last stays.
  assert.deepEqual(decode(kinds.Maps, bytes(26, 2, 8, 1)).by_bool.get(true), decode(kinds.Singular, bytes()));
  assert.deepEqual(decode(kinds.Maps, bytes(18, 5, 8, 7, 18, 1, 97, 18, 5, 8, 7, 18, 1, 98)).by_number, new Map([[7, "b"]]));
});

test("of a oneof the last stays, and one is written", () => {
  same(kinds.Choice, 'name: "" beside: "x"', { name: "", beside: "x" });
  same(kinds.Choice, "number: 0", { number: 0 });
  const two = Buffer.concat([encode(kinds.Choice, { name: "a" }), encode(kinds.Choice, { number: 5 })]);
  assert.deepEqual(decode(kinds.Choice, two), { number: 5, beside: "" });
  assert.throws(() => encode(kinds.Choice, { name: "a", number: 5 }), /kinds\.Choice: name and number/);
});

test("a message that comes twice is joined", () => {
  const twice = Buffer.concat([
    fromText(kinds.Choice, "message { f_int32: 1 f_bool: true }"), fromText(kinds.Choice, "message { f_int32: 2 }")]);
  const { message } = decode(kinds.Choice, twice);
  assert.deepEqual([message.f_int32, message.f_bool], [2, true]);
});

test("names that objects have are names like others", () => {
  assert.equal(encode(kinds.Odd, {}).length, 0);
  const value = { constructor: "c", toString: { mood: kinds.Odd.Inner.Mood.Merry }, late: "l", early: "e" };
  same(kinds.Odd, 'constructor: "c" toString { mood: Merry } early: "e" late: "l"', value);
  assert.deepEqual(decode(kinds.Odd, encode(kinds.Odd, { hasOwnProperty: [value] })).hasOwnProperty[0].constructor, "c");
});

test("types of other files are there", () => {
  const when = decode(kinds.Odd, fromText(kinds.Odd, "when { seconds: 12 nanos: 5 }")).when;
  assert.deepEqual(when, { seconds: 12n, nanos: 5 });
  assert.equal(types.google.protobuf.Timestamp.$id, 0);
});

test("fields that it does not know are skipped", () => {
  const more = fromText(kinds.New, 'text: "t" real: 1 small: 2 list: [1, 2] message { f_bool: true } kept: 9 big: 5');
  assert.deepEqual(decode(kinds.Old, more), { kept: 9 });
  // A group in a group, with a field of the group's own.
  assert.deepEqual(decode(kinds.Old, bytes(0x4b, 0x08, 1, 0x53, 0x54, 0x4c, 0x38, 9)), { kept: 9 });
  // A known number with another wire type.
  assert.deepEqual(decode(kinds.Old, bytes(0x3d, 1, 2, 3, 4)), { kept: 0 });
});

test("numbers that are too long are cut as protobuf cuts them", () => {
  for (const [type, field, raw] of [
    [kinds.Singular, 3, [0xff, 0xff, 0xff, 0xff, 0x1f]], [kinds.Singular, 5, [0x80, 0x80, 0x80, 0x80, 0x70]],
    [kinds.Singular, 13, [0x80, 0x80, 0x80, 0x80, 0x10]], [kinds.Singular, 4, [0x81, 0]],
    [kinds.Singular, 7, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]]) {
    const message = bytes(field << 3, ...raw);
    assert.equal(toText(type, encode(type, decode(type, message))), toText(type, message));
  }
});

test("what is no message throws", () => {
  const no = (type, ...list) => assert.throws(() => decode(type, bytes(...list)),
    (error) => error.constructor === Error && error.message.startsWith(`no ${type.$name}: `));
  no(kinds.Old, 0x38);                                                    // a field without its value
  no(kinds.Old, 0x38, 0x80);                                              // half a number
  no(kinds.Old, 0x38, ...Array(10).fill(0x80), 1);                        // eleven bytes
  no(kinds.Old, 0x00, 1);                                                 // field 0
  no(kinds.Old, 0x0f, 1);                                                 // wire type 7
  no(kinds.Old, 0x4c);                                                    // a group that ends and never began
  no(kinds.Old, 0x4b, 0x54);                                              // another's end
  no(kinds.Old, 0x4b);                                                    // no end
  no(kinds.Singular, 0x72, 5, 97);                                        // text that is shorter than it says
  no(kinds.Singular, 0x72, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1);
  no(kinds.Singular, 0x72, 1, 0xff);                                      // text that is not UTF-8
  no(kinds.Singular, 0x09, 1, 2, 3);                                      // half a double
  no(kinds.Repeated, 0x0a, 9, ...Array(9).fill(0));                       // a packed list of one double and a bit
});

test("messages in messages come to an end", () => {
  const nested = (levels) => {
    let value = {};
    for (let i = 0; i < levels; ++i) value = { f_message: value };
    return value;
  };
  const deepest = encode(kinds.Singular, nested(100));
  toText(kinds.Singular, deepest);
  decode(kinds.Singular, deepest);
  assert.throws(() => encode(kinds.Singular, nested(101)), RangeError);
  const deeper = Buffer.concat([bytes(0xfa, 0xff, 0xff, 0xff, 0x0f), varint(deepest.length), deepest]);
  assert.throws(() => decode(kinds.Singular, deeper), /too deep/);
  assert.throws(() => decode(kinds.Old, new Uint8Array(200).fill(0x4b)), /too deep/); // groups
});

test("a value that does not fit is refused by name", () => {
  const refuses = (value, kind, pattern, type = kinds.Singular) => assert.throws(() => encode(type, value),
    (error) => error instanceof kind && pattern.test(error.message));
  refuses({ f_int32: 2147483648 }, RangeError, /^kinds\.Singular\.f_int32: 2147483648 is no whole number/);
  refuses({ f_uint32: -1 }, RangeError, /f_uint32/);
  refuses({ f_int32: 1.5 }, RangeError, /f_int32/);
  refuses({ f_int32: "1" }, TypeError, /a number is wanted, not string/);
  refuses({ f_int64: 2n ** 63n }, RangeError, /f_int64/);
  refuses({ f_int64: 2 ** 60 }, TypeError, /BigInt/);
  refuses({ f_uint64: -1n }, RangeError, /f_uint64/);
  refuses({ f_bool: 1 }, TypeError, /true or false/);
  refuses({ f_string: 5 }, TypeError, /a string is wanted/);
  refuses({ f_bytes: "abc" }, TypeError, /Uint8Array/);
  refuses({ f_bytes: [] }, TypeError, /Uint8Array/);
  refuses({ f_message: 5 }, TypeError, /f_message: an object is wanted/);
  refuses({ f_message: { f_bool: 1 } }, TypeError, /^kinds\.Singular\.f_bool/);
  refuses({ f_colour: 1 }, TypeError, /kinds\.Singular has no field f_colour/);
  refuses({ f_int32: 5 }, TypeError, /an array is wanted/, kinds.Repeated);
  refuses({ by_text: {} }, TypeError, /a Map is wanted/, kinds.Maps);
  assert.equal(encode(kinds.Singular, { f_int64: 5, f_string: undefined, f_bool: null }).length, 2);
  assert.equal(encode(kinds.Singular, { f_int64: 0 }).length, 0);
});

test("a frame is the id, little-endian, and the body", () => {
  assert.equal(kinds.Fixed.$id, 513);
  assert.deepEqual(pack(kinds.Fixed, { text: "a" }), bytes(1, 2, 10, 1, 97));
  const { id, type, message } = unpack(pack(kinds.Ask, { text: "hello" }));
  assert.equal(id, kinds.Ask.$id);
  assert.equal(type, kinds.Ask);
  assert.deepEqual(message, { text: "hello" });
  assert.equal(typeOf(kinds.Ask.$id), kinds.Ask);
  assert.deepEqual(unpack(pack(kinds.Ask).buffer).message, { text: "" });
  assert.deepEqual(unpack(bytes(3, 0, 1)), { id: 3, type: undefined, message: undefined });
  assert.throws(() => unpack(bytes(1)), /two bytes/);
  assert.throws(() => unpack(bytes(1, 2, 10)), /no kinds\.Fixed: /);
  assert.throws(() => pack(kinds.Kept, {}), /kinds\.Kept has no message id/);
});

test("enums go both ways", () => {
  assert.equal(kinds.Colour.Verdant, 1);
  assert.equal(kinds.Colour[1], "Green");
  assert.equal(kinds.Colour[-3], "Cold");
  assert.equal(kinds.Odd.Inner.Mood[7], "Merry");
});

// A generator of numbers that begins anew with every run of the test.
let seed = 20181126;
function random(below) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}
const pick = (list) => list[random(list.length)];
const randomBytes = () => Uint8Array.from({ length: random(12) }, () => random(256));
const bits = (size) => {
  const all = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
  return BigInt.asUintN(size, all) >> BigInt(random(size)); // of every length
};
const signed = () => Number(BigInt.asIntN(32, bits(32)));
const signed64 = () => BigInt.asIntN(64, bits(64));
const some = {
  double: () => (random(2 ** 32) - 2 ** 31) * 2 ** (random(60) - 30),
  float: () => Math.fround(random(2 ** 24) * 2 ** (random(60) - 30)),
  int32: signed, sint32: signed, sfixed32: signed, int64: signed64, sint64: signed64, sfixed64: signed64,
  uint32: () => Number(bits(32)), fixed32: () => Number(bits(32)), uint64: () => bits(64), fixed64: () => bits(64),
  enum: () => pick([0, 1, -3, 40]),
  bool: () => random(2) === 1,
  bytes: randomBytes,
  string: () => Array.from({ length: random(8) }, () => pick(["a", "ß", "日", "🐉", "\n", '"', "\\"])).join(""),
};
function randomValue(type, depth = 0) {
  const value = {};
  const oneofs = new Set();
  for (const field of type.$fields) {
    if (random(3) === 0 || (field.kind === "message" && depth > 2) || oneofs.has(field.oneof)) continue;
    if (field.oneof) oneofs.add(field.oneof);
    const one = (part = field) => (part.kind === "message" ? randomValue(part.type, depth + 1) : some[part.kind]());
    if (field.kind === "map") value[field.name] = new Map(random(2) ? [[one(field.key), one(field.value)]] : []);
    else value[field.name] = field.repeated ? Array.from({ length: random(4) }, () => one()) : one();
  }
  return value;
}

test("2,000 messages at random are what protoc reads and writes", () => {
  const batch = {};
  for (const { name, type } of kinds.Batch.$fields) batch[name] = Array.from({ length: 400 }, () => randomValue(type));
  const ours = encode(kinds.Batch, batch);
  const theirs = fromText(kinds.Batch, toText(kinds.Batch, ours));
  assert.deepEqual(Buffer.from(ours), Buffer.from(theirs));
  assert.deepEqual(Buffer.from(encode(kinds.Batch, decode(kinds.Batch, theirs))), Buffer.from(theirs));
});

test("bytes at random are read or throw, and that is all", () => {
  let read = 0;
  const start = encode(kinds.Batch, { repeated_: [randomValue(kinds.Repeated)], maps: [randomValue(kinds.Maps)] });
  for (let i = 0; i < 20000; ++i) {
    const raw = random(4) ? start.slice() : start.slice(0, 1 + random(start.length));
    for (let n = random(4); n > 0; --n) raw[random(raw.length)] = random(256);
    try {
      decode(kinds.Batch, raw);
      ++read;
    } catch (error) {
      assert.equal(error.constructor, Error, error.stack);
    }
  }
  assert.ok(read > 100, `${read} of them were messages`);
});
