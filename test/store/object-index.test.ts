/** Where objects are, in indexes of many packs: one by one and many at a time, and while packs are being added. */
import { createHash } from "node:crypto";
import { truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import { ObjectIndex } from "../../src/store/object-index.js";
import type { IndexedPack } from "../../src/store/numbered-packs.js";
import { decodePackIndex } from "../../src/store/pack-index.js";
import { PackIndexBuilder } from "../../src/store/pack-index-builder.js";

const idOf = (text: string): ObjectId => createHash("sha256").update(text).digest("hex") as ObjectId;
const bytesOf = (ids: readonly ObjectId[]): Buffer => Buffer.concat(ids.map(objectIdBytes));

interface TestIndex {
  readonly pack: IndexedPack;
  readonly index: Buffer;
}

/** An index of a pack that has these objects, of a length that tells them apart; in a file, or in memory alone. */
function makeIndex(t: Test, ids: readonly ObjectId[], options: { length: number; isInMemory?: boolean }): TestIndex {
  const builder = new PackIndexBuilder();
  const perMember = 100;
  for (let at = 0; at < ids.length; at += perMember) {
    const objects = ids
      .slice(at, at + perMember)
      .map((id, offset) => ({ kind: "blob" as const, id, offset, ...options }));
    builder.addMember(1000, 2000, objects);
  }
  const id = idOf(`pack ${options.length}`);
  const index = builder.finish(id);
  const indexPath = join(t.testdirName, `${id}.idx`);
  if (options.isInMemory !== true) writeFileSync(indexPath, index);
  const { packLength, memberCount, recordCount } = decodePackIndex(index, id);
  const indexInMemory = options.isInMemory === true ? index : undefined;
  return { pack: { id, indexPath, indexInMemory, packLength, memberCount, recordCount }, index: Buffer.from(index) };
}

/** What one `findMany` and one `hasMany` say, which must be what many `find` and `has` say. */
function lookUp(t: Test, index: ObjectIndex, ids: readonly ObjectId[]): (number | undefined)[] {
  const bytes = bytesOf(ids);
  const single = ids.map((_, at) => index.find(bytes, at * 32)?.length);
  const many: (number | undefined)[] = ids.map(() => undefined);
  index.findMany(bytes, (at, { length }) => {
    t.equal(many[at], undefined, "each is given once");
    many[at] = length;
  });
  const bitmap = index.hasMany(bytes);
  t.strictSame(many, single);
  t.strictSame(
    ids.map((_, at) => ((bitmap[at >> 3]! >> (at & 7)) & 1) === 1),
    single.map((length) => length !== undefined),
  );
  t.strictSame(
    ids.map((_, at) => index.has(bytes, at * 32)),
    single.map((length) => length !== undefined),
  );
  return single;
}

t.test("objects are found in whichever pack they are, one by one and many at a time", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 9000 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  index.reserve(5000);
  await index.add(
    makeIndex(t, ids.slice(0, 2000), { length: 1 }),
    makeIndex(t, ids.slice(2000, 2001), { length: 2 }),
    makeIndex(t, ids.slice(2001, 4000), { length: 3, isInMemory: true }),
  );
  await index.add(makeIndex(t, ids.slice(4000, 8000), { length: 4 }));
  const expected = ids.map((_, at) => (at < 2000 ? 1 : at < 2001 ? 2 : at < 4000 ? 3 : at < 8000 ? 4 : undefined));
  t.strictSame(lookUp(t, index, ids), expected);
  // and where few are asked for, far apart, in no order, some of them twice
  const few = Array.from({ length: 90 }, (_, at) => (at * 7919) % 9000);
  t.strictSame(
    lookUp(
      t,
      index,
      [...few, ...few].map((at) => ids[at]!),
    ),
    [...few, ...few].map((at) => expected[at]),
  );
  t.strictSame(lookUp(t, index, []), []);
});

t.test("an object stays where it was first, whether its packs are added together or one after the other", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 3000 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  await index.add(makeIndex(t, ids.slice(0, 2000), { length: 1 }), makeIndex(t, ids.slice(1000), { length: 2 }));
  const after = ids.map((_, at) => (at < 2000 ? 1 : 2));
  t.strictSame(lookUp(t, index, ids), after);
  await index.add(makeIndex(t, ids, { length: 3 }), makeIndex(t, ids, { length: 4, isInMemory: true }));
  t.strictSame(lookUp(t, index, ids), after);
});

t.test("ids that differ in their last byte alone are told apart, within a pack and between packs", async (t) => {
  t.testdir();
  const alike = Array.from({ length: 40 }, (_, at) => at.toString(16).padStart(64, "0") as ObjectId);
  const index = new ObjectIndex();
  await index.add(makeIndex(t, alike.slice(0, 10), { length: 1 }), makeIndex(t, alike.slice(10, 20), { length: 2 }));
  await index.add(makeIndex(t, alike.slice(20, 30), { length: 3, isInMemory: true }));
  t.strictSame(
    lookUp(t, index, alike),
    alike.map((_, at) => [1, 2, 3, undefined][Math.floor(at / 10)]),
  );
});

