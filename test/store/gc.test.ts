/** Cleaning a store: what nobody needs goes, all that somebody may rely on stays, whoever is at work meanwhile. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import { assertComplete } from "../../src/store/reachable.js";
import type { CollectOptions, Collected, Store } from "../../src/store/store.js";
import { until } from "../helpers/deadline.js";
import { commitOf, fileEntry, oneFile, testProject, treeOf, type Made } from "../helpers/small-commit.js";
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
    .toSorted();

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

/** No waste is left. */
const nothingLeft = { ofPack: 0, ofStore: 0 };

/** A folder with files of these blobs. */
function folderOf(blobs: readonly Made[]): { blob: Made; tree: Made; commit: Made } {
  const tree = treeOf(...blobs.map((each, at) => fileEntry(String(at).padStart(4, "0"), each)));
  return { blob: blobs[0]!, tree, commit: commitOf(tree) };
}

/** A commit, and beside what it needs, in packs of their own and in its packs, objects that nobody does. */
async function fillWithWaste(store: Store): Promise<{ kept: ObjectId; dead: Made[] }> {
  const live = Array.from({ length: 6 }, (_, at) => object("blob", randomBytes(300 + at)));
  const dead = Array.from({ length: 6 }, (_, at) => object("blob", randomBytes(400 + at)));
  const { tree, commit } = folderOf(live);
  await send(store, await makePack([live[0]!, dead[0]!], [live[1]!], [dead[1]!]));
  await send(store, await makePack([live[2]!, dead[2]!, live[3]!], [tree]));
  await send(store, await makePack([dead[3]!], [commit, live[4]!], [live[5]!, dead[4]!]));
  await sendObjects(store, [dead[5]!]);
  await store.appendCommit(testProject, commit.id, await store.head(testProject));
  return { kept: commit.id, dead };
}

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
  const opened = await reopened(store);
  t.teardown(() => opened.close());
  await assertComplete(opened, commit.id, undefined);
  for (const each of [...whole, part[0], part[2], tree, commit]) {
    t.ok(Buffer.from(await opened.readObject(each.id)).equals(each.bytes));
  }
  const [member] = opened.locateMembers([whole[0]!.id]);
  t.ok((await opened.readMember(member!)).equals(pack.members[1]!), "as it lay");
});

t.test("small packs are joined, and what was found in them is found at every moment", async (t) => {
  const store = await open(t);
  const blobs = Array.from({ length: 30 }, (_, at) => object("blob", randomBytes(1000 + at)));
  for (const each of blobs) await sendObjects(store, [each]);
  await push(store, folderOf(blobs));
  let turns = 0;
  const watch = setInterval(() => {
    turns += 1;
    if (!blobs.every(({ id }) => store.has(id))) t.fail("missed an object");
  }, 0);
  const result = await collect(store).finally(() => clearInterval(watch));
  t.ok(turns > 0);
  t.match(result, { packs: 31, packsRewritten: 31, packsMade: 1, objectsDropped: 1 }); // one of them came twice
  t.equal(packFiles(store).length, 2);
  t.match(await collect(store), { packs: 1, packsRewritten: 0 });
});

t.test("zstd packs are not mixed with gzip ones", async (t) => {
  const store = await open(t);
  const [gzip, zstd] = [0, 1].map((kind) => Array.from({ length: 4 }, (_, at) => blob(`${kind} ${at}`)));
  for (const each of gzip!) await sendObjects(store, [each]);
  for (const each of zstd!) await send(store, await makeZstdPack([each]));
  const { blob: _, ...made } = folderOf([...gzip!, ...zstd!]);
  await sendObjects(store, [made.tree]);
  await sendObjects(store, [made.commit]);
  await store.appendCommit(testProject, made.commit.id, undefined);
  t.match(await collect(store), { packs: 10, packsRewritten: 10, packsMade: 2 });
  t.strictSame(
    packFiles(store)
      .map((name) => name.slice(name.indexOf(".")))
      .toSorted(),
    [".idx", ".idx", ".tar.gz", ".tar.zst"],
  );
  await assertComplete(store, made.commit.id, undefined);
});

