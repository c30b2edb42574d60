/** The table of all objects: right for any ids, and within its memory. */
import { randomFillSync } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import { emptyTableBytes, IndexTable } from "../../src/store/index-table.js";

const count = 200_000;

/** Ids, and a table of them all; object i is record i % 1000 of pack i / 1000. */
function fill(ids: Buffer): { table: IndexTable; find: (ids: Buffer, at: number) => number | undefined } {
  const table = new IndexTable();
  const confirm = (wanted: Buffer, offset: number) => (pack: number, record: number) =>
    ids.compare(wanted, offset, offset + 32, (pack * 1000 + record) * 32, (pack * 1000 + record + 1) * 32) === 0;
  for (let index = 0; index < ids.length / 32; index += 1) {
    const place = { pack: Math.floor(index / 1000), record: index % 1000 };
    table.add(ids, index * 32, place, confirm(ids, index * 32));
  }
  const find = (wanted: Buffer, at: number): number | undefined => {
    const found = table.find(wanted, at, confirm(wanted, at));
    return found && found.pack * 1000 + found.record;
  };
  return { table, find };
}

t.test("200,000 objects are found, others are not, in 24 bytes an object", (t) => {
  const ids = randomFillSync(Buffer.alloc(count * 32));
  const { table, find } = fill(ids);
  let wrong = 0;
  for (let index = 0; index < count; index += 1) if (find(ids, index * 32) !== index) wrong += 1;
  t.equal(wrong, 0);
  const others = randomFillSync(Buffer.alloc(count * 32));
  let found = 0;
  for (let index = 0; index < count; index += 1) if (find(others, index * 32) !== undefined) found += 1;
  t.equal(found, 0);
  t.equal(table.count, count);
  t.ok(table.sizeBytes / count < 24, `${table.sizeBytes / count} bytes an object`);
  t.end();
});

t.test("its memory is bounded at any number of objects", (t) => {
  const ids = randomFillSync(Buffer.alloc(40_000 * 32));
  const table = new IndexTable();
  t.equal(table.sizeBytes, emptyTableBytes);
  let most = 0;
  for (let index = 0; index < ids.length / 32; index += 1) {
    table.add(ids, index * 32, { pack: 0, record: index }, () => false);
    // a full first shard is 16 slots: below some thousand objects the empty ones count
    if (index > 8000) most = Math.max(most, table.sizeBytes / (index + 1));
  }
  t.ok(most < 24, `${most} bytes an object`);
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
  const property = fc.property(fc.array(meeting, { maxLength: 200 }), fc.array(meeting), (known, asked) => {
    const first = new Map<string, number>();
    for (const [index, id] of known.entries()) if (!first.has(id.toString("hex"))) first.set(id.toString("hex"), index);
    const { table, find } = fill(Buffer.concat(known));
    const isRight = (id: Buffer): boolean => find(id, 0) === first.get(id.toString("hex"));
    return table.count === first.size && known.every(isRight) && asked.every(isRight);
  });
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});
