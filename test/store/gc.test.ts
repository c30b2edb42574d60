/** Cleaning a store: what nobody needs goes, all that somebody may rely on stays, whoever is at work meanwhile. */
import { randomBytes } from "node:crypto";
import { readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import { assertComplete } from "../../src/store/reachable.js";
import type { CollectOptions, Collected, Store } from "../../src/store/store.js";
import { until } from "../helpers/deadline.js";
import { commitOf, dirEntry, fileEntry, oneFile, testProject, treeOf, type Made } from "../helpers/small-commit.js";
import { failingDisk } from "../helpers/store-disks.js";
import { blob, makePack, makeZstdPack, object, send, sendObjects } from "../helpers/store-pack.js";

async function open(t: Test, disk: Disk = nodeDisk): Promise<Store> {
  const store = await openStore(t.testdir(), { create: true, disk });
  t.teardown(() => store.close());
  return store;
}

/** Cleans without grace, unless told otherwise. */
function collect(store: Store, options: Partial<CollectOptions> = {}): Promise<Collected> {
  const { signal } = new AbortController();
  return store.collectGarbage({ graceMs: 0, isDryRun: false, onProgress: () => undefined, signal, ...options });
}

const packFiles = (store: Store): string[] =>
  (readdirSync(join(store.folder, "packs"), { recursive: true }) as string[])
    .filter((name) => name.includes("."))
    .sort();

/** Which of the objects the store has, one by one, also after it has been opened again. */
const present = (store: Store, ...objects: PackedObject<ObjectId>[]): boolean[] =>
  objects.map(({ id }) => store.has(id));

async function push(store: Store, made: { blob: Made; tree: Made; commit: Made }): Promise<void> {
  await sendObjects(store, [made.blob, made.tree, made.commit]);
  await store.appendCommit(testProject, made.commit.id, await store.head(testProject));
}

async function reopened(store: Store): Promise<Store> {
  await store.close();
  return openStore(store.folder, { create: false });
}

const day = 24 * 3600 * 1000;

t.test("packs of which nothing is needed go, with their indexes, and others stay as they are", async (t) => {
  const store = await open(t);
  const kept = oneFile("kept");
  await push(store, kept);
  const before = packFiles(store);
  const [lost, alone] = [oneFile("never committed"), blob("alone")];
  await sendObjects(store, [lost.blob, lost.tree, lost.commit]);
  await sendObjects(store, [alone]);
  const result = await collect(store);
  t.match(result, { packs: 3, objects: 7, packsDeleted: 2, packsRewritten: 0, objectsDropped: 4, packsWaiting: 0 });
  t.strictSame(present(store, lost.blob, lost.tree, lost.commit, alone), [false, false, false, false]);
  t.strictSame(packFiles(store), before);
  const again = await reopened(store);
  t.teardown(() => again.close());
  t.strictSame(again.damaged, []);
  await assertComplete(again, kept.commit.id, undefined);
  t.match(await collect(again), { packs: 1, packsDeleted: 0 });
});

t.test("what is young stays, and what it names", async (t) => {
  const store = await open(t);
  const old = blob("old");
  await sendObjects(store, [old]);
  for (const name of packFiles(store)) utimesSync(join(store.folder, "packs", name), 1000, 1000);
  const tree = treeOf(fileEntry("file", old));
  await sendObjects(store, [tree]);
  t.match(await collect(store, { graceMs: day }), { packsDeleted: 0 });
  t.strictSame(present(store, old, tree), [true, true]);
  t.match(await collect(store), { packsDeleted: 2 });
  t.strictSame(present(store, old, tree), [false, false]);
});

t.test("a forgotten commit stays while it may be brought back, and no longer", async (t) => {
  const store = await open(t);
  const [first, second] = [oneFile("first"), oneFile("second")];
  await push(store, first);
  await push(store, second);
  for (const name of packFiles(store)) utimesSync(join(store.folder, "packs", name), 1000, 1000);
  await store.forget(testProject, [first.commit.id]);
  t.match(await collect(store, { graceMs: day }), { packsDeleted: 0, commitsDropped: 0 });
  t.match(await collect(store, { isDryRun: true }), { packsDeleted: 1, commitsDropped: 1 });
  t.equal((await store.readForgotten(testProject)).length, 1, "a dry run changes nothing");
  t.ok(store.has(first.blob.id));
  t.match(await collect(store), { packsDeleted: 1, commitsDropped: 1 });
  t.strictSame(present(store, first.blob, second.blob), [false, true]);
  t.equal(await store.undoForget(testProject, [first.commit.id]), 0, "what is gone can't be brought back");
});

t.test("a pack with waste is rewritten: what is needed moves, whole members as they lie", async (t) => {
  const store = await open(t);
  const whole = Array.from({ length: 5 }, (_, at) => object("blob", randomBytes(5000 + at)));
  const part = [blob("a".repeat(3000)), object("blob", randomBytes(40_000)), blob("c".repeat(1000))] as const;
  const tree = treeOf(...[...whole, part[0], part[2]].map((each, at) => fileEntry(`${at}`, each)));
  const commit = commitOf(tree);
  const pack = await makePack([blob("a member of its own, dead")], whole, [...part], [tree, commit]);
  await send(store, pack);
  await store.appendCommit(testProject, commit.id, undefined);
  const planned = await collect(store, { isDryRun: true });
  t.match(planned, { packsRewritten: 1, packsMade: 1, objectsDropped: 2 });
  const done = await collect(store);
  t.match(done, {
    packsDeleted: 0,
    packsRewritten: 1,
    packsMade: 1,
    objectsDropped: 2,
    bytesRewritten: planned.bytesRewritten,
  });
  t.ok(
    Math.abs(done.bytesMade / planned.bytesMade - 1) < 0.3,
    `${done.bytesMade} bytes, foretold ${planned.bytesMade}`,
  );
  t.strictSame(present(store, part[1]), [false]);
  t.equal(packFiles(store).length, 2);
  for (const opened of [store, await reopened(store)]) {
    if (opened !== store) t.teardown(() => opened.close());
    else continue;
    await assertComplete(opened, commit.id, undefined);
    for (const each of [...whole, part[0], part[2], tree, commit]) {
      t.ok(Buffer.from(await opened.readObject(each.id)).equals(each.bytes));
    }
    const [member] = opened.locateMembers([whole[0]!.id]);
    t.ok((await opened.readMember(member!)).equals(pack.members[1]!), "as it lay");
  }
});
