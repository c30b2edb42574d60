/**
 * The store after a failure that others have gone on from: the process is killed at any call, another goes on, and then the
 * power goes off; or a call fails, and is done again. Whatever happens, the store opens again without help, and all that it has
 * acknowledged is there. (test/reliability cuts the power, and fails calls, at every point of a longer life.)
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { failingDisk } from "../helpers/store-disks.js";
import { blob, makePack, send, type TestPack } from "../helpers/store-pack.js";
import { PowerCutDisk, type Cut } from "../helpers/store-power-cut.js";

const project = parseProjectId("laptop");

/** What a store has: as it was last acknowledged, or as the step that comes begun would leave it. */
interface State {
  readonly packs: readonly TestPack[];
  readonly log: readonly ObjectId[];
  readonly forgotten: readonly ObjectId[];
}

/** How far a run has come. */
interface Progress {
  state: State;
  /** What was begun and not acknowledged. */
  begun: State;
}

interface Step {
  readonly work: (store: Store) => Promise<unknown>;
  readonly leaves: Partial<State>;
}

const first = { objects: [blob("a"), blob("b")], extra: [blob("c")] };
const second = { objects: [blob("d")], extra: [blob("e"), blob("a")] };
const packs = [await makePack(first.objects, first.extra), await makePack(second.objects, second.extra)] as const;
const contents = new Map([
  [packs[0].id, [...first.objects, ...first.extra]],
  [packs[1].id, [...second.objects, ...second.extra]],
]);
const [a, d, e] = [first.objects[0]!.id, second.objects[0]!.id, second.extra[0]!.id];

/** Everything that changes a store, once or twice: packs, one of them again, commits, and what is forgotten and comes back. */
const steps: readonly Step[] = [
  { work: (store) => send(store, packs[0]), leaves: { packs: [packs[0]] } },
  { work: (store) => store.appendCommit(project, a, undefined), leaves: { log: [a] } },
  { work: (store) => send(store, packs[0]), leaves: {} },
  { work: (store) => send(store, packs[1]), leaves: { packs } },
  { work: (store) => store.appendCommit(project, d, a), leaves: { log: [a, d] } },
  { work: (store) => store.forget(project, [a]), leaves: { log: [d], forgotten: [a] } },
  { work: (store) => store.appendCommit(project, e, d), leaves: { log: [d, e] } },
  { work: (store) => store.undoForget(project, [a]), leaves: { log: [a, d, e], forgotten: [] } },
  { work: (store) => store.forget(project, [e, d, a]), leaves: { log: [], forgotten: [a, d, e] } },
  { work: (store) => store.undoForget(project, [d]), leaves: { log: [d], forgotten: [a, e] } },
  { work: (store) => store.expireForgotten(project, Date.now() + 1), leaves: { forgotten: [] } },
  { work: (store) => store.appendCommit(project, a, d), leaves: { log: [d, a] } },
];

function begin(): Progress {
  const nothing = { packs: [], log: [], forgotten: [] };
  return { state: nothing, begun: nothing };
}

async function take(step: Step, store: Store, progress: Progress): Promise<void> {
  progress.begun = { ...progress.state, ...step.leaves };
  await step.work(store);
  progress.state = progress.begun;
}

async function run(folder: string, disk: Disk, progress: Progress): Promise<void> {
  const store = await openStore(folder, { create: true, disk });
  try {
    for (const step of steps) await take(step, store, progress);
  } finally {
    await store.close().catch(() => undefined); // where the power is off, so is the process
  }
}

/** What the store says of its project, as a text that can be compared. */
async function linesOf(store: Store): Promise<string> {
  const { log, forgotten } = await store.readLines(project);
  return describe({ log: log.map(({ commit }) => commit), forgotten: forgotten.map(({ commit }) => commit) });
}

function describe({ log, forgotten }: Omit<State, "packs">): string {
  return `log ${log.join()}, forgotten ${forgotten.join()}`;
}

