/** The canonical form of MessagePack, as golden bytes and as an independent decoder reads it. */
import fc from "fast-check";
import { Unpackr } from "msgpackr";
import t from "tap";
import { byteString } from "../../src/objects/byte-string.js";
import { CanonicalWriter } from "../../src/objects/canonical-writer.js";
import { texts } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

type Write = (writer: CanonicalWriter) => void;

function written(write: Write): Buffer {
  const writer = new CanonicalWriter(1);
  write(writer);
  return writer.finish();
}

const hexOf = (write: Write): string => written(write).toString("hex");

t.test("an integer has the shortest encoding", (t) => {
  const golden: [number, string][] = [
    [0, "00"],
    [-0, "00"],
    [1, "01"],
    [0x7f, "7f"],
    [0x80, "cc80"],
    [0xff, "ccff"],
    [0x100, "cd0100"],
    [0xffff, "cdffff"],
    [0x10000, "ce00010000"],
    [0xffffffff, "ceffffffff"],
    [0x100000000, "cf0000000100000000"],
    [Number.MAX_SAFE_INTEGER, "cf001fffffffffffff"],
    [-1, "ff"],
    [-0x20, "e0"],
    [-0x21, "d0df"],
    [-0x80, "d080"],
    [-0x81, "d1ff7f"],
    [-0x8000, "d18000"],
    [-0x8001, "d2ffff7fff"],
    [-0x80000000, "d280000000"],
    [-0x80000001, "d3ffffffff7fffffff"],
    [Number.MIN_SAFE_INTEGER, "d3ffe0000000000001"],
  ];
  for (const [value, hex] of golden) {
    t.equal(
      hexOf((writer) => writer.integer(value)),
      hex,
      String(value),
    );
  }
  t.end();
});

t.test("what is no safe integer is not written", (t) => {
  for (const value of [2 ** 53, -(2 ** 53), 0.5, Number.NaN, Infinity, -Infinity, 1e300]) {
    t.throws(() => written((writer) => writer.integer(value)), RangeError, String(value));
  }
  t.end();
});

t.test("the length of binary has the shortest encoding", (t) => {
  const golden: [number, string][] = [
    [0, "c400"],
    [1, "c401"],
    [0xff, "c4ff"],
    [0x100, "c50100"],
    [0xffff, "c5ffff"],
    [0x10000, "c600010000"],
  ];
  for (const [length, head] of golden) {
    const content = Buffer.alloc(length, 0xab);
    const expected = head + content.toString("hex");
    t.ok(hexOf((writer) => writer.binary(content)) === expected, `${length} bytes`);
    t.ok(hexOf((writer) => writer.name(byteString(content))) === expected, `a name of ${length} bytes`);
  }
  t.end();
});

t.test("the length of text is that of its UTF-8, in the shortest encoding", (t) => {
  const golden: [string, string][] = [
    ["", "a0"],
    ["a", "a161"],
    ["é", "a2c3a9"],
    ["a".repeat(0x1f), `bf${"61".repeat(0x1f)}`],
    ["a".repeat(0x20), `d920${"61".repeat(0x20)}`],
    ["é".repeat(0x10), `d920${"c3a9".repeat(0x10)}`],
    ["a".repeat(0xff), `d9ff${"61".repeat(0xff)}`],
    ["a".repeat(0x100), `da0100${"61".repeat(0x100)}`],
    ["a".repeat(0xffff), `daffff${"61".repeat(0xffff)}`],
    ["a".repeat(0x10000), `db00010000${"61".repeat(0x10000)}`],
  ];
  for (const [text, hex] of golden) t.ok(hexOf((writer) => writer.text(text)) === hex, `${text.length} chars`);
  t.end();
});

t.test("arrays, maps and nil begin with the shortest encoding", (t) => {
  const golden: [Write, string][] = [
    [(writer) => writer.array(0), "90"],
    [(writer) => writer.array(15), "9f"],
    [(writer) => writer.array(16), "dc0010"],
    [(writer) => writer.array(0xff), "dc00ff"],
    [(writer) => writer.array(0xffff), "dcffff"],
    [(writer) => writer.array(0x10000), "dd00010000"],
    [(writer) => writer.map(0), "80"],
    [(writer) => writer.map(15), "8f"],
    [(writer) => writer.map(16), "de0010"],
    [(writer) => writer.nil(), "c0"],
  ];
  for (const [write, hex] of golden) t.equal(hexOf(write), hex);
  t.end();
});

t.test("msgpackr reads what was written", (t) => {
  const decoder = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: "number" });
  const read = (write: Write): unknown => decoder.unpack(written(write));
  const same = (a: Uint8Array, b: unknown): boolean => b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  holds(
    t,
    "integers",
    fc.property(fc.maxSafeInteger(), (value) => Number(read((writer) => writer.integer(value))) === value),
    1000,
  );
  holds(
    t,
    "binary",
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) =>
      same(
        bytes,
        read((writer) => writer.binary(bytes)),
      ),
    ),
  );
  holds(
    t,
    "text",
    fc.property(texts(100), (text) => read((writer) => writer.text(text)) === text),
  );
  const nested = read((writer) => {
    writer.array(3);
    writer.nil();
    writer.map(1);
    writer.integer(1);
    writer.array(1);
    writer.integer(-5);
    writer.text("end");
  });
  t.strictSame(nested, [null, new Map([[1, [-5]]]), "end"]);
  t.end();
});

t.test("what was written last can be seen, and forgotten", (t) => {
  const writer = new CanonicalWriter(2);
  writer.text("kept");
  const length = writer.length;
  writer.text("dropped");
  t.strictSame(writer.view(length), Buffer.from("a764726f70706564", "hex"));
  writer.clear(length);
  t.equal(writer.length, length);
  writer.integer(1);
  const bytes = writer.finish();
  t.strictSame(bytes, Buffer.from("a46b65707401", "hex"));
  writer.clear();
  writer.integer(2);
  t.strictSame(writer.finish(), Buffer.of(2));
  t.strictSame(bytes, Buffer.from("a46b65707401", "hex"), "what was finished stays");
  t.end();
});
