/** The compact map, against Map. */
import fc from "fast-check";
import t from "tap";
import { NumberTable } from "../../src/client/number-table.js";

t.test("a table says what a map says", (t) => {
  const keys = fc.oneof(fc.nat(50), fc.maxSafeNat());
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.nat()), { maxLength: 400 }), fc.array(keys), (pairs, others) => {
      const table = new NumberTable();
      const map = new Map<number, number>();
      for (const [key, value] of pairs) {
        table.set(key, value);
        map.set(key, value);
      }
      return [...map.keys(), ...others].every((key) => table.get(key) === map.get(key));
    }),
  );
  t.end();
});

t.test("many numbers in a row, or far apart, are all found", (t) => {
  for (const step of [1, 4096, 2 ** 32]) {
    const table = new NumberTable();
    for (let index = 0; index < 20_000; index += 1) table.set(index * step, index);
    let found = 0;
    for (let index = 0; index < 20_000; index += 1) if (table.get(index * step) === index) found += 1;
    t.equal(found, 20_000);
    t.equal(table.get(20_000 * step), undefined);
  }
  t.end();
});
