/** Sets of ids, against a Set of their texts. */
import fc from "fast-check";
import t from "tap";
import { blake3 } from "../../src/objects/hash.js";
import { IdSet } from "../../src/objects/id-set.js";
import { holds } from "../helpers/arbitrary-properties.js";

const length = 32;

/** Ids of bytes that are few, so that whole ids come twice and parts of them often. */
const ids = fc.oneof(
  fc.uint8Array({ minLength: length, maxLength: length }),
  // one beginning for many, which all look for the same slot
  fc.tuple(fc.constantFrom(0, 0xff), fc.nat(300)).map(([fill, number]) => {
    const id = Buffer.alloc(length, fill);
    id.writeUInt32BE(number, length - 4);
    return new Uint8Array(id);
  }),
  // beginnings that lie beside each other, also around the end of the table
  fc.tuple(fc.integer({ min: 1010, max: 1040 }), fc.nat(3)).map(([slot, number]) => {
    const id = Buffer.alloc(length);
    id.writeUInt32LE(slot, 0);
    id[length - 1] = number;
    return new Uint8Array(id);
  }),
);

/** Whether every answer is the one that a Set of texts gives. */
function agrees(sequence: readonly Uint8Array[]): boolean {
  const set = new IdSet();
  const texts = new Set<string>();
  return sequence.every((id) => {
    const text = Buffer.from(id).toString("hex");
    const isNew = !texts.has(text);
    texts.add(text);
    return set.add(id) === isNew && set.size === texts.size;
  });
}

t.test("an id is new once, whatever the others are", (t) => {
  holds(t, "a few", fc.property(fc.array(ids, { maxLength: 300 }), agrees), 200);
  holds(
    t,
    "so many that the table grows",
    fc.property(fc.array(ids, { minLength: 1500, maxLength: 3000 }), agrees),
    10,
  );
  t.end();
});

t.test("a hundred thousand ids are all there, from wherever in a buffer they are taken", (t) => {
  const count = 100_000;
  const all = Buffer.alloc(count * length + 1);
  for (let index = 0; index < count; index += 1) {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(index);
    blake3()
      .hash(number)
      .copy(all, 1 + index * length);
  }
  const set = new IdSet();
  const indexes = Array.from({ length: count }, (_, index) => index);
  t.ok(indexes.every((index) => set.add(all, 1 + index * length)));
  t.notOk(indexes.some((index) => set.add(all, 1 + index * length)));
  t.equal(set.size, count);
  t.ok(set.add(all, 0), "what lies one byte beside is another");
  t.end();
});

t.test("the set keeps what an id was, not where it lay", (t) => {
  const set = new IdSet();
  const bytes = Buffer.alloc(length, 1);
  t.ok(set.add(bytes));
  bytes.fill(2);
  t.ok(set.add(bytes));
  t.notOk(set.add(Buffer.alloc(length, 1)));
  t.ok(set.add(Buffer.alloc(length)), "zeros are an id, too");
  t.notOk(set.add(Buffer.alloc(length)));
  t.end();
});
