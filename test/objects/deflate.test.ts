/** bak's own deflate encoder: zlib gives back what went in, whatever that was and whatever came before it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import t from "tap";
import { deflate, deflateInput, type DeflateLevel } from "../../src/objects/deflate.js";
import { compressMember } from "../../src/objects/member-gzip.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";
import { projectFolder } from "../helpers/project.js";

const levels: readonly DeflateLevel[] = [0, 1, 2];
const pieceBytes = (4 << 20) + (64 << 10);
const windowBytes = 32 << 10;
const program = readFileSync(process.execPath).subarray(0, 3 * pieceBytes + 12_345);
const source = new URL("src/", projectFolder);
const text = Buffer.concat(
  readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .toSorted()
    .map((name) => readFileSync(new URL(name, source))),
);

/** At all levels. */
function comesBack(bytes: Uint8Array): boolean {
  return levels.every((level) => inflateRawSync(deflate(bytes, level)).equals(bytes));
}

t.test("every length around the limits of what is taken at once comes back", (t) => {
  const lengths = [0, 1, 2, 3, 4, 5, 19, 20, 21, 22, 258, 259, 0xffff, 0x10000, 0x10001];
  for (const pieces of [1, 2, 3]) for (const by of [-21, -20, -1, 0, 1, 20, 21]) lengths.push(pieces * pieceBytes + by);
  for (const length of lengths) t.ok(comesBack(program.subarray(0, length)), `${length} bytes`);
  t.end();
});

t.test("random structure comes back", (t) => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.nat(255), fc.nat(70_000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    fc.tuple(fc.nat(1000), fc.nat(70_000)).map(([seed, length]) => seededBytes(seed, length)),
    fc.tuple(fc.nat(text.length), fc.nat(40_000)).map(([from, length]) => text.subarray(from, from + length)),
    fc.tuple(fc.nat(program.length), fc.nat(90_000)).map(([from, length]) => program.subarray(from, from + length)),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => comesBack(Buffer.concat(parts))),
    {
      numRuns: 300,
    },
  );
  t.end();
});

t.test("a match may lie 32 KiB back, in the piece before too, and no further", (t) => {
  const phrase = seededBytes(9, 64);
  for (const start of [0, pieceBytes - windowBytes / 2]) {
    const lengths = [windowBytes - 1, windowBytes, windowBytes + 1].map((distance) => {
      const bytes = Buffer.concat([
        Buffer.alloc(start),
        phrase,
        seededBytes(distance, distance - phrase.length),
        phrase,
        Buffer.alloc(100),
      ]);
      t.ok(comesBack(bytes), `${distance} bytes back from ${start}`);
      return deflate(bytes, 2).length;
    });
    const [near, most, beyond] = lengths as [number, number, number];
    t.ok(most - near < 20, "found at 32 KiB");
    t.ok(beyond - most > 40, "not beyond");
  }
  t.end();
});

t.test("nothing of the streams before is taken for this one's", (t) => {
  const once = Buffer.from(deflate(text, 2));
  for (let round = 0; round < 50; round += 1) deflate(seededBytes(round, 1 + ((round * 7919) % 100_000)), 2);
  for (let round = 0; round < 3; round += 1) t.same(deflate(text, 2), once, "the same stream each time");
  t.end();
});

