/** Who sees a part of a store: what is known of that, when it is found out, and how long it lasts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { cleanAll } from "../helpers/clean-all.js";
import { commitOf, fileEntry, treeOf } from "../helpers/small-commit.js";
import { blob, sendObjects } from "../helpers/store-pack.js";
import { VisibleObjects } from "../../src/store/visible-objects.js";

const [one, two] = [parseProjectId("one"), parseProjectId("two")];
const seesOne = (project: ProjectId): boolean => project === one;

async function open(t: Test): Promise<Store> {
  const store = await openStore(t.testdir(), { create: true, threads: 0 });
  t.teardown(() => store.close());
  return store;
}

/** A file that both projects have, in packs of `two` alone. */
async function shareFile(store: Store) {
  const content = blob("what both have");
  const tree = treeOf(fileEntry("file", content));
  const [mine, theirs] = [commitOf(tree, { project: one }), commitOf(tree, { project: two })];
  const waste = blob("what nobody needs");
  await sendObjects(store, [content, tree, mine, theirs, waste], two);
  await store.appendCommit(one, mine.id, undefined);
  await store.appendCommit(two, theirs.id, undefined);
  return { content, tree, mine, theirs, waste };
}

t.test("what one's own packs hold is seen without anything being read", async (t) => {
  const store = await open(t);
  const content = blob("mine");
  await sendObjects(store, [content], one);
  const lease = store.lease({ sees: seesOne });
  const foreign = blob("theirs");
  await sendObjects(store, [foreign], two);
  mkdirSync(join(store.folder, "projects", one));
  writeFileSync(
    join(store.folder, "projects", one, "log"),
    "no line of a log, which whoever reads it is told\n".repeat(3),
  );
  t.strictSame([...(await lease.hasMany(objectIdBytes(content.id)))], [1]);
  t.strictSame([...(await lease.view!.lengthsOf(objectIdBytes(content.id)))], [4]);
  await t.rejects(
    Promise.resolve(lease.view!.has(foreign.id)),
    { code: "STORE_DAMAGED" },
    "as it is for what is theirs",
  );
  lease.release();
  t.equal(store.lease().view, undefined, "and who sees all needs no view");
});

t.test("a commit that is forgotten and deleted can still be read by who was there", async (t) => {
  for (const isKnown of [false, true]) {
    const store = await open(t);
    const { content, tree, mine, theirs, waste } = await shareFile(store);
    const there = store.lease({ sees: seesOne });
    if (isKnown) t.ok(await there.view!.has(content.id));
    await store.forget(one, [mine.id]);
    t.equal((await store.collectGarbage(cleanAll)).packsRewritten, 1);
    const later = store.lease({ sees: seesOne });
    for (const { id } of [content, tree, mine]) {
      t.ok(await there.view!.has(id), "wherever it is now");
      t.notOk(await later.view!.has(id));
    }
    t.notOk(await there.view!.has(theirs.id));
    t.notOk(store.has(waste.id));
    there.release();
    later.release();
    const both = store.lease({ sees: seesOne });
    t.notOk(await both.view!.has(content.id));
    both.release();
  }
});

t.test("a commit that comes is seen at once by all who may, and by nobody else", async (t) => {
  const store = await open(t);
  const others = store.lease({ sees: (project) => project !== one && project !== two });
  const there = store.lease({ sees: (project) => project === one });
  const absent = blob("nobody's");
  await sendObjects(store, [absent], two);
  t.notOk(await there.view!.has(absent.id));
  const { content, mine, theirs } = await shareFile(store);
  t.ok(await there.view!.has(content.id));
  t.ok(await there.view!.has(mine.id));
  t.notOk(await there.view!.has(theirs.id));
  t.notOk(await others.view!.has(content.id));
  const bytes = await there.view!.readObject(mine.id, "commit");
  t.ok(Buffer.from(bytes).equals(mine.bytes));
  await t.rejects(there.view!.readObject(theirs.id, "commit"), {
    code: "NO_OBJECT",
    message: `no object '${theirs.id}' in the store`,
  });
  there.release();
  others.release();
});

t.test("a commit that is forgotten and brought back again and again is remembered once", (t) => {
  const visible = new VisibleObjects(seesOne, undefined as never); // nothing is asked of the store before the first question
  const commits = Array.from({ length: 10 }, (_, at) => blob(`${at}`).id);
  const before = visible.sizeBytes;
  for (const commit of commits) visible.keepCommit(commit);
  const once = visible.sizeBytes;
  t.ok(once > before && once < before + 10_000, `${once - before} bytes`);
  for (let time = 0; time < 1000; time += 1) for (const commit of commits) visible.keepCommit(commit);
  t.equal(visible.sizeBytes, once);
  t.end();
});

t.test("many questions at the same time are answered alike", async (t) => {
  const store = await open(t);
  const { content, tree, mine, theirs, waste } = await shareFile(store);
  const leases = Array.from({ length: 20 }, () => store.lease({ sees: seesOne }));
  const answers = await Promise.all(
    leases.flatMap(({ view }) => [content, theirs, tree, waste, mine].map(async ({ id }) => view!.has(id))),
  );
  t.strictSame(
    answers,
    leases.flatMap(() => [true, false, true, false, true]),
  );
  for (const lease of leases) lease.release();
});
