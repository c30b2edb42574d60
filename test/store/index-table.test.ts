/** The table of all objects: right for any ids, and within its memory. */
import { randomFillSync } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import { emptyTableBytes, IndexTable, shardCount } from "../../src/store/index-table.js";

const count = 200_000;

/** Ids, and a table of them all; object i is record i. */
function fill(ids: Buffer, reserve = 0): { table: IndexTable; find: (ids: Buffer, at: number) => number | undefined } {
  const isSame = (record: number, wanted: Buffer, offset: number): boolean =>
    ids.compare(wanted, offset, offset + 32, record * 32, (record + 1) * 32) === 0;
  const table = new IndexTable(isSame);
  table.reserve(reserve);
  for (let index = 0; index < ids.length / 32; index += 1) table.add(ids, index * 32, index);
  const find = (wanted: Buffer, at: number): number | undefined => {
    const found = table.find(wanted, at);
    return found < 0 ? undefined : found;
  };
  return { table, find };
}

for (const reserve of [0, count / 2, count]) {
  t.test(`200,000 objects are found, others are not, in 14 bytes an object, with room for ${reserve} at first`, (t) => {
    const ids = randomFillSync(Buffer.alloc(count * 32));
    const { table, find } = fill(ids, reserve);
    let wrong = 0;
    for (let index = 0; index < count; index += 1) if (find(ids, index * 32) !== index) wrong += 1;
    t.equal(wrong, 0);
    const others = randomFillSync(Buffer.alloc(count * 32));
    let found = 0;
    for (let index = 0; index < count; index += 1) if (find(others, index * 32) !== undefined) found += 1;
    t.equal(found, 0);
    t.equal(table.count, count);
    t.ok(table.sizeBytes / count < 14, `${table.sizeBytes / count} bytes an object`);
    t.end();
  });
}

t.test("with room made for them, objects hardly make the table grow", (t) => {
  const ids = randomFillSync(Buffer.alloc(count * 32));
  const table = new IndexTable(() => false);
  table.reserve(count);
  const reserved = table.sizeBytes;
  t.ok(reserved / count < 14, `${reserved / count} bytes an object`);
  for (let index = 0; index < count; index += 1) table.add(ids, index * 32, index);
  t.ok(table.sizeBytes < reserved * 1.1, `${table.sizeBytes} bytes after ${reserved}`);
  t.end();
});

t.test("a table that grows does so in small steps: a few shards at a time, never all", (t) => {
  const ids = randomFillSync(Buffer.alloc(count * 32));
  for (let index = 0; index < count; index += 1) ids[index * 32] = index & 255; // all shards have as many
  const table = new IndexTable(() => false);
  let [before, most] = [table.sizeBytes, 0];
  for (let index = 0; index < count; index += 1) {
    table.add(ids, index * 32, index);
    if (index % 256 !== 255) continue;
    if (index > count / 2) most = Math.max(most, table.sizeBytes / before);
    before = table.sizeBytes;
  }
  t.ok(most > 1 && most < 1.05, `${most} times the size`);
  t.end();
});

t.test("a guess asks nobody, is never wrong about an object that is missing, and gives what is there", (t) => {
  const ids = randomFillSync(Buffer.alloc(1000 * 32));
  const table = new IndexTable(() => t.fail("asked"));
  for (let index = 0; index < 500; index += 1) table.add(ids, index * 32, index);
  const guesses = Array.from({ length: 1000 }, (_, index) => table.guess(ids, index * 32));
  t.strictSame(
    guesses,
    Array.from({ length: 1000 }, (_, index) => (index < 500 ? index : -1)),
  );
  t.end();
});

t.test("a record's number is as large as its word holds, and no larger", (t) => {
  const table = new IndexTable(() => true);
  const id = Buffer.alloc(32, 7);
  table.add(id, 0, 2 ** 32 - 2);
  t.equal(table.find(id, 0), 2 ** 32 - 2);
  t.throws(() => table.add(id, 0, 2 ** 32 - 1), RangeError);
  t.end();
});

t.test("its memory is bounded at any number of objects", (t) => {
  const ids = randomFillSync(Buffer.alloc(40_000 * 32));
  const table = new IndexTable(() => false);
  t.ok(table.sizeBytes <= emptyTableBytes);
  let most = 0;
  for (let index = 0; index < ids.length / 32; index += 1) {
    table.add(ids, index * 32, index);
    // a first shard is some 40 slots: below some thousand objects the empty ones count
    if (index > 8000) most = Math.max(most, table.sizeBytes / (index + 1));
  }
  t.ok(most < 14, `${most} bytes an object`);
  t.end();
});

t.test("records that are taken out give back their memory, and others are found as before", (t) => {
  const ids = randomFillSync(Buffer.alloc(count * 32));
  const { table, find } = fill(ids);
  const before = table.sizeBytes;
  const isKept = (record: number): boolean => record % 10 === 0;
  for (let shard = 0; shard < shardCount; shard += 1) table.filter(shard, isKept);
  let wrong = 0;
  for (let index = 0; index < count; index += 1) {
    if (find(ids, index * 32) !== (isKept(index) ? index : undefined)) wrong += 1;
  }
  t.equal(wrong, 0);
  t.equal(table.count, count / 10);
  t.ok(table.sizeBytes < before / 5, `${table.sizeBytes} of ${before} bytes`);
  for (let index = 0; index < count; index += 1) table.add(ids, index * 32, index, index % 2 === 0);
  t.equal(table.count, count);
  t.end();
});

t.test("a record that replaces another is the object's only one", (t) => {
  const ids = randomFillSync(Buffer.alloc(1000 * 32));
  const isSame = (record: number, wanted: Buffer, offset: number): boolean =>
    ids.compare(wanted, offset, offset + 32, (record % 1000) * 32, ((record % 1000) + 1) * 32) === 0;
  const table = new IndexTable(isSame);
  for (const round of [0, 1, 2]) {
    for (let index = 0; index < 1000; index += 1) table.add(ids, index * 32, round * 1000 + index, round === 1);
  }
  t.equal(table.count, 1000);
  t.ok(Array.from({ length: 1000 }, (_, index) => table.find(ids, index * 32) === 1000 + index).every(Boolean));
  t.end();
});

/** Ids that meet in the table: few first bytes, few fingerprints, at both ends of a shard. */
const meeting = fc
  .tuple(fc.constantFrom(0, 255), fc.constantFrom(0, 1, 0xfffffffe, 0xffffffff), fc.nat(30))
  .map(([first, fingerprint, rest]) => {
    const id = Buffer.alloc(32);
    id[0] = first;
    id.writeUInt32BE(fingerprint, 1);
    id[31] = rest;
    return id;
  });

t.test("ids of the same fingerprint are told apart, and each stays where it was first", (t) => {
  const property = fc.property(
    fc.array(meeting, { maxLength: 200 }),
    fc.array(meeting),
    fc.nat(1000),
    (known, asked, reserve) => {
      const first = new Map<string, number>();
      for (const [index, id] of known.entries())
        if (!first.has(id.toString("hex"))) first.set(id.toString("hex"), index);
      const { table, find } = fill(Buffer.concat(known), reserve);
      const isRight = (id: Buffer): boolean => find(id, 0) === first.get(id.toString("hex"));
      return table.count === first.size && known.every(isRight) && asked.every(isRight);
    },
  );
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});