t.test("an object that lies in two packs is found, whichever of them goes", async (t) => {
  const store = await open(t);
  const [shared, dead] = [blob("shared"), object("blob", randomBytes(50_000))];
  await sendObjects(store, [shared, dead]);
  const { tree, commit } = folderOf([shared]);
  await sendObjects(store, [shared, tree, commit]);
  await store.appendCommit(testProject, commit.id, undefined);
  t.match(await collect(store), { packsRewritten: 2, objectsDropped: 2 });
  t.strictSame(present(store, shared, dead), [true, false]);
  t.ok(Buffer.from(await store.readObject(shared.id)).equals(shared.bytes));
});

t.test("what a lease was told is there stays, with all that it names, until the lease ends", async (t) => {
  const store = await open(t);
  const [told, named, other] = [blob("told"), blob("named"), blob("other")];
  const tree = treeOf(fileEntry("file", named));
  for (const each of [told, named, other, tree]) await sendObjects(store, [each]);
  const [lease, idle] = [store.lease(), store.lease()];
  t.strictSame([...(await lease.hasMany(Buffer.concat([told, tree].map(({ id }) => objectIdBytes(id)))))], [3]);
  t.match(await collect(store), { packsDeleted: 1 });
  t.strictSame(present(store, told, named, tree, other), [true, true, true, false]);
  lease.release();
  lease.release();
  t.match(await collect(store), { packsDeleted: 3 });
  t.strictSame(present(store, told, named, tree), [false, false, false]);
  idle.release();
});

t.test("what is told moves with its pack, and stays through the next gc", async (t) => {
  const store = await open(t);
  const [dead, leaf] = [object("blob", randomBytes(50_000)), blob("leaf")];
  const tree = treeOf(fileEntry("file", leaf));
  await sendObjects(store, [leaf]);
  await sendObjects(store, [dead, tree]);
  const lease = store.lease();
  await lease.hasMany(objectIdBytes(tree.id));
  t.match(await collect(store), { packsRewritten: 1, objectsDropped: 1 });
  t.match(await collect(store), { packsDeleted: 0 });
  t.strictSame(present(store, tree, leaf, dead), [true, true, false]);
  lease.release();
});

t.test("packs that came since a lease began stay, and commits that were forgotten since", async (t) => {
  const store = await open(t);
  const forgotten = oneFile("forgotten");
  for (const each of [forgotten.blob, forgotten.tree, forgotten.commit]) await sendObjects(store, [each]);
  await store.appendCommit(testProject, forgotten.commit.id, undefined);
  const lease = store.lease();
  const later = blob("later");
  await sendObjects(store, [later]);
  await store.forget(testProject, [forgotten.commit.id]);
  t.match(await collect(store), { packsDeleted: 0, commitsDropped: 1 });
  t.match(await collect(store), { packsDeleted: 0 });
  const all = [later, forgotten.blob, forgotten.tree, forgotten.commit];
  t.strictSame(present(store, ...all), [true, true, true, true]);
  lease.release();
  t.match(await collect(store), { packsDeleted: 4 });
});

t.test("a lease that is told something, or ends, while the store is cleaned still counts", async (t) => {
  const store = await open(t);
  const blobs = Array.from({ length: 40 }, (_, at) => blob(`${at}`));
  for (const each of blobs) await sendObjects(store, [each]);
  const tree = treeOf(...blobs.slice(1, 9).map((each, at) => fileEntry(`${at}`, each)));
  await sendObjects(store, [tree]);
  const ids = Buffer.concat([blobs[0]!, tree].map(({ id }) => objectIdBytes(id)));
  const onProgress: CollectOptions["onProgress"] = ({ phase }) => {
    if (phase !== "deleting") return; // all is marked and planned by now
    const lease = store.lease();
    t.strictSame([...(lease.hasMany(ids) as Uint8Array)], [3]);
    lease.release();
  };
  t.match(await collect(store, { onProgress }), { packsDeleted: 31 });
  t.ok(present(store, ...blobs.slice(0, 9), tree).every(Boolean));
  t.match(await collect(store), { packsDeleted: 10 });
});

