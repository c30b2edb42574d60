/** The reader of canonical MessagePack: everything that the writer makes, and not a byte else. */
import fc from "fast-check";
import t from "tap";
import { BakError } from "../../src/errors.js";
import { CanonicalReader } from "../../src/objects/canonical-reader.js";
import { CanonicalWriter } from "../../src/objects/canonical-writer.js";
import { texts } from "../helpers/arbitraries.js";
import { hexBytes, misreading } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

type Value = number | string | Uint8Array | null | Value[] | Map<number, Value>;

function write(writer: CanonicalWriter, value: Value): void {
  if (value === null) writer.nil();
  else if (typeof value === "number") writer.integer(value);
  else if (typeof value === "string") writer.text(value);
  else if (value instanceof Uint8Array) writer.binary(value);
  else if (Array.isArray(value)) {
    writer.array(value.length);
    for (const each of value) write(writer, each);
  } else {
    writer.map(value.size);
    for (const [key, each] of value) {
      writer.integer(key);
      write(writer, each);
    }
  }
}

function encode(value: Value): Buffer {
  const writer = new CanonicalWriter();
  write(writer, value);
  return writer.finish();
}

/** Reads a value of whatever type its first byte says. */
function read(reader: CanonicalReader, bytes: Uint8Array): Value {
  if (reader.nil()) return null;
  const marker = bytes[reader.offset] ?? 0;
  if (reader.isArrayNext()) return Array.from({ length: reader.array(0, 1000) }, () => read(reader, bytes));
  if ((marker & 0xf0) === 0x80) {
    return new Map(Array.from({ length: reader.map(0, 15) }, () => [reader.unsigned(), read(reader, bytes)]));
  }
  if (marker >= 0xc4 && marker <= 0xc6) return reader.binary(0, 1e6);
  if ((marker & 0xe0) === 0xa0 || (marker >= 0xd9 && marker <= 0xdb)) return reader.text(1e6);
  return reader.integer();
}

function decode(bytes: Uint8Array): Value {
  const reader = new CanonicalReader(bytes, "value");
  const value = read(reader, bytes);
  reader.end();
  return value;
}

const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    texts(40),
    fc.uint8Array({ maxLength: 300 }),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 20 }),
    fc
      .uniqueArray(fc.tuple(fc.nat(200), tie("value")), { maxLength: 5, selector: ([key]) => key })
      .map((pairs) => new Map(pairs)),
  ),
})).value;

t.test("what is written is read again", (t) => {
  const roundTrip = fc.property(values, (value) => encode(decode(encode(value))).equals(encode(value)));
  holds(t, "any value", roundTrip, 500);
  holds(
    t,
    "any integer",
    fc.property(fc.maxSafeInteger(), (value) => decode(encode(value)) === value),
    1000,
  );
  holds(
    t,
    "any text",
    fc.property(texts(100), (text) => decode(encode(text)) === text),
    500,
  );
  for (const value of [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER]) {
    t.equal(decode(encode(value)), value);
    t.equal(decode(encode(-value)), -value + 0);
  }
  t.end();
});

t.test("any bytes are refused, or are those that their value is written as", (t) => {
  const reencode = (bytes: Uint8Array): Buffer => encode(decode(bytes));
  const markers = fc.constantFrom(
    0xc4,
    0xc5,
    0xc6,
    0xcc,
    0xcd,
    0xce,
    0xcf,
    0xd0,
    0xd1,
    0xd2,
    0xd3,
    0xd9,
    0xda,
    0xdb,
    0xdc,
    0xdd,
  );
  const likely = fc
    .tuple(
      markers,
      fc.array(fc.oneof(fc.constantFrom(0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xff), fc.nat(255)), { maxLength: 12 }),
    )
    .map(([marker, rest]) => Buffer.from([marker, ...rest]));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), likely);
  holds(
    t,
    "random bytes",
    fc.property(bytes, (each) => misreading(each, reencode, "BAD_OBJECT") === undefined),
    20_000,
  );
  t.end();
});

