/**
 * The store under a disk that fails: the power goes off at any call, or any single call fails. Whatever happens, the store
 * opens again without help, and all that it has acknowledged is there.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { failingDisk } from "../helpers/store-disks.js";
import { blob, makePack, send, type TestPack } from "../helpers/store-pack.js";
import { PowerCutDisk, type Cut } from "../helpers/store-power-cut.js";

const project = parseProjectId("laptop");

/** What the store has acknowledged. */
interface Acknowledged {
  packs: TestPack[];
  commits: ObjectId[];
}

const first = { objects: [blob("a"), blob("b")], extra: [blob("c")] };
const second = { objects: [blob("d")], extra: [blob("e"), blob("a")] };
const packs = [await makePack(first.objects, first.extra), await makePack(second.objects, second.extra)] as const;
const contents = new Map([
  [packs[0].id, [...first.objects, ...first.extra]],
  [packs[1].id, [...second.objects, ...second.extra]],
]);
const commits = [first.objects[0]!.id, second.objects[0]!.id] as const;

/** Everything that changes a store, once or twice: two packs, one of them again, and two commits. */
const steps: ((store: Store, done: Acknowledged) => Promise<void>)[] = [
  async (store, done) => void (await send(store, packs[0]), done.packs.push(packs[0])),
  async (store, done) => void (await store.appendCommit(project, commits[0], undefined), done.commits.push(commits[0])),
  async (store) => void (await send(store, packs[0])),
  async (store, done) => void (await send(store, packs[1]), done.packs.push(packs[1])),
  async (store, done) =>
    void (await store.appendCommit(project, commits[1], commits[0]), done.commits.push(commits[1])),
];

async function run(folder: string, disk: Disk, done: Acknowledged): Promise<void> {
  const store = await openStore(folder, { create: true, disk });
  try {
    for (const step of steps) await step(store, done);
  } finally {
    await store.close().catch(() => undefined); // where the power is off, so is the process
  }
}

/** Opens what is left with a sound disk, and gives what is wrong with it. */
async function findLoss(folder: string, done: Acknowledged): Promise<string[]> {
  const wrong: string[] = [];
  const store = await openStore(folder, { create: true });
  if (store.damaged.length > 0) wrong.push(`damaged: ${JSON.stringify(store.damaged)}`);
  for (const { id } of done.packs) {
    for (const object of contents.get(id) ?? []) {
      if (!Buffer.from(object.bytes).equals(await store.readObject(object.id))) wrong.push(`object ${object.id}`);
    }
  }
  const log = (await store.readLog(project)).map((line) => line.commit);
  const more = log.slice(done.commits.length);
  if (log.slice(0, done.commits.length).join() !== done.commits.join()) wrong.push("a commit that was acknowledged");
  if (more.length > 1 || more.some((commit, at) => commit !== commits[done.commits.length + at]))
    wrong.push(`log: ${log.join()}`);
  if (!log.every((commit) => store.has(commit))) wrong.push("a commit without its object");
  if (readdirSync(join(folder, "incoming")).length > 0) wrong.push("something in incoming");
  // and it takes all that is missing
  for (const pack of packs) await send(store, pack);
  for (const [at, commit] of commits.entries())
    if (at >= log.length) await store.appendCommit(project, commit, commits[at - 1]);
  if ((await store.readLog(project)).length !== commits.length) wrong.push("log after going on");
  await store.close();
  return wrong;
}

async function countCalls(folder: string): Promise<number> {
  const power = new PowerCutDisk(folder, nodeDisk);
  await run(join(folder, "store"), power.disk, { packs: [], commits: [] });
  return power.calls;
}

/** Numbers that look random and are the same in every run. */
function coin(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 31 === 1;
  };
}

