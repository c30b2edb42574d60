/** Files written with holes: the same bytes, and no more blocks than there must be. */
import { closeSync, ftruncateSync, lstatSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { writeSparse } from "../../src/client/write-sparse.js";

const block = 4096;

/** Writes the parts of a file, each where it belongs, as pieces of it come. */
function writeParts(path: string, bytes: Uint8Array, cuts: readonly number[]): void {
  const descriptor = openSync(path, "wx");
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  for (const [index, end] of [...ends.entries()].toReversed()) {
    const start = index === 0 ? 0 : (ends[index - 1] as number);
    writeSparse(descriptor, bytes.subarray(start, end), start);
  }
  ftruncateSync(descriptor, bytes.length);
  closeSync(descriptor);
}

const pieces = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 1, max: 3 * block }).map((length) => new Uint8Array(length)),
  fc.integer({ min: 1, max: 2 * block }).map((length) => new Uint8Array(length).fill(7)),
);

t.test("whatever is written, in whatever pieces, is there", (t) => {
  const path = join(t.testdir(), "file");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 4 }), (parts, cuts) => {
      const bytes = Buffer.concat(parts);
      writeParts(path, bytes, cuts);
      const isSame = readFileSync(path).equals(bytes);
      rmSync(path);
      return isSame;
    }),
    { numRuns: 60 },
  );
  t.end();
});

t.test("blocks of zeros take no room, wherever pieces are cut", (t) => {
  const path = join(t.testdir(), "file");
  const bytes = Buffer.alloc(64 * block);
  bytes[10 * block] = 1;
  bytes[21 * block - 1] = 1;
  bytes[40 * block + 7] = 1;
  writeParts(path, bytes, [5000, 15 * block + 1, 30 * block, 40 * block + 3, 50 * block]);
  t.ok(readFileSync(path).equals(bytes));
  const { blocks } = lstatSync(path);
  t.ok(blocks * 512 <= 3 * block, `${blocks} blocks`);
  t.end();
});

t.test("a file that ends in a hole says so", (t) => {
  const path = join(t.testdir(), "file");
  const descriptor = openSync(path, "wx");
  t.equal(writeSparse(descriptor, Buffer.from("x"), 0), false);
  t.equal(writeSparse(descriptor, Buffer.alloc(5), 1), true);
  t.equal(writeSparse(descriptor, Buffer.alloc(0), 6), false);
  t.equal(lstatSync(path).size, 1);
  closeSync(descriptor);
  t.end();
});