t.test("a value is refused in any encoding but the shortest", (t) => {
  const longer: [string, string][] = [
    ["0 in 2 bytes", "cc00"],
    ["127 in 2 bytes", "cc7f"],
    ["255 in 3 bytes", "cd00ff"],
    ["65535 in 5 bytes", "ce0000ffff"],
    ["2^32-1 in 9 bytes", "cf00000000ffffffff"],
    ["-1 in 2 bytes", "d0ff"],
    ["-32 in 2 bytes", "d0e0"],
    ["-128 in 3 bytes", "d1ff80"],
    ["-32768 in 5 bytes", "d2ffff8000"],
    ["-2^31 in 9 bytes", "d3ffffffff80000000"],
    ["0 as signed", "d000"],
    ["127 as signed", "d07f"],
    ["128 as signed", "d10080"],
    ["32768 as signed", "d200008000"],
    ["2^31 as signed", "d30000000080000000"],
    ["2^32 as signed", "d30000000100000000"],
    ["binary with 2 bytes of length", "c5000100"],
    ["255 bytes of binary with 2 bytes of length", `c500ff${"00".repeat(255)}`],
    ["65535 bytes of binary with 4 bytes of length", `c60000ffff${"00".repeat(65535)}`],
    ["text with 1 byte of length", "d90161"],
    ["31 bytes of text with 1 byte of length", `d91f${"61".repeat(31)}`],
    ["255 bytes of text with 2 bytes of length", `da00ff${"61".repeat(255)}`],
    ["65535 bytes of text with 4 bytes of length", `db0000ffff${"61".repeat(65535)}`],
    ["array with 2 bytes of count", "dc000100"],
    ["15 elements with 2 bytes of count", `dc000f${"00".repeat(15)}`],
    ["65535 elements with 4 bytes of count", `dd0000ffff${"00".repeat(65535)}`],
    ["map with 2 bytes of count", "de00010000"],
    ["map with 4 bytes of count", "df000000010000"],
  ];
  for (const [what, hex] of longer) t.throws(() => decode(hexBytes(hex)), { code: "BAD_OBJECT" }, what);
  t.end();
});

t.test("types that objects do not have are refused", (t) => {
  const others: [string, string][] = [
    ["unused", "c1"],
    ["false", "c2"],
    ["true", "c3"],
    ["float 32", "ca00000000"],
    ["float 64", "cb0000000000000000"],
    ["float 64 infinity", "cb7ff0000000000000"],
    ["extension", "c70001"],
    ["fixed extension", "d40100"],
    ["timestamp", "d6ff00000000"],
    ["2^53", "cf0020000000000000"],
    ["2^64-1", "cfffffffffffffffff"],
    ["-2^53", "d3ffe0000000000000"],
    ["-2^63", "d38000000000000000"],
  ];
  for (const [what, hex] of others) t.throws(() => decode(hexBytes(hex)), { code: "BAD_OBJECT" }, what);
  t.end();
});

t.test("every method refuses the types of the others", (t) => {
  const samples = { integer: "05", text: "a161", binary: "c40161", array: "90", map: "80", nil: "c0", nothing: "" };
  const methods: Record<string, (reader: CanonicalReader) => unknown> = {
    integer: (reader) => reader.integer(),
    text: (reader) => reader.text(10),
    binary: (reader) => reader.binary(0, 10),
    array: (reader) => reader.array(0, 10),
    map: (reader) => reader.map(0, 10),
  };
  for (const [method, call] of Object.entries(methods)) {
    for (const [type, hex] of Object.entries(samples)) {
      const reader = new CanonicalReader(hexBytes(hex), "sample");
      if (method === type) t.doesNotThrow(() => call(reader), `${method} reads ${type}`);
      else t.throws(() => call(reader), { code: "BAD_OBJECT" }, `${method} refuses ${type}`);
    }
  }
  t.end();
});