t.test("a pack that comes while the store is cleaned stays, though its objects were found elsewhere", async (t) => {
  const store = await open(t);
  const [twice, alone] = [blob("twice"), object("blob", randomBytes(20_000))];
  await sendObjects(store, [twice, alone]);
  let sent: Promise<unknown> | undefined;
  const onProgress: CollectOptions["onProgress"] = ({ phase }) => {
    if (phase === "deleting") sent ??= sendObjects(store, [twice]);
  };
  // what is added at that moment may be before or after; either way the sender was told that it is there
  await collect(store, { onProgress });
  await sent;
  t.ok(store.has(twice.id));
  t.ok(Buffer.from(await store.readObject(twice.id)).equals(twice.bytes));
});

t.test("a pack that is sent again stays for whoever sent it, though it was there already, and old", async (t) => {
  const store = await open(t);
  const [leaf, twice] = [blob("leaf"), blob("twice")];
  const tree = treeOf(fileEntry("file", leaf));
  await sendObjects(store, [leaf]);
  await sendObjects(store, [twice, object("blob", randomBytes(9000))]); // the one that is found
  await sendObjects(store, [twice, tree]);
  const lease = store.lease();
  await sendObjects(store, [twice, tree]);
  t.match(await collect(store), { objectsDropped: 2 });
  t.strictSame(present(store, leaf, twice, tree), [true, true, true]);
  lease.release();
  t.ok((await collect(store)).objectsDropped >= 3);
  t.equal((await collect(store)).packs, 0);
  let sent: Promise<unknown> | undefined;
  await sendObjects(store, [twice, tree]);
  const onProgress: CollectOptions["onProgress"] = ({ phase }) => {
    if (phase === "deleting") sent ??= sendObjects(store, [twice, tree]);
  };
  await collect(store, { onProgress });
  await sent;
  t.strictSame(present(store, twice, tree), [true, true]);
});

t.test("a commit that is made while the store is cleaned is whole", async (t) => {
  const store = await open(t);
  const made = oneFile("made of what nobody used");
  for (const each of [made.blob, made.tree, made.commit]) await sendObjects(store, [each]);
  let committing: Promise<unknown> | undefined;
  const onProgress: CollectOptions["onProgress"] = ({ phase }) => {
    if (phase !== "deleting") return;
    const lease = store.lease();
    lease.needs(made.commit.id);
    committing = assertComplete(store, made.commit.id, undefined)
      .then(() => store.appendCommit(testProject, made.commit.id, undefined))
      .finally(() => lease.release());
  };
  await collect(store, { onProgress });
  await committing;
  await t.resolves(assertComplete(store, made.commit.id, undefined));
  await collect(store);
  await t.resolves(assertComplete(store, made.commit.id, undefined));
});

t.test("members that were located before their pack went can be read until they are let go of", async (t) => {
  const store = await open(t);
  const dead = object("blob", randomBytes(10_000));
  const pack = await makePack([dead]);
  await send(store, pack);
  const members = store.locateMembers([dead.id]);
  const [first, second] = [store.pin(members), store.pin(members)];
  t.match(await collect(store), { packsDeleted: 1, packsWaiting: 1 });
  t.notOk(store.has(dead.id));
  t.ok((await store.readMember(members[0]!)).equals(pack.members[0]!));
  first();
  first();
  t.equal(packFiles(store).length, 2, "the second still reads");
  t.ok((await store.readMember(members[0]!)).equals(pack.members[0]!));
  second();
  await until(() => packFiles(store).length === 0, "the pack to go");
});

t.test("a pack that comes again while it waits to be deleted stays", async (t) => {
  const store = await open(t);
  const again = blob("again");
  await sendObjects(store, [again]);
  const unpin = store.pin(store.locateMembers([again.id]));
  t.match(await collect(store), { packsWaiting: 1 });
  await sendObjects(store, [again]);
  unpin();
  await sendObjects(store, [blob("and another, after which it would have gone")]);
  t.ok(Buffer.from(await store.readObject(again.id)).equals(again.bytes));
  t.equal(packFiles(store).length, 4);
  const opened = await reopened(store);
  t.teardown(() => opened.close());
  t.strictSame(opened.damaged, []);
  t.ok(opened.has(again.id));
});

