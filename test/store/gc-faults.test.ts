/** Cleaning under a disk of which any one call fails: what is live stays whole. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import { assertComplete } from "../../src/store/reachable.js";
import type { Collected, Store } from "../../src/store/store.js";
import { cleanAll } from "../helpers/clean-all.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { commitOf, fileEntry, oneFile, testProject, treeOf } from "../helpers/small-commit.js";
import { failingDisk, hastyDisk } from "../helpers/store-disks.js";
import { blob, makePack, makeZstdPack, send, sendObjects } from "../helpers/store-pack.js";
import { PowerCutDisk } from "../helpers/store-power-cut.js";

const texts = (what: string): ReturnType<typeof blob>[] =>
  Array.from({ length: 6 }, (_, at) => blob(`${what} ${at} `.repeat(20 + at)));
const [live, dead] = [texts("live"), texts("dead")];
const tree = treeOf(...live.map((each, at) => fileEntry(`${at}`, each)));
const kept = commitOf(tree);
const gone = oneFile("forgotten");
const packs = [
  await makePack([live[0]!, dead[0]!], [live[1]!], [dead[1]!]),
  await makePack([live[2]!, dead[2]!, live[3]!], [tree]),
  await makeZstdPack([live[4]!, kept], [dead[3]!]),
  await makePack([dead[4]!], [live[5]!, dead[5]!]),
  await makePack([gone.blob, gone.tree, gone.commit]),
];
const needed = [...live, tree, kept];
const quickDisk = hastyDisk(nodeDisk);

const clean = (store: Store): Promise<Collected> => store.collectGarbage(cleanAll);

/** Fills a store, and calls `onFilled`; forgets a commit and cleans, again where it is told to and that fails; what is told or sent stays. */
async function run(
  folder: string,
  disk: Disk,
  options: { onFilled?: () => void; again?: boolean } = {},
): Promise<void> {
  const store = await openStore(folder, { create: true, disk });
  const cleanUp = (): Promise<Collected> =>
    clean(store).catch((error: unknown) => (options.again === true ? clean(store) : Promise.reject(error)));
  try {
    for (const pack of packs) await send(store, pack);
    await store.appendCommit(testProject, kept.id, undefined);
    await store.appendCommit(testProject, gone.commit.id, kept.id);
    options.onFilled?.();
    await store.forget(testProject, [gone.commit.id]);
    const lease = store.lease();
    await lease.hasMany(objectIdBytes(dead[2]!.id));
    await cleanUp();
    await sendObjects(store, [dead[0]!]);
    await cleanUp();
    for (const each of [...needed, dead[0]!, dead[2]!]) {
      if (!Buffer.from(await store.readObject(each.id)).equals(each.bytes)) throw new Error("another object");
    }
    lease.release();
  } finally {
    await store.close().catch(() => undefined); // where the power is off, so is the process
  }
}

/** Opens what is left with a sound disk, and gives what is wrong with it. */
async function findLoss(folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const store = await openStore(folder, { create: false, disk: quickDisk });
  if (store.damaged.length > 0) wrong.push(`damaged: ${JSON.stringify(store.damaged)}`);
  if (readdirSync(join(folder, "incoming")).length > 0) wrong.push("something in incoming");
  const check = async (when: string): Promise<void> => {
    await assertComplete(store, kept.id, undefined).catch((error: unknown) => wrong.push(`${when}: ${String(error)}`));
    for (const { id, bytes } of needed) {
      const read = await store.readObject(id).catch(() => undefined);
      if (read === undefined || !Buffer.from(read).equals(bytes)) wrong.push(`${when}: object ${id}`);
    }
  };
  await check("at first");
  const log = (await store.readLog(testProject)).map(({ commit }) => commit);
  if (log[0] !== kept.id) wrong.push(`log: ${log.join()}`);
  if (log.includes(gone.commit.id)) await assertComplete(store, gone.commit.id, undefined);
  for (const { commit } of await store.readForgotten(testProject)) await assertComplete(store, commit, undefined);
  await store.forget(testProject, [gone.commit.id]);
  await clean(store);
  await check("after cleaning");
  const left = [...dead, gone.blob, gone.tree, gone.commit].filter(({ id }) => store.has(id));
  if (left.length > 0) wrong.push(`${left.length} objects that nobody needs`);
  await send(store, packs[0]!); // and it takes all of it again
  await check("after sending again");
  await store.close();
  return wrong;
}

async function countCalls(folder: string): Promise<{ filled: number; total: number }> {
  await nodeDisk.makeFolder(folder);
  const power = new PowerCutDisk(folder, quickDisk);
  let filled = 0;
  await run(join(folder, "store"), power.disk, { onFilled: () => (filled = power.calls) });
  return { filled, total: power.calls };
}

for (const code of ["ENOSPC", "EIO"] as const) {
  t.test(`any one call of a forget and a gc may fail with ${code}, and the same process can clean again`, async (t) => {
    const folder = fastFolder(t);
    const { filled, total } = await countCalls(join(folder, "count"));
    const wrong: string[] = [];
    for (let failAt = filled + 1; failAt <= total; failAt += 1) {
      let calls = 0;
      let failed = "";
      const disk = failingDisk(quickDisk, (call) => {
        calls += 1;
        if (calls === failAt) failed = `${call.name} ${call.path.slice(folder.length)}`;
        return calls === failAt ? code : undefined;
      });
      const path = join(folder, `${failAt}`);
      const told = await run(path, disk, { again: code === "EIO" }).then(
        () => "nothing",
        (error: unknown) => (error as { code?: string }).code ?? String(error),
      );
      // what can't be rewritten on a full disk is no failure
      if (!["nothing", code === "ENOSPC" ? "STORE_FULL" : "STORE_FAILED"].includes(told))
        wrong.push(`call ${failAt}, ${failed}: ${told}`);
      const found = await findLoss(path).catch((error: unknown) => [String(error)]);
      wrong.push(...found.map((each) => `call ${failAt}, ${failed}: ${each}`));
    }
    t.strictSame(wrong, []);
  });
}