t.test("more ids than are looked up at a time get each its own answer", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 1000 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  await index.add(makeIndex(t, ids.slice(0, 500), { length: 1 }));
  const asked = bytesOf(Array.from({ length: 70_000 }, (_, at) => ids[at % 1000]!));
  const found = new Uint8Array(70_000);
  index.findMany(asked, (at) => (found[at]! += 1));
  t.ok(found.every((times, at) => times === (at % 1000 < 500 ? 1 : 0)));
  t.equal(index.hasMany(asked).length, 8750);
  t.ok(
    index
      .hasMany(asked)
      .every((byte, at) => byte === found.subarray(at * 8, at * 8 + 8).reduceRight((sum, bit) => sum * 2 + bit, 0)),
  );
});

t.test("while packs are added others have their turn, and what was there is found", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 200_000 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  const [first, ...others] = [0, 1, 2, 3].map((at) =>
    makeIndex(t, ids.slice(at * 50_000, at * 50_000 + 50_000), { length: at + 1 }),
  ) as [TestIndex, ...TestIndex[]];
  await index.add(first);
  let turns = 0;
  const watch = (): void => {
    turns += 1;
    t.equal(index.find(objectIdBytes(ids[turns]!), 0)?.length, 1);
    t.equal(index.pack(others[0]!.pack.id), undefined, "a pack is there once all of it is");
    next = setImmediate(watch);
  };
  let next = setImmediate(watch);
  await index.add(...others).finally(() => clearImmediate(next));
  t.ok(turns > 2, `${turns} turns`);
  t.match(index.pack(others[0]!.pack.id), { recordCount: 50_000 });
  t.equal(index.find(objectIdBytes(ids.at(-1)!), 0)?.length, 4);
});

t.test("the buffer of an index may be used again once the index has been added", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 500 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  const made = makeIndex(t, ids, { length: 1 });
  await index.add(made);
  made.index.fill(0xff);
  t.strictSame(new Set(lookUp(t, index, ids)), new Set([1]));
});

t.test("an index that has become shorter is damaged, however it is read, and misses need none", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 500 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  const made = makeIndex(t, ids, { length: 1 });
  await index.add(made);
  truncateSync(made.pack.indexPath, 2000);
  t.throws(() => index.findMany(bytesOf(ids), () => undefined), { code: "STORE_DAMAGED" });
  t.throws(() => index.hasMany(bytesOf(ids)), { code: "STORE_DAMAGED" });
  t.throws(() => ids.forEach((id) => index.find(objectIdBytes(id), 0)), { code: "STORE_DAMAGED" });
  const others = bytesOf(Array.from({ length: 500 }, (_, at) => idOf(`another ${at}`)));
  t.ok(index.hasMany(others).every((byte) => byte === 0));
});

t.test("where a member lies is read from the index, and one that it does not have is damage", async (t) => {
  t.testdir();
  const ids = Array.from({ length: 500 }, (_, at) => idOf(`object ${at}`));
  const index = new ObjectIndex();
  await index.add(makeIndex(t, ids, { length: 1 }));
  const { pack } = index.find(objectIdBytes(ids[499]!), 0)!;
  t.strictSame(index.member(pack, 4), { offset: 4000, packedLength: 1000, inflatedLength: 2000 });
  t.throws(() => index.member(pack, 5), { code: "STORE_DAMAGED" });
});

t.test(
  "what is in a preferred pack is found there, at every moment, and a hidden pack is not there any more",
  async (t) => {
    t.testdir();
    const ids = Array.from({ length: 60_000 }, (_, at) => idOf(`object ${at}`));
    const index = new ObjectIndex();
    const [old, other] = [
      makeIndex(t, ids.slice(0, 50_000), { length: 1 }),
      makeIndex(t, ids.slice(45_000), { length: 2 }),
    ];
    await index.add(old, other);
    const made = makeIndex(t, ids.slice(0, 40_000), { length: 3 });
    const watch = (): void => {
      const [first, moved] = [ids[0]!, ids[39_999]!].map((id) => index.find(objectIdBytes(id), 0)?.length);
      if (![first, moved].every((length) => length === 1 || length === 3)) t.fail("not found");
      next = setImmediate(watch);
    };
    let next = setImmediate(watch);
    await index.prefer(made.pack, made.index).finally(() => clearImmediate(next));
    const expected = (at: number): number => (at < 40_000 ? 3 : at < 50_000 ? 1 : 2);
    const few = Array.from({ length: 500 }, (_, at) => (at * 7919) % 60_000);
    const idsOf = (places: number[]): ObjectId[] => places.map((at) => ids[at]!);
    t.strictSame(lookUp(t, index, idsOf(few)), few.map(expected));
    const [gone] = index.packs;
    const record = gone!.start + 7;
    t.equal(index.object(record)?.length, 1);
    index.hide([gone!]);
    const afterwards = few.map((at) => (at >= 40_000 && at < 50_000 ? undefined : expected(at)));
    unlinkSync(old.pack.indexPath); // what is hidden is not looked at
    t.strictSame(lookUp(t, index, idsOf(few)), afterwards);
    t.equal(index.object(record), undefined);
    t.equal(index.pack(old.pack.id), undefined);
    const again = makeIndex(t, ids.slice(40_000, 41_000), { length: 4 });
    await Promise.all([index.sweep(), index.add(again)]);
    t.strictSame(
      lookUp(t, index, idsOf(few)),
      few.map((at, place) => (at >= 40_000 && at < 41_000 ? 4 : afterwards[place])),
    );
    t.equal(index.object(record), undefined);
    t.strictSame(
      index.packs.map(({ number }) => number),
      [1, 2, 3],
      "no number is given twice",
    );
    await index.sweep();
  },
);
