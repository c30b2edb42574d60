/** Sets of records' numbers: they say what a Set of numbers says, however far apart the numbers are. */
import fc from "fast-check";
import t from "tap";
import { RecordSet } from "../../src/store/record-set.js";

const numbers = fc.oneof(
  fc.nat(100),
  fc.constantFrom(31, 32, 63, 64, 32767, 32768, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2),
  fc.nat(200_000),
);

t.test("a set of records says what a Set says", (t) => {
  const property = fc.property(
    fc.array(numbers),
    fc.array(numbers),
    fc.array(numbers),
    numbers,
    numbers,
    (added, deleted, others, from, end) => {
      const [set, model, other] = [new RecordSet(), new Set<number>(), new RecordSet()];
      for (const record of added) if (set.add(record) !== !model.has(record) || !model.add(record)) return false;
      for (const record of others) other.add(record);
      for (const record of deleted) {
        set.delete(record);
        model.delete(record);
      }
      const within = [...model].filter((record) => record >= from && record < end).toSorted((a, b) => a - b);
      return (
        [...added, ...deleted, ...others].every((record) => set.has(record) === model.has(record)) &&
        set.next(from, end) === (within[0] ?? -1) &&
        set.count(from, end) === within.length &&
        set.nextNotIn(other, from, end) === (within.find((record) => !others.includes(record)) ?? -1)
      );
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1000 }));
  t.end();
});

t.test("it takes an eighth of a byte a record where all are in it, and no more than 4 KiB for one", (t) => {
  const [full, single] = [new RecordSet(), new RecordSet()];
  for (let record = 0; record < 1 << 20; record += 1) full.add(record);
  t.equal(full.sizeBytes, 1 << 17);
  single.add(2 ** 32 - 2);
  t.equal(single.sizeBytes, 4096);
  t.end();
});

t.test("a set takes over another, in pages of its own", (t) => {
  const [one, other] = [new RecordSet(), new RecordSet()];
  for (const record of [1, 31, 40_000]) one.add(record);
  for (const record of [0, 31, 32, 1_000_000]) other.add(record);
  one.addAll(other);
  const all = [0, 1, 31, 32, 40_000, 1_000_000];
  t.equal(one.count(0, 2_000_000), all.length);
  for (const record of all) t.ok(one.has(record));
  one.delete(1_000_000);
  t.ok(other.has(1_000_000), "the other stays as it is");
  t.end();
});