const no = (): boolean => false;
const yes = (): boolean => true;
const cuts: Record<string, (seed: number) => Cut> = {
  "nothing that was not synced": () => ({ keepsBytes: no, keepsName: no }),
  everything: () => ({ keepsBytes: yes, keepsName: yes }),
  "names without bytes": () => ({ keepsBytes: no, keepsName: yes }),
  "this and that": (seed) => ({ keepsBytes: coin(seed * 2 + 1), keepsName: coin(seed * 3 + 7) }),
  "that and this": (seed) => ({ keepsBytes: coin(seed * 5 + 3), keepsName: coin(seed * 7 + 1) }),
};

t.test("the power may go off at any call", async (t) => {
  const folder = t.testdir();
  const total = await countCalls(t.testdir({ count: {} }) + "/count");
  t.ok(total > 50, `${total} calls`);
  for (const [what, makeCut] of Object.entries(cuts)) {
    const losses: string[] = [];
    for (let cutAt = 0; cutAt <= total; cutAt += 1) {
      const root = join(folder, `${what}-${cutAt}`.replaceAll(" ", "-"));
      const left = `${root}-left`;
      await nodeDisk.makeFolder(root);
      const power = new PowerCutDisk(root, nodeDisk, cutAt);
      const done: Acknowledged = { packs: [], commits: [] };
      await run(join(root, "store"), power.disk, done).catch(() => undefined);
      power.leave(left, makeCut(cutAt));
      const found = await findLoss(join(left, "store"), done).catch((error: unknown) => [String(error)]);
      losses.push(...found.map((each) => `call ${cutAt}: ${each}`));
    }
    t.strictSame(losses, [], `a cut that leaves ${what}`);
  }
});

for (const code of ["ENOSPC", "EIO"] as const) {
  t.test(`any one call may fail with ${code}`, async (t) => {
    const folder = t.testdir({ count: {} });
    const total = await countCalls(join(folder, "count"));
    const wrong: string[] = [];
    for (let failAt = 1; failAt <= total; failAt += 1) {
      let calls = 0;
      let failed = "";
      const disk = failingDisk(nodeDisk, (call) => {
        calls += 1;
        if (calls === failAt) failed = `${call.name} ${call.path.slice(folder.length)}`;
        return calls === failAt ? code : undefined;
      });
      const store = join(folder, `store-${failAt}`);
      const done: Acknowledged = { packs: [], commits: [] };
      const told = await run(store, disk, done).then(
        () => "nothing",
        (error: unknown) => (error as { code?: string }).code,
      );
      const isTold = told === (code === "ENOSPC" ? "STORE_FULL" : "STORE_FAILED") || told === "nothing";
      if (!isTold) wrong.push(`call ${failAt}, ${failed}: ${told}`);
      const found = await findLoss(store, done).catch((error: unknown) => [String(error)]);
      wrong.push(...found.map((each) => `call ${failAt}, ${failed}: ${each}`));
    }
    t.strictSame(wrong, []);
  });
}

t.test("what failed once can be done again in the same process", async (t) => {
  const folder = t.testdir({ count: {} });
  const total = await countCalls(join(folder, "count"));
  const wrong: string[] = [];
  for (let failAt = 1; failAt <= total; failAt += 1) {
    let calls = 0;
    const disk = failingDisk(nodeDisk, () => {
      calls += 1;
      return calls === failAt ? "EIO" : undefined;
    });
    const path = join(folder, `store-${failAt}`);
    const done: Acknowledged = { packs: [], commits: [] };
    const open = () => openStore(path, { create: true, disk });
    const store = await open().catch(open);
    for (const step of steps) {
      const head = done.commits.at(-1);
      await step(store, done).catch(async () => {
        if ((await store.head(project)) !== head) wrong.push(`call ${failAt}: the head moved though that failed`);
        await step(store, done);
      });
    }
    await store.close().catch(() => undefined);
    wrong.push(...(await findLoss(path, done)).map((each) => `call ${failAt}: ${each}`));
  }
  t.strictSame(wrong, []);
});
