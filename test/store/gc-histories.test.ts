/** Whatever is pushed and forgotten, and in whatever packs it lies: cleaning keeps all that is live, and nothing else. */
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import { assertComplete } from "../../src/store/reachable.js";
import type { Store } from "../../src/store/store.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { commitOf, dirEntry, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, makePack, send } from "../helpers/store-pack.js";

const projects = [parseProjectId("one"), parseProjectId("two")] as const;

/** One step of a history. Numbers stand for contents, of which there are few, so that they come again and again. */
type Step =
  | {
      readonly type: "push";
      readonly project: 0 | 1;
      readonly files: number[];
      readonly sub: number[];
      readonly members: number;
    }
  | { readonly type: "abandon"; readonly files: number[] }
  | { readonly type: "forget"; readonly project: 0 | 1; readonly at: number }
  | { readonly type: "undo" }
  | { readonly type: "reopen" }
  | { readonly type: "gc"; readonly nothingLeft: boolean };

const contents = fc.array(fc.nat(30), { maxLength: 8 });
const project = fc.constantFrom(0 as const, 1 as const);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("push" as const),
      project,
      files: contents,
      sub: contents,
      members: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("abandon" as const), files: contents }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("forget" as const), project, at: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.constant({ type: "undo" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "reopen" as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("gc" as const), nothingLeft: fc.boolean() }) },
);

const contentOf = (number: number): Made => blob(`content ${number} `.repeat(1 + number * 3));
const fileEntries = (files: readonly number[]) =>
  [...new Set(files)]
    .toSorted((a, b) => a - b)
    .map((file) => fileEntry(`f${String(file).padStart(2, "0")}`, contentOf(file)));

/** A folder with a folder in it: all its objects. */
function folder(
  files: readonly number[],
  sub: readonly number[],
  parent: ObjectId | undefined,
  message: string,
): Made[] {
  const inner = treeOf(...fileEntries(sub));
  const tree = treeOf(dirEntry("d", inner), ...fileEntries(files));
  const commit = commitOf(tree, { parent, message, project: projects[0] });
  return [...new Set([...files, ...sub])].map(contentOf).concat(inner, tree, commit);
}

class World {
  store!: Store;
  readonly made = new Map<ObjectId, Made[]>();
  readonly all = new Map<ObjectId, Made>();
  pushes = 0;

  async run(step: Step): Promise<void> {
    switch (step.type) {
      case "push":
        return this.push(step);
      case "abandon":
        return this.send(step.files.map(contentOf), 2);
      case "forget": {
        const log = await this.store.readLog(projects[step.project]);
        const line = log[step.at % Math.max(log.length, 1)];
        if (line !== undefined) await this.store.forget(projects[step.project], [line.commit]);
        return;
      }
      case "undo":
        for (const each of projects) {
          await this.store.undoForget(
            each,
            (await this.store.readForgotten(each)).map(({ commit }) => commit),
          );
        }
        return;
      case "reopen":
        await this.store.close();
        this.store = await openStore(this.store.folder, { create: false });
        return;
      case "gc":
        return this.clean(step.nothingLeft);
    }
  }

  async push({ project: number, files, sub, members }: Extract<Step, { type: "push" }>): Promise<void> {
    const project = projects[number];
    const head = await this.store.head(project);
    const objects = folder(files, sub, head, `${(this.pushes += 1)}`);
    // some of what is there is sent again, some is not
    await this.send(
      objects.filter(({ id }, at) => at % 3 === 0 || !this.store.has(id)),
      members,
    );
    const commit = objects.at(-1)!;
    await assertComplete(this.store, commit.id, undefined);
    await this.store.appendCommit(project, commit.id, head);
    this.made.set(commit.id, objects);
  }

  async send(objects: Made[], members: number): Promise<void> {
    for (const each of objects) this.all.set(each.id, each);
    const parts = Array.from({ length: members }, (_, at) => objects.filter((__, index) => index % members === at));
    const some = parts.filter(({ length }) => length > 0);
    if (some.length > 0) await send(this.store, await makePack(...some));
  }

  async clean(nothingLeft: boolean): Promise<void> {
    const limits = { ofPack: nothingLeft ? 0 : 0.25, ofStore: nothingLeft ? 0 : 0.05 };
    const { signal } = new AbortController();
    const options = { graceMs: 0, limits, signal, onProgress: (): void => undefined };
    const foretold = await this.store.collectGarbage({ ...options, isDryRun: true });
    const done = await this.store.collectGarbage({ ...options, isDryRun: false });
    const live = await this.live();
    for (const { id, bytes } of live.values()) {
      if (!Buffer.from(await this.store.readObject(id)).equals(bytes)) throw new Error(`another object than ${id}`);
    }
    for (const commit of this.made.keys()) if (live.has(commit)) await assertComplete(this.store, commit, undefined);
    const dead = [...this.all.values()].filter(({ id }) => !live.has(id) && this.store.has(id));
    if (nothingLeft && dead.length > 0) throw new Error(`${dead.length} objects that nobody needs`);
    if (live.size === 0 && this.store.locateMembers([]).length + dead.length > 0) throw new Error("not empty");
    if (done.objectsDropped !== foretold.objectsDropped) throw new Error("another number of objects than was foretold");
    if (done.packsDeleted !== foretold.packsDeleted || done.commitsDropped !== foretold.commitsDropped) {
      throw new Error("others than were foretold");
    }
  }

  /** All objects of commits that stand in a log. */
  async live(): Promise<Map<ObjectId, Made>> {
    const live = new Map<ObjectId, Made>();
    for (const each of projects) {
      for (const { commit } of await this.store.readLog(each)) {
        for (const made of this.made.get(commit)!) live.set(made.id, made);
      }
    }
    return live;
  }
}

t.test("whatever is pushed and forgotten", async (t) => {
  const root = fastFolder(t);
  let runs = 0;
  const property = fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 30 }), async (history) => {
    const world = new World();
    world.store = await openStore(join(root, `${(runs += 1)}`), { create: true });
    try {
      for (const step of history) await world.run(step);
      await world.clean(false);
      await world.clean(true);
      await world.run({ type: "reopen" });
      if (world.store.damaged.length > 0) throw new Error("damaged");
      await world.clean(true);
      for (const each of projects) {
        await world.store.forget(
          each,
          (await world.store.readLog(each)).map(({ commit }) => commit),
        );
      }
      await world.clean(false);
      const { signal } = new AbortController();
      const left = await world.store.collectGarbage({
        graceMs: 0,
        isDryRun: true,
        signal,
        onProgress: () => undefined,
      });
      return left.packs === 0 && left.bytes === 0;
    } finally {
      await world.store.close();
    }
  });
  await fc.assert(property, { numRuns: 60 });
  t.ok(runs >= 60);
});