t.test("limits hold at their very ends", (t) => {
  const reads: [string, string, (reader: CanonicalReader) => unknown, boolean][] = [
    ["unsigned at its limit", "ccc8", (reader) => reader.unsigned(200), true],
    ["unsigned beyond its limit", "ccc9", (reader) => reader.unsigned(200), false],
    ["unsigned below zero", "ff", (reader) => reader.unsigned(), false],
    ["array at its limit", "92", (reader) => reader.array(2, 2), true],
    ["array below its limit", "91", (reader) => reader.array(2, 2), false],
    ["array beyond its limit", "93", (reader) => reader.array(2, 2), false],
    ["map at its limit", "81", (reader) => reader.map(1, 1), true],
    ["map beyond its limit", "82", (reader) => reader.map(1, 1), false],
    ["binary at its limit", "c4020000", (reader) => reader.binary(2, 2), true],
    ["binary below its limit", "c40100", (reader) => reader.binary(2, 2), false],
    ["binary beyond its limit", "c403000000", (reader) => reader.binary(2, 2), false],
    ["text at its limit in bytes", "a4c3a9c3a9", (reader) => reader.text(4), true],
    ["text beyond its limit in bytes", "a4c3a9c3a9", (reader) => reader.text(3), false],
    ["an id", `c420${"00".repeat(32)}`, (reader) => reader.objectId(), true],
    ["an id of 31 bytes", `c41f${"00".repeat(31)}`, (reader) => reader.objectId(), false],
    ["an id of 33 bytes", `c421${"00".repeat(33)}`, (reader) => reader.objectId(), false],
  ];
  for (const [what, hex, call, isAllowed] of reads) {
    const reader = new CanonicalReader(hexBytes(hex), "sample");
    if (isAllowed) t.doesNotThrow(() => call(reader), what);
    else t.throws(() => call(reader), { code: "BAD_OBJECT" }, what);
  }
  t.end();
});

t.test("a length beyond the bytes that are there is refused before anything is made of it", (t) => {
  const huge = ["c6ffffffff", "dbffffffff", "c5ffff00", "d9ff61", "c40200"];
  for (const hex of huge) {
    const reader = new CanonicalReader(hexBytes(hex), "sample");
    const isText = hex.startsWith("d");
    t.throws(() => (isText ? reader.text(2 ** 40) : reader.binary(0, 2 ** 40)), {
      code: "BAD_OBJECT",
      message: /cut short/,
    });
  }
  const memory = new Uint8Array(100);
  memory.set(hexBytes("c440"));
  t.throws(
    () => new CanonicalReader(memory.subarray(0, 10), "sample").binary(0, 100),
    { code: "BAD_OBJECT" },
    "also of a view",
  );
  t.end();
});

t.test("text that is not UTF-8 is refused, and the next text is read as ever", (t) => {
  for (const hex of ["a1ff", "a2c3", "a2c0af", "a3eda080", "a4f4908080", "a1c3"]) {
    t.throws(() => new CanonicalReader(hexBytes(hex), "sample").text(10), { code: "BAD_OBJECT" }, hex);
    t.equal(new CanonicalReader(hexBytes("a2c3a9"), "sample").text(10), "é");
  }
  t.equal(new CanonicalReader(hexBytes("a3efbbbf"), "sample").text(10), "\ufeff", "a byte order mark is text");
  t.end();
});

t.test("bytes after the end are refused", (t) => {
  const reader = new CanonicalReader(hexBytes("0500"), "sample");
  t.equal(reader.integer(), 5);
  t.equal(reader.offset, 1);
  t.throws(() => reader.end(), { code: "BAD_OBJECT", message: "malformed sample: bytes after the end before byte 1" });
  reader.integer();
  t.doesNotThrow(() => reader.end());
  t.end();
});

t.test("looking ahead reads nothing unless it is nil", (t) => {
  const reader = new CanonicalReader(hexBytes("90c0"), "sample");
  t.ok(reader.isArrayNext());
  t.notOk(reader.nil());
  t.equal(reader.offset, 0);
  reader.array(0, 0);
  t.notOk(reader.isArrayNext());
  t.ok(reader.nil());
  t.notOk(reader.isArrayNext(), "nor at the end");
  t.notOk(reader.nil());
  t.end();
});

t.test("an error says what was read, and why it was refused", (t) => {
  const error = new CanonicalReader(Buffer.alloc(3), "tree").refuse("unknown version");
  t.type(error, BakError);
  t.match(error, { code: "BAD_OBJECT", message: "malformed tree: unknown version before byte 0" });
  t.end();
});
