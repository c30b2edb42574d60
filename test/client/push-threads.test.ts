/** Pushes with real threads: the same commit as without, and an end with an error where a thread dies. */
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { readPushIndex } from "../../src/client/push-index.js";
import type { PushOptions } from "../../src/client/push-options.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { seededBytes, seededNumbers } from "../helpers/arbitrary-bytes.js";
import { until, within } from "../helpers/deadline.js";
import { makeSampleFolder } from "../helpers/sample-folder.js";
import { testProject } from "../helpers/small-commit.js";
import { openWorld, pathsIn, pushFolder, type Pushed, type StoreWorld } from "./world.js";

/** So much that threads are started for it: some large files, and many small ones. */
function makeSource(t: Test): string {
  const folder = join(t.testdir(), "source");
  makeSampleFolder(folder, { many: 1500, nested: 100, before: 10 });
  const next = seededNumbers(1);
  mkdirSync(join(folder, "more"));
  for (let index = 0; index < 30; index += 1)
    writeFileSync(join(folder, "more", `text-${index}`), `${next()} `.repeat(next() % 60_000));
  for (let index = 0; index < 3; index += 1)
    writeFileSync(join(folder, "more", `large-${index}`), seededBytes(index, (3 << 20) + index));
  return folder;
}

async function treeOf(world: StoreWorld, commit: ObjectId | undefined): Promise<ObjectId> {
  return (await readCommit(await world.connect(), commit as ObjectId)).tree;
}

/** Tells what a push starts from what the store does, which is in the same process. */
const caller = new AsyncLocalStorage<"push" | "store">();

/** A push with two threads, and those threads as they are started. */
function pushWithThreads(
  world: StoreWorld,
  source: string,
  options: Partial<PushOptions> & { onThread?: (worker: Worker) => void } = {},
): { pushing: Promise<Pushed>; threads: Worker[] } {
  const { onThread, ...rest } = options;
  const threads: Worker[] = [];
  const onWorker = (worker: Worker): void => {
    if (caller.getStore() !== "push") return;
    threads.push(worker);
    onThread?.(worker);
  };
  process.on("worker", onWorker);
  const connect: PushOptions["connect"] = (hello) => caller.run("store", () => world.connect(hello));
  const pushing = caller
    .run("push", () => pushFolder(world, source, { connect, threads: 2, ...rest }))
    .finally(() => process.off("worker", onWorker));
  return { pushing: within(60_000, "the push", pushing), threads };
}

t.test("with two threads the commit and what is sent are the same as with none", async (t) => {
  const source = makeSource(t);
  const [none, two] = [await openWorld(t, `${source}-none`), await openWorld(t, `${source}-two`)];
  const without = await pushFolder(none, source, { indexFile: `${source}.none`, threads: 0 });
  const indexFile = `${source}.two`;
  const { pushing, threads } = pushWithThreads(two, source, { indexFile });
  const with2 = await pushing;
  t.equal(threads.length, 2, "two were started");
  await until(() => threads.every(({ threadId }) => threadId === -1), "their end");
  t.equal(await treeOf(two, with2.result.commit), await treeOf(none, without.result.commit));
  t.strictSame(with2.result.counts, without.result.counts);
  t.strictSame(with2.result.upload.objects, without.result.upload.objects);
  t.equal(with2.result.upload.objectBytes, without.result.upload.objectBytes);
  t.strictSame(with2.progress, { ...without.progress, bytesSent: with2.result.upload.packedBytes });
  const [a, b] = [readPushIndex(`${source}.none`), readPushIndex(indexFile)];
  t.strictSame(b?.folders, a?.folders);
  const again = await pushWithThreads(two, source, { indexFile }).pushing;
  t.match(again.result, { isUpToDate: true, filesRead: 0 });
  const full = await pushWithThreads(two, source, { indexFile, isFull: true }).pushing;
  t.match(full.result, { isUpToDate: true, upload: { packs: 0 } });
  t.equal(full.result.bytesRead, without.result.bytesRead);
  // what the store has of the large files is what they hold
  const index = readPushIndex(indexFile);
  const load = (id: ObjectId): Uint8Array => index?.objects.get(id) as Uint8Array;
  for (const entry of readDirectory(index?.folders.get("more" as never)?.tree as ObjectId, load)) {
    if (entry.kind !== "file" || !("list" in entry.content)) continue;
    t.equal(entry.size, readFileSync(join(source, "more", entry.name)).length);
    t.ok(two.store.has(entry.content.list));
  }
});

/** Ends the thread that is given the n-th job after the threads were seen, before it can do it. */
function endAtJob(n: number): (worker: Worker) => void {
  let jobs = 0;
  return (worker) => {
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (...args: Parameters<typeof post>): void => {
      jobs += 1;
      if (jobs === n) void worker.terminate();
      post(...args);
    };
  };
}

t.test("a thread that ends in the middle stops the push with an error, and leaves nothing behind", async (t) => {
  const source = makeSource(t);
  for (const [name, onThread] of [
    ["at the first job", endAtJob(1)],
    ["at the fourth job", endAtJob(4)],
  ] as const) {
    const folder = `${source}-${name}`;
    const world = await openWorld(t, folder);
    const indexFile = `${folder}.index`;
    const { pushing, threads } = pushWithThreads(world, source, { indexFile, onThread });
    await t.rejects(pushing, { code: "INTERNAL", message: /^a thread of this process died/ }, name);
    await until(() => threads.every(({ threadId }) => threadId === -1), "the end of the others");
    t.strictSame(await world.store.readLog(testProject), []);
    t.equal(readPushIndex(indexFile), undefined);
    await until(() => pathsIn(folder).every((path) => !/^incoming\/./.test(path)), "the end of half a pack");
    const again = await pushFolder(world, source, { indexFile });
    t.match(again.result, { isUpToDate: false, counts: { unreadable: 0 } });
  }
});