/** Opens what is left with a sound disk, and gives what is wrong with it. */
async function findLoss(folder: string, { state, begun }: Progress): Promise<string[]> {
  const wrong: string[] = [];
  const store = await openStore(folder, { create: true });
  if (store.damaged.length > 0) wrong.push(`damaged: ${JSON.stringify(store.damaged)}`);
  for (const { id } of state.packs) {
    for (const object of contents.get(id) ?? []) {
      if (!Buffer.from(object.bytes).equals(await store.readObject(object.id))) wrong.push(`object ${object.id}`);
    }
  }
  const lines = await linesOf(store);
  if (![state, begun].map(describe).includes(lines)) wrong.push(`${lines}, not ${describe(state)}`);
  const log = (await store.readLog(project)).map(({ commit }) => commit);
  if (!log.every((commit) => store.has(commit))) wrong.push("a commit without its object");
  if (readdirSync(join(folder, "incoming")).length > 0) wrong.push("something in incoming");
  // and it takes all that is missing
  for (const pack of packs) await send(store, pack);
  await store.appendCommit(project, e, log.at(-1));
  await store.undoForget(project, [a, d]);
  const gone = (await store.forget(project, [e, a])) + (await store.forget(project, [d]));
  if (gone < log.length + 1 || (await store.projects()).length > 0) wrong.push("log after going on");
  await store.close();
  return wrong;
}

/** Whether the lines may be there after a step has failed: an append is taken back then, all else is done whole or not. */
function isWhole(lines: string, { state, begun }: Progress): boolean {
  const isAppend = begun.log.length === state.log.length + 1 && begun.forgotten === state.forgotten;
  return lines === describe(state) || (!isAppend && lines === describe(begun));
}

async function countCalls(folder: string): Promise<number> {
  const power = new PowerCutDisk(folder, nodeDisk);
  await run(join(folder, "store"), power.disk, begin());
  clear(folder);
  return power.calls;
}

/** Empties a folder: thousands of states would not fit side by side. */
function clear(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
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
const cuts: Record<string, (seed: number) => Cut> = {
  "nothing that was not synced": () => ({ keepsBytes: no, keepsName: no }),
  "this and that": (seed) => ({ keepsBytes: coin(seed * 2 + 1), keepsName: coin(seed * 3 + 7) }),
};

t.test("the process may be killed at any call, and the power go off once another has gone on", async (t) => {
  const folder = fastFolder(t);
  const total = await countCalls(folder);
  for (const what of ["nothing that was not synced", "this and that"]) {
    const losses: string[] = [];
    for (let killAt = 1; killAt <= total; killAt += 1) {
      const root = join(folder, `${what}-${killAt}`.replaceAll(" ", "-"));
      await nodeDisk.makeFolder(root);
      const power = new PowerCutDisk(root, nodeDisk);
      let calls = 0;
      const killed = failingDisk(power.disk, () => ((calls += 1) < killAt ? undefined : "EIO"));
      await run(join(root, "store"), killed, begin()).catch(() => undefined);
      const state = await goOn(join(root, "store"), power.disk);
      power.leave(`${root}-left`, cuts[what]!(killAt));
      const found = await findLoss(join(`${root}-left`, "store"), { state, begun: state }).catch((error: unknown) => [
        String(error),
      ]);
      losses.push(...found.map((each) => `call ${killAt}: ${each}`));
      clear(folder);
    }
    t.strictSame(losses, [], `a cut that leaves ${what}`);
  }
});

/** Changes all that can be changed in what is left of a store, and gives the state that this was told to have. */
async function goOn(folder: string, disk: Disk): Promise<State> {
  const store = await openStore(folder, { create: true, disk });
  for (const pack of packs) await send(store, pack);
  await store.undoForget(project, [e]);
  const head = await store.head(project);
  if (head !== e) await store.appendCommit(project, e, head);
  await store.forget(project, [d]);
  const { log, forgotten } = await store.readLines(project);
  await store.close();
  return { packs, log: log.map(({ commit }) => commit), forgotten: forgotten.map(({ commit }) => commit) };
}

t.test("what failed once can be done again in the same process", async (t) => {
  const folder = fastFolder(t);
  const total = await countCalls(folder);
  const wrong: string[] = [];
  for (let failAt = 1; failAt <= total; failAt += 1) {
    let calls = 0;
    const disk = failingDisk(nodeDisk, () => {
      calls += 1;
      return calls === failAt ? "EIO" : undefined;
    });
    const path = join(folder, `store-${failAt}`);
    const done = begin();
    const open = () => openStore(path, { create: true, disk });
    const store = await open().catch(open);
    for (const step of steps) {
      await take(step, store, done).catch(async () => {
        const lines = await linesOf(store);
        if (!isWhole(lines, done)) wrong.push(`call ${failAt}: ${lines}, though that failed`);
        await take(step, store, done);
        if ((await linesOf(store)) !== describe(done.state)) wrong.push(`call ${failAt}: ${await linesOf(store)}`);
      });
    }
    await store.close().catch(() => undefined);
    wrong.push(...(await findLoss(path, done)).map((each) => `call ${failAt}: ${each}`));
    clear(folder);
  }
  t.strictSame(wrong, []);
});