t.test("counts that ask for codes of more than 15 bits get shorter ones", (t) => {
  // each byte is as frequent as the two before it together: the rarest would have a code of 24 bits
  const counts = [1, 1];
  while (counts.length < 25) counts.push((counts.at(-1) ?? 0) + (counts.at(-2) ?? 0));
  const values = counts.flatMap((count, byte) => Array.from({ length: count }, () => byte));
  const order = seededBytes(5, values.length * 4);
  const shuffled = values
    .map((value, index) => ({ value, at: order.readUInt32LE(index * 4) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value);
  t.ok(comesBack(Uint8Array.from(shuffled)));
  // the same for the lengths of matches
  const repeats = [...Array(19).keys()].flatMap((power) =>
    Array.from({ length: Math.ceil(2 ** (14 - power)) }, () => power),
  );
  const parts = repeats.flatMap((length, index) => [Buffer.alloc(4 + length * 3, 7), seededBytes(index, 3)]);
  t.ok(comesBack(Buffer.concat(parts)));
  t.end();
});

t.test("what lies where it is deflated from is not copied, and is there afterwards", (t) => {
  const room = deflateInput();
  t.equal(room.length, pieceBytes);
  for (const length of [0, 1, 100_000, pieceBytes]) {
    const bytes = program.subarray(0, length);
    room.set(bytes);
    for (const level of levels) {
      const inPlace = Buffer.from(deflate(room.subarray(0, length), level));
      t.ok(bytes.equals(room.subarray(0, length)), `${length} bytes at level ${level}`);
      t.ok(inPlace.equals(deflate(bytes, level)), "the same as from elsewhere");
    }
  }
  t.end();
});

t.test("one byte in all, and no match at all", (t) => {
  t.ok(comesBack(new Uint8Array(300_000).fill(65)));
  t.ok(deflate(new Uint8Array(300_000), 1).length < 1500);
  t.ok(comesBack(Uint8Array.from({ length: 256 }, (_, byte) => byte)));
  t.end();
});

t.test("what does not compress is stored: 5 bytes more in 64 KiB, and one more for a block", (t) => {
  for (const length of [1, 1000, 0xffff, 0x10000, pieceBytes, pieceBytes + 1, 3_333_333]) {
    const bytes = seededBytes(length, length);
    for (const level of levels) {
      const most = length + 6 * (Math.ceil(length / 0xffff) + Math.ceil(length / (256 << 10)) + 1);
      t.ok(deflate(bytes, level).length <= most, `${length} bytes at level ${level}`);
    }
    t.ok(comesBack(bytes));
  }
  t.end();
});

t.test("a block of what does not compress ends where its input does", (t) => {
  const noise = seededBytes(4, (512 << 10) + 100);
  for (const blocks of [1, 2]) {
    for (let more = 0; more < 100; more += 1) {
      const length = blocks * (256 << 10) + more;
      if (!comesBack(noise.subarray(0, length))) t.fail(`${length} bytes`);
    }
  }
  t.pass("at every length");
  t.end();
});

t.test(
  "what changes from part to part gets other codes, and comes back, with matches or without, wherever it changes",
  (t) => {
    const kinds = [
      text,
      program,
      seededBytes(5, 400_000),
      Buffer.alloc(400_000, "a"),
      Buffer.from(seededBytes(6, 300_000).toString("hex")), // which hardly matches, and has 16 symbols
    ];
    const mixes = fc.array(fc.record({ kind: fc.nat(kinds.length - 1), length: fc.nat(100_000) }), { maxLength: 20 });
    const back = fc.property(mixes, (mix) =>
      comesBack(Buffer.concat(mix.map(({ kind, length }) => (kinds[kind] as Buffer).subarray(0, length)))),
    );
    holds(t, "any mix", back, 60);
    const [words, digits] = [text.subarray(0, 128 << 10), (kinds[4] as Buffer).subarray(0, 128 << 10)];
    const apart = deflate(words, 2).length + deflate(digits, 2).length;
    const together = deflate(Buffer.concat([words, digits]), 2).length;
    t.ok(together < apart * 1.005, "two kinds take no more together than apart", { together, apart });
    t.end();
  },
);

t.test("text and programs become as small as with zlib's level 2, and at level 2 as with its level 3", (t) => {
  for (const [name, bytes] of [
    ["text", text.subarray(0, 512 << 10)],
    ["a program", program.subarray(pieceBytes, pieceBytes + (512 << 10))],
  ] as const) {
    const [zlib, zlib3] = [2, 3].map((level) => deflateRawSync(bytes, { level, memLevel: 9 }).length) as [
      number,
      number,
    ];
    const [first, second] = ([1, 2] as const).map((level) => deflate(bytes, level).length) as [number, number];
    t.ok(first < zlib * 1.03, `${name} at level 1`, { first, zlib });
    t.ok(second < first && second < zlib3 * 1.03, `${name} at level 2`, { first, second, zlib3 });
  }
  t.end();
});

t.test("there is room around a stream where it was asked for", (t) => {
  for (const bytes of [text, program.subarray(0, pieceBytes + 1), new Uint8Array()]) {
    const plain = Buffer.from(deflate(bytes, 1));
    const roomy = deflate(bytes, 1, { before: 10, after: 8 });
    t.equal(roomy.length, plain.length + 18);
    t.ok(roomy.subarray(10, -8).equals(plain));
  }
  t.end();
});

t.test("GNU gzip, which has an inflate of its own, reads it too", (t) => {
  const bytes = Buffer.concat([text, seededBytes(1, 70_000), program.subarray(0, 2 * pieceBytes)]);
  for (const level of levels) {
    const unpacked = execFileSync("gzip", ["-dc"], { input: compressMember(bytes, level), maxBuffer: 1 << 24 });
    t.ok(unpacked.equals(bytes), `level ${level}`);
  }
  t.end();
});
