/** Cutting a file that had other chunks before: the chunks are those of the chunker, whatever was changed. */
import fc from "fast-check";
import t from "tap";
import { ChunkCutter, type Chunk } from "../../src/client/chunk-cutter.js";
import type { OldChunks } from "../../src/client/old-chunks.js";
import { unreachable } from "../../src/errors.js";
import { firstChunkEnd, maxChunkBytes, minChunkBytes } from "../../src/objects/chunker.js";
import { objectIdBytes, objectIdOf } from "../../src/objects/object-id.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

/** The chunks as the chunker alone makes them, by their lengths. */
function plainLengths(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += lengths.at(-1) as number)
    lengths.push(firstChunkEnd(bytes.subarray(at)) ?? bytes.length - at);
  return lengths;
}

function chunksOf(bytes: Buffer): OldChunks {
  const sizes = Uint32Array.from(plainLengths(bytes));
  const ids = Buffer.alloc(sizes.length * 32);
  let at = 0;
  for (const [index, size] of sizes.entries()) {
    objectIdBytes(objectIdOf(bytes.subarray(at, at + size))).copy(ids, index * 32);
    at += size;
  }
  return { ids, sizes };
}

/** Cuts as a reader does, that has so many bytes at hand at a time. */
function cut(bytes: Buffer, old: OldChunks | undefined, atHand: number): Chunk[] {
  const cutter = new ChunkCutter(old);
  const chunks: Chunk[] = [];
  for (let at = 0, end = 0; at < bytes.length;) {
    end = Math.min(Math.max(end, at + 1), bytes.length);
    const chunk = cutter.first(bytes.subarray(at, end), end === bytes.length);
    if (chunk === undefined) {
      if (end - at >= maxChunkBytes) throw new Error("the longest chunk is not enough");
      end = at + Math.max(atHand, Math.min(end - at + atHand, maxChunkBytes));
    } else {
      chunks.push(chunk);
      at += chunk.length;
    }
  }
  return chunks;
}

const mib = 1 << 20;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const length = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1000, max: 2 * mib }));
const edit = fc.record({
  what: fc.constantFrom("insert", "delete", "overwrite", "truncate", "append", "repeat", "zeros", "swap"),
  place,
  length,
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function applied(bytes: Buffer, { what, place: where, length: count }: Edit, seed: number): Buffer {
  const at = Math.floor(where * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (what) {
    case "insert":
      return Buffer.concat([before, seededBytes(seed, count), after]);
    case "delete":
      return Buffer.concat([before, after.subarray(count)]);
    case "overwrite":
      return Buffer.concat([before, seededBytes(seed, Math.min(count, after.length)), after.subarray(count)]);
    case "truncate":
      return Buffer.from(before);
    case "append":
      return Buffer.concat([bytes, seededBytes(seed, count)]);
    case "repeat":
      return Buffer.concat([before, bytes.subarray(at, at + count), after]);
    case "zeros":
      return Buffer.concat([before, Buffer.alloc(Math.min(count * 3, 9 * mib)), after]);
    case "swap":
      return Buffer.concat([after, before]);
    default:
      return unreachable(what);
  }
}

t.test("the chunks are those of the chunker, and those are old that the file had", async (t) => {
  const property = fc.property(
    fc.nat(1000),
    fc.integer({ min: 1, max: 9 * mib }),
    fc.array(edit, { maxLength: 4 }),
    fc.array(edit, { maxLength: 5 }),
    fc.integer({ min: 1000, max: 5 * mib }),
    (seed, size, first, second, atHand) => {
      let before = seededBytes(seed, size);
      for (const [index, each] of first.entries()) before = applied(before, each, seed + index + 1);
      let after = before;
      for (const [index, each] of second.entries()) after = applied(after, each, seed + index + 10);
      const old = chunksOf(before);
      const known = new Set(
        Array.from(old.sizes.keys(), (index) =>
          Buffer.from(old.ids.subarray(index * 32, index * 32 + 32)).toString("hex"),
        ),
      );
      const chunks = cut(after, old, atHand);
      let at = 0;
      return (
        JSON.stringify(chunks.map((each) => each.length)) === JSON.stringify(plainLengths(after)) &&
        chunks.every(({ id, length: count, isOld }) => {
          at += count;
          return id === objectIdOf(after.subarray(at - count, at)) && isOld === known.has(id);
        })
      );
    },
  );
  holds(t, "whatever was changed", property, 50);
});

t.test("what ended with the file is no chunk in the middle of a longer one", async (t) => {
  const whole = seededBytes(5, 6 * mib);
  const lengths = plainLengths(whole);
  // cut off in the middle of each chunk in turn, and then put back
  let at = 0;
  for (const each of lengths) {
    const part = whole.subarray(0, at + Math.ceil(each / 2));
    t.strictSame(
      cut(whole, chunksOf(part), mib).map((chunk) => chunk.length),
      lengths,
    );
    t.strictSame(
      cut(part, chunksOf(whole), mib).map((chunk) => chunk.length),
      plainLengths(part),
    );
    t.ok(
      cut(part, chunksOf(part), mib).every(({ isOld }) => isOld),
      "the same again is all old, its end too",
    );
    at += each;
  }
});

t.test("sizes that no chunker makes are gone by", async (t) => {
  const bytes = seededBytes(6, 5 * mib);
  for (const size of [1, minChunkBytes - 1, maxChunkBytes + 1, 8 * mib]) {
    const ids = Buffer.alloc(96, 7);
    objectIdBytes(objectIdOf(bytes.subarray(0, size))).copy(ids);
    const old = { ids, sizes: Uint32Array.of(size, size, size) };
    t.strictSame(
      cut(bytes, old, mib).map((chunk) => chunk.length),
      plainLengths(bytes),
    );
  }
});