t.test("where something is missing that a commit needs, nothing is deleted, and it is named", async (t) => {
  const store = await open(t);
  const [missing, dead] = [blob("missing"), blob("dead")];
  const { tree, commit } = folderOf([missing]);
  await sendObjects(store, [tree, commit]);
  await sendObjects(store, [dead]);
  await store.appendCommit(testProject, commit.id, undefined);
  const before = packFiles(store);
  for (const isDryRun of [true, false]) {
    await t.rejects(collect(store, { isDryRun }), {
      code: "STORE_DAMAGED",
      message: new RegExp(missing.id),
      hint: /bak check/,
    });
  }
  await store.forget(testProject, [commit.id]);
  await t.rejects(collect(store, { graceMs: day }), { code: "STORE_DAMAGED" });
  t.strictSame(packFiles(store), before);
  t.equal((await store.readForgotten(testProject)).length, 1);
  t.match(await collect(store), { packsDeleted: 2 });
});

t.test("a pack whose bytes are damaged is not rewritten, and stays", async (t) => {
  const store = await open(t);
  const [needed, dead] = [object("blob", randomBytes(30_000)), object("blob", randomBytes(30_000))];
  const pack = await makePack([needed], [dead]);
  await send(store, pack);
  const { tree, commit } = folderOf([needed]);
  await sendObjects(store, [tree, commit]);
  await store.appendCommit(testProject, commit.id, undefined);
  const path = join(
    store.folder,
    "packs",
    packFiles(store).find((name) => name.includes(`${pack.id}.tar`))!,
  );
  const bytes = readFileSync(path);
  bytes[15_000]! ^= 1;
  writeFileSync(path, bytes);
  await t.rejects(collect(store), { code: "STORE_DAMAGED", message: new RegExp(pack.id) });
  t.ok(existsSync(path));
  t.ok(store.has(needed.id));
});

t.test("two at a time are one too many, and closing the store stops the one that runs", async (t) => {
  const store = await open(t);
  for (let at = 0; at < 10; at += 1) await sendObjects(store, [blob(`${at}`)]);
  const running = collect(store);
  await t.rejects(collect(store), { code: "LIMIT" });
  await running;
  const stopped = t.rejects(collect(store), { code: "STORE_FAILED" });
  await store.close();
  await stopped;
});

t.test("one that is stopped at any step leaves the store right, and the next ends the work", async (t) => {
  for (let stopAt = 1, isStopped = true; isStopped; stopAt += 1) {
    const store = await openStore(join(t.testdir(), `${stopAt}`), { create: true });
    const { kept, dead } = await fillWithWaste(store);
    const stop = new AbortController();
    let steps = 0;
    const onProgress = (): void => {
      steps += 1;
      if (steps === stopAt) stop.abort(new Error("stopped"));
    };
    isStopped = await collect(store, { signal: stop.signal, onProgress }).then(
      () => false,
      (error: unknown) => (error as Error).message === "stopped",
    );
    await assertComplete(store, kept, undefined);
    await collect(store, { limits: nothingLeft });
    await assertComplete(store, kept, undefined);
    t.strictSame(
      present(store, ...dead),
      dead.map(() => false),
    );
    t.equal((await collect(store)).packs, 1);
    await store.close();
    t.ok(stopAt < 100);
  }
});

t.test("on a full disk packs go, and what can't be rewritten is told", async (t) => {
  let isFull = false;
  let room = 0; // for so many calls that write, where space has been freed
  const disk = failingDisk(nodeDisk, ({ name, path }) => {
    if (isFull && name === "remove" && path.endsWith("ballast")) room = 2;
    const isWriting = name === "createFile" || name === "write";
    return isFull && isWriting && (room -= 1) < 0 ? "ENOSPC" : undefined;
  });
  const store = await open(t, disk);
  const { kept } = await fillWithWaste(store);
  await sendObjects(store, [object("blob", randomBytes(1000))]);
  const gone = oneFile("forgotten");
  await push(store, gone);
  await store.forget(testProject, [gone.commit.id]);
  isFull = true;
  const result = await collect(store, { limits: nothingLeft });
  t.match(result, { packsDeleted: 3, packsRewritten: 0, packsMade: 0, commitsDropped: 1 });
  t.ok(result.packsSkipped > 0);
  isFull = false;
  await assertComplete(store, kept, undefined);
  t.match(await collect(store, { limits: nothingLeft }), { packsSkipped: 0, packsMade: 1 });
  await assertComplete(store, kept, undefined);
});
