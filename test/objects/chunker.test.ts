/** Where a large file is cut. Boundaries may never move: a store that was filled with others would find nothing again. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import t from "tap";
import {
  firstChunkEnd,
  maxChunkBytes,
  maxWholeFileBytes,
  minChunkBytes,
  normalChunkBytes,
} from "../../src/objects/chunker.js";
import { findGearZeros, gearTable } from "../../src/objects/gear.js";
import { objectIdOf } from "../../src/objects/object-id.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    const length = firstChunkEnd(rest) ?? rest.length;
    if (!(length > 0)) throw new Error(`a chunk of ${length} bytes`);
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

const megabytes = seededBytes(1, 32 << 20);

t.test("the sizes are those of the format", (t) => {
  t.strictSame(
    [maxWholeFileBytes, minChunkBytes, normalChunkBytes, maxChunkBytes],
    [1_048_576, 32_768, 131_072, 4_194_304],
  );
  t.end();
});

t.test("the gear table is made of the hashes that b3sum prints", (t) => {
  const table = gearTable();
  t.equal(table.length, 256);
  for (const byte of [0, 1, 127, 255]) {
    const { stdout } = spawnSync("b3sum", ["--no-names"], { input: `bak gear ${byte}`, encoding: "utf8" });
    t.equal(table[byte], Buffer.from(stdout.slice(0, 8), "hex").readInt32LE(0), `entry ${byte}`);
  }
  t.strictSame(
    [...table.subarray(0, 4)],
    [-1_464_992_238, -1_101_677_975, 947_036_287, -1_748_070_653],
    "and keeps its values",
  );
  t.equal(new Set(table).size, 256);
  t.end();
});

t.test("a seeded input has its golden boundaries", (t) => {
  const lengths = chunksOf(megabytes)
    .slice(0, 12)
    .map((chunk) => chunk.length);
  t.strictSame(lengths, [159643, 154738, 131538, 75089, 70449, 125974, 154328, 139480, 54121, 134971, 158082, 142884]);
  t.end();
});

t.test("boundaries are those of FastCDC as its paper writes it", (t) => {
  // the paper's loop, written out plainly, byte by byte, with 64-bit integers cut to 32 bits
  const table = [...gearTable()].map((entry) => BigInt.asUintN(32, BigInt(entry)));
  const paper = (bytes: Uint8Array): number => {
    const length = Math.min(bytes.length, 4 << 20);
    let hash = 0n;
    for (let index = 32 << 10; index < length; index += 1) {
      hash = BigInt.asUintN(32, (hash << 1n) + (table[bytes[index] as number] as bigint));
      const bits = index < 128 << 10 ? 19n : 15n;
      if (hash >> (32n - bits) === 0n) return index + 1;
    }
    return length;
  };
  const input = megabytes.subarray(0, 6 << 20);
  let at = 0;
  for (const chunk of chunksOf(input)) {
    t.equal(chunk.length, paper(input.subarray(at)), `the chunk at ${at}`);
    at += chunk.length;
  }
  t.end();
});

t.test("chunks are within their bounds, and near the size that they should have", (t) => {
  const chunks = chunksOf(megabytes);
  const inner = chunks.slice(0, -1);
  t.ok(inner.every(({ length }) => length > minChunkBytes && length <= maxChunkBytes));
  const mean = inner.reduce((sum, { length }) => sum + length, 0) / inner.length;
  t.ok(mean > 100_000 && mean < 200_000, `${Math.round(mean)} bytes on average`);
  t.equal(Buffer.compare(Buffer.concat(chunks), megabytes), 0, "and are the input, put together");
  t.end();
});

t.test("chunks of any input are the input, put together", (t) => {
  const inputs = fc
    .tuple(fc.integer(), fc.integer({ min: 0, max: 3 << 20 }), fc.nat(3))
    .map(([seed, length, repeats]) => {
      const part = seededBytes(seed, Math.ceil(length / (repeats + 1)));
      return Buffer.concat(Array.from({ length: repeats + 1 }, () => part));
    });
  const whole = fc.property(inputs, (input) => Buffer.compare(Buffer.concat(chunksOf(input)), input) === 0);
  holds(t, "whatever it repeats", whole, 30);
  t.end();
});

t.test("the hash is what its definition makes it, from any place to any place", (t) => {
  const table = gearTable();
  /** One addition a byte, as in the papers. */
  const plainly = (bytes: Uint8Array, spans: Parameters<typeof findGearZeros>[1]): number | undefined => {
    let hash = 0;
    for (const { from, to, mask } of spans) {
      for (let at = from; at < to; at += 1) {
        hash = ((hash << 1) + (table[bytes[at] as number] as number)) | 0;
        if ((hash & mask) === 0) return at + 1;
      }
    }
    return undefined;
  };
  const spans = fc
    .tuple(fc.nat(1_000_000), fc.nat(5000), fc.nat(200_000), fc.constantFrom(9, 12, 15, 17, 21), fc.boolean())
    .map(([from, first, second, bits, isLong]) => [
      { from, to: from + first, mask: -1 << (32 - bits) },
      { from: from + first, to: from + first + (isLong ? second : second % 2000), mask: -1 << (35 - bits) },
    ]);
  const same = fc.property(spans, (each) => findGearZeros(megabytes, each) === plainly(megabytes, each));
  holds(t, "wherever it is found", same, 2000);
  t.end();
});

t.test("what is too short to be cut has no end, or that of the file", (t) => {
  for (const length of [0, 1, minChunkBytes - 1, minChunkBytes]) {
    t.equal(firstChunkEnd(megabytes.subarray(0, length)), undefined);
  }
  t.end();
});

t.test("a chunk is the same however much of the file follows it", (t) => {
  const whole = firstChunkEnd(megabytes) as number;
  t.ok(whole < maxChunkBytes);
  t.equal(firstChunkEnd(megabytes.subarray(0, whole - 1)), undefined);
  t.equal(firstChunkEnd(megabytes.subarray(0, whole)), whole);
  t.equal(firstChunkEnd(megabytes.subarray(0, whole + 1)), whole);
  t.equal(firstChunkEnd(megabytes.subarray(0, maxChunkBytes)), whole);
  t.end();
});

t.test("one byte over and over is cut at the largest size only, whichever byte it is", (t) => {
  const input = new Uint8Array(maxChunkBytes + 1000);
  for (let byte = 0; byte < 256; byte += byte === 0 ? 1 : 15) {
    input.fill(byte);
    t.equal(firstChunkEnd(input), maxChunkBytes, `byte ${byte}`);
  }
  // the hash of a run is the same from its 32nd byte on, so this is true of every byte
  const isBoundary = (entry: number): boolean => (-entry & 0xfffe0000) === 0;
  t.notOk([...gearTable()].some(isBoundary));
  t.end();
});

t.test("after an insertion, the next boundaries are the old ones", (t) => {
  const idsOf = (bytes: Uint8Array): Set<string> => new Set(chunksOf(bytes).map(objectIdOf));
  const before = idsOf(megabytes);
  for (const [at, inserted] of [
    [0, 1],
    [1_000_000, 7],
    [20_000_000, 300_000],
  ] as const) {
    const bytes = Buffer.concat([megabytes.subarray(0, at), seededBytes(2, inserted), megabytes.subarray(at)]);
    const fresh = [...idsOf(bytes)].filter((id) => !before.has(id)).length;
    t.ok(fresh >= 1 && fresh <= 8, `${inserted} bytes at ${at}: ${fresh} new chunks of ${before.size}`);
  }
  t.end();
});
