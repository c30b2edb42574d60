/** The client's own index: it comes back as it was written, or not at all. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { readPushIndex, writePushIndex, type FolderStats, type PushIndex } from "../../src/client/push-index.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { blake3, hashLength } from "../../src/objects/hash.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { byteStrings, objectIds } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const stats: fc.Arbitrary<BigInt64Array> = fc
  .array(fc.tuple(int64, int64), { maxLength: 5 })
  .map((pairs) => BigInt64Array.from(pairs.flat()));
const folders: fc.Arbitrary<FolderStats> = fc.record({ tree: objectIds, stats });
const indexes: fc.Arbitrary<PushIndex> = fc.record({
  store: fc.string({ unit: "grapheme", maxLength: 40 }),
  commit: objectIds,
  startedMs: fc.nat(Number.MAX_SAFE_INTEGER),
  attributes: fc.string(),
  folders: fc.array(fc.tuple(byteStrings(0, 40), folders), { maxLength: 6 }).map((pairs) => new Map(pairs)),
  objects: fc
    .array(fc.tuple(objectIds, fc.uint8Array({ maxLength: 40 })), { maxLength: 6 })
    .map((pairs) => new Map<ObjectId, Uint8Array>(pairs)),
});

const small: PushIndex = {
  store: "a store",
  commit: one,
  startedMs: 1_700_000_000_000,
  attributes: "own",
  folders: new Map([
    ["" as ByteString, { tree: two, stats: BigInt64Array.of(1n, 2n, -3n, 4n) }],
    ["d/\xff" as ByteString, { tree: one, stats: new BigInt64Array(0) }],
  ]),
  objects: new Map([[two, Buffer.from("the bytes of a tree")]]),
};

/** In a form in which equal ones are deeply equal. */
function plain(index: PushIndex | undefined): unknown {
  if (index === undefined) return undefined;
  return {
    ...index,
    folders: [...index.folders].map(([path, each]) => [path, each.tree, [...each.stats]]),
    objects: [...index.objects].map(([id, bytes]) => [id, [...bytes]]),
  };
}

t.test("an index comes back as it was written", async (t) => {
  const file = join(t.testdir(), "index");
  t.equal(readPushIndex(file), undefined);
  holds(
    t,
    "whatever is in it",
    fc.property(indexes, (index) => {
      writePushIndex(file, index).put();
      return isDeepStrictEqual(plain(readPushIndex(file)), plain(index));
    }),
    200,
  );
});

t.test("an index whose stats are part of a larger array is written without the rest", async (t) => {
  const file = join(t.testdir(), "index");
  const whole = BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n);
  const index = { ...small, folders: new Map([["" as ByteString, { tree: two, stats: whole.subarray(2, 4) }]]) };
  writePushIndex(file, index).put();
  t.strictSame([...(readPushIndex(file)?.folders.get("" as ByteString)?.stats ?? [])], [3n, 4n]);
});

t.test("any byte that is another, and any byte that is missing or more, makes it no index", async (t) => {
  const file = join(t.testdir(), "index");
  writePushIndex(file, small).put();
  const bytes = readFileSync(file);
  const isRead = (changed: Uint8Array): boolean => {
    writeFileSync(file, changed);
    return readPushIndex(file) !== undefined;
  };
  t.ok(isRead(bytes));
  const flipped = Array.from(bytes.keys()).filter((at) => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    return isRead(changed);
  });
  t.strictSame(flipped, []);
  const cut = Array.from(bytes.keys()).filter((length) => isRead(bytes.subarray(0, length)));
  t.strictSame(cut, []);
  t.notOk(isRead(Buffer.concat([bytes, Buffer.of(0)])));
  t.ok(isRead(bytes));
});

t.test("an index of another version or format is none, even if its hash is right", async (t) => {
  const file = join(t.testdir(), "index");
  writePushIndex(file, small).put();
  const whole = readFileSync(file);
  const body = whole.subarray(0, whole.length - hashLength);
  for (const at of [0, 8, 11]) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] as number) + 1;
    writeFileSync(file, Buffer.concat([changed, blake3().hash(changed)]));
    t.equal(readPushIndex(file), undefined, `byte ${at}`);
  }
  writeFileSync(file, Buffer.concat([body, blake3().hash(body)]));
  t.ok(readPushIndex(file), "and with nothing changed it is read");
  const nothing = Buffer.alloc(0);
  writeFileSync(file, blake3().hash(nothing));
  t.equal(readPushIndex(file), undefined, "the hash of nothing");
});

t.test("what cannot be read is no index", async (t) => {
  const folder = t.testdir({ d: {} });
  t.equal(readPushIndex(join(folder, "d")), undefined);
  t.equal(readPushIndex(join(folder, "d", "missing", "index")), undefined);
});

t.test("the file is the user's alone, in folders that are made for it, and replaces the one before", async (t) => {
  const folder = t.testdir();
  const file = join(folder, "a", "b", "index");
  writePushIndex(file, small).put();
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(join(folder, "a", "b")).mode & 0o777, 0o700);
  chmodSync(file, 0o400);
  const another = writePushIndex(file, { ...small, store: "another" });
  t.equal(readPushIndex(file)?.store, "a store", "until it is put in place");
  writePushIndex(file, { ...small, store: "given up" }).discard();
  t.equal(readPushIndex(file)?.store, "a store");
  another.put();
  t.equal(readPushIndex(file)?.store, "another");
  t.strictSame(readdirSync(join(folder, "a", "b")), ["index"]);
});

t.test("an index that cannot be put in place leaves nothing behind", async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, "index", "x"), { recursive: true });
  const index = writePushIndex(join(folder, "index"), small);
  t.throws(() => index.put());
  t.strictSame(readdirSync(folder), ["index"]);
  t.ok(existsSync(join(folder, "index", "x")));
});
