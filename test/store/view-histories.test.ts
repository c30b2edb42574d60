/** Whatever projects push, forget and lose, and in whatever packs it lies: each sees what is its own, and nothing else. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { unpackMember } from "../../src/objects/member-codec.js";
import { decodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdAt, objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { openStore } from "../../src/store/open-store.js";
import { decodePackIndex, recordLength, recordsOffset } from "../../src/store/pack-index.js";
import { assertComplete } from "../../src/store/reachable.js";
import type { Lease, Sees, Store } from "../../src/store/store.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { commitOf, dirEntry, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, makePack } from "../helpers/store-pack.js";

const projects = ["one", "two", "three"].map((name) => parseProjectId(name));
/** Who may see which projects; the same functions in all of a test, so that what is known is used again. */
const groups: readonly (readonly number[])[] = [[0], [1], [2], [0, 1]];
const among =
  (group: readonly number[]): Sees =>
  (project) =>
    group.some((at) => projects[at] === project);

type Step =
  | { readonly type: "push" | "steal"; readonly project: number; readonly files: number[]; readonly sub: number[] }
  | { readonly type: "abandon"; readonly project: number; readonly files: number[] }
  | { readonly type: "forget"; readonly project: number; readonly at: number }
  | { readonly type: "undo" | "reopen" | "linger" | "loseIndex" }
  | { readonly type: "gc"; readonly nothingLeft: boolean }
  | { readonly type: "repair"; readonly pack: number; readonly at: number };

const contents = fc.array(fc.nat(20), { maxLength: 6 });
const project = fc.nat(projects.length - 1);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom("push", "steal"), project, files: contents, sub: contents }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("abandon"), project, files: contents }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("forget"), project, at: fc.nat(10) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("undo", "reopen", "loseIndex") }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("linger") }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("gc"), nothingLeft: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("repair"), pack: fc.nat(20), at: fc.nat(5000) }) },
) as fc.Arbitrary<Step>;

const contentOf = (number: number): Made => blob(`content ${number} `.repeat(1 + number * 3));
const entriesOf = (files: readonly number[]) =>
  [...new Set(files)]
    .toSorted((a, b) => a - b)
    .map((file) => fileEntry(`f${String(file).padStart(2, "0")}`, contentOf(file)));

/** A session that goes on while others do things. */
interface Lingering {
  readonly group: readonly number[];
  readonly lease: Lease;
}

class World {
  store!: Store;
  readonly folder: string;
  readonly sees = groups.map(among);
  readonly all = new Map<ObjectId, Made>();
  /** What each object names. */
  readonly names = new Map<ObjectId, readonly ObjectId[]>();
  /** What each project has ever sent, or had in a commit. */
  readonly everHad = projects.map(() => new Set<ObjectId>());
  lingering: Lingering[] = [];
  /** How often something was refused, and something was not seen that is there. */
  refused = 0;
  hidden = 0;
  #pushes = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  async open(): Promise<void> {
    this.store = await openStore(this.folder, { create: true, threads: 0 });
  }

  async run(step: Step): Promise<void> {
    switch (step.type) {
      case "push":
      case "steal":
        return this.#push(step);
      case "abandon":
        return this.#send(projects[step.project]!, step.files.map(contentOf));
      case "forget": {
        const log = await this.store.readLog(projects[step.project]!);
        const line = log[step.at % Math.max(log.length, 1)];
        if (line !== undefined) await this.store.forget(projects[step.project]!, [line.commit]);
        return;
      }
      case "undo":
        for (const each of projects) {
          const lines = await this.store.readForgotten(each);
          await this.store.undoForget(
            each,
            lines.map(({ commit }) => commit),
          );
        }
        return;
      case "reopen":
        return this.#reopen(() => undefined);
      case "loseIndex":
        return this.#reopen(() => {
          const [path] = this.#files(".idx");
          if (path !== undefined) writeFileSync(path, "nothing of use");
        });
      case "linger": {
        const at = this.#pushes % groups.length;
        this.lingering.push({ group: groups[at]!, lease: this.store.lease({ sees: this.sees[at] }) });
        return;
      }
      case "gc":
        return this.#clean(step.nothingLeft);
      case "repair":
        return this.#repair(step);
    }
  }

  /** Pushes what it takes to be new, as a client does; one that steals takes all to be there. */
  async #push({ type, project: number, files, sub }: Extract<Step, { type: "push" | "steal" }>): Promise<void> {
    const project = projects[number]!;
    const head = await this.store.head(project);
    const inner = treeOf(...entriesOf(sub));
    const tree = treeOf(dirEntry("d", inner), ...entriesOf(files));
    const commit = commitOf(tree, { parent: head, message: `${(this.#pushes += 1)}`, project });
    this.names.set(commit.id, [tree.id]).set(tree.id, [inner.id, ...files.map((each) => contentOf(each).id)]);
    this.names.set(
      inner.id,
      sub.map((each) => contentOf(each).id),
    );
    const lease = this.store.lease({ sees: this.sees[number] });
    try {
      const view = lease.view!;
      const content = [...new Set([...files, ...sub])].map(contentOf);
      const wanted: Made[] = [];
      for (const [at, each] of [...content, inner, tree].entries()) {
        if (type === "push" && (at % 3 === 0 || !(await view.has(each.id)))) wanted.push(each);
      }
      await this.#send(project, type === "push" ? [...wanted, commit] : [tree, inner, commit]);
      const seen = this.model([number]);
      const isComplete = [...content, inner, tree].every(({ id }) => seen.has(id));
      const refusal = await assertComplete(view, commit.id, head).then(
        () => undefined,
        (error: { code?: string }) => error.code,
      );
      if (isComplete !== (refusal === undefined) || (refusal ?? "INCOMPLETE_COMMIT") !== "INCOMPLETE_COMMIT")
        throw new Error(`complete: ${isComplete}, but ${String(refusal)}`);
      if (refusal === undefined) {
        await this.store.appendCommit(project, commit.id, head);
        this.#reach(commit.id, this.everHad[number]!);
      } else this.refused += 1;
    } finally {
      lease.release();
    }
  }

  async #send(owner: ProjectId, objects: readonly Made[]): Promise<void> {
    for (const each of objects) {
      this.all.set(each.id, each);
      this.everHad[projects.indexOf(owner)]!.add(each.id);
    }
    const parts = [0, 1].map((part) => objects.filter((_, at) => at % 2 === part)).filter(({ length }) => length > 0);
    if (parts.length === 0) return;
    const pack = await makePack(...parts);
    const receiver = this.store.receivePack({ owner });
    for (const member of pack.members) await receiver.add(Buffer.from(member));
    await receiver.finish(pack.id);
  }

  async #reopen(change: () => void): Promise<void> {
    this.leave();
    await this.store.close();
    change();
    await this.open();
  }

  leave(): void {
    for (const { lease } of this.lingering) lease.release();
    this.lingering = [];
  }

  async #clean(nothingLeft: boolean): Promise<void> {
    const limits = { ofPack: nothingLeft ? 0 : 0.25, ofStore: nothingLeft ? 0 : 0.05 };
    const { signal } = new AbortController();
    const options = { graceMs: 0, limits, signal, isDryRun: false, onProgress: (): void => undefined };
    await this.store.collectGarbage(options).catch((error: { code?: string }) => {
      if (error.code !== "STORE_DAMAGED") throw error; // a repair may have found something lost
    });
  }

  async #repair({ pack, at }: Extract<Step, { type: "repair" }>): Promise<void> {
    const paths = this.#files(".tar.gz");
    const path = paths[pack % Math.max(paths.length, 1)];
    if (path === undefined) return;
    const bytes = readFileSync(path);
    bytes[at % bytes.length]! ^= 0x55;
    writeFileSync(path, bytes);
    const { signal } = new AbortController();
    const quiet = { onFinding: () => Promise.resolve(), onProgress: (): void => undefined };
    await this.store.check({ readPermille: 1000, repair: true, signal, ...quiet });
  }

  #files(suffix: string): string[] {
    const names = readdirSync(join(this.folder, "packs"), { recursive: true, encoding: "utf8" });
    return names
      .filter((name) => name.endsWith(suffix))
      .toSorted()
      .map((name) => join(this.folder, "packs", name));
  }

  /** What those who may see some projects see, by what lies on disk and in the logs. */
  model(group: readonly number[]): Set<ObjectId> {
    const seen = new Set<ObjectId>();
    for (const path of this.#files(".idx")) {
      const index = decodePackIndex(readFileSync(path), path.slice(-68, -4) as ObjectId);
      if (!group.some((at) => projects[at] === index.owner)) continue;
      for (let at = 0; at < index.recordCount; at += 1) {
        seen.add(objectIdAt(index.bytes, recordsOffset(index) + at * recordLength));
      }
    }
    for (const at of group) {
      for (const name of ["log", "forgotten"]) {
        for (const commit of this.#commitsIn(join(this.folder, "projects", projects[at]!, name))) {
          this.#reach(commit, seen);
        }
      }
    }
    return new Set([...seen].filter((id) => this.store.has(id)));
  }

  #commitsIn(path: string): ObjectId[] {
    try {
      return readFileSync(path, "latin1")
        .split("\n")
        .slice(0, -1)
        .map((line) => line.slice(0, 64) as ObjectId);
    } catch {
      return [];
    }
  }

  #reach(id: ObjectId, seen: Set<ObjectId>): void {
    if (!this.store.has(id)) return; // what it names is not known
    seen.add(id);
    for (const child of this.names.get(id) ?? []) this.#reach(child, seen);
  }

  /**
   * Compares what is seen with the model, in each of the ways in which it can be asked for. Who comes after the store was
   * cleaned is told what is so now, and not what was.
   */
  async compare(isCleaned: boolean): Promise<void> {
    for (const [at, group] of groups.entries()) {
      const [model, ever] = [this.model(group), this.#ever(group)];
      const fresh = await this.#seenBy(among(group), model);
      this.#assertBetween(fresh, model, model);
      this.#assertBetween(fresh, model, ever);
      const known = await this.#seenBy(this.sees[at]!, model);
      this.#assertBetween(known, model, isCleaned ? model : ever);
      this.hidden += [...this.all.keys()].filter((id) => this.store.has(id) && !fresh.has(id)).length;
    }
    for (const { group, lease } of this.lingering) {
      this.#assertBetween(await this.#asked(lease), this.model(group), this.#ever(group));
    }
  }

  #ever(group: readonly number[]): Set<ObjectId> {
    return new Set(group.flatMap((at) => [...this.everHad[at]!]));
  }

  #assertBetween(seen: ReadonlySet<ObjectId>, least: ReadonlySet<ObjectId>, most: ReadonlySet<ObjectId>): void {
    for (const id of least) if (!seen.has(id)) throw new Error(`${id} is not seen any more`);
    for (const id of seen) if (!most.has(id)) throw new Error(`${id} was never to be seen`);
  }

  async #seenBy(sees: Sees, model: ReadonlySet<ObjectId>): Promise<Set<ObjectId>> {
    const lease = this.store.lease({ sees });
    try {
      const seen = await this.#asked(lease);
      await this.#readMembers(lease, [...model].slice(0, 5), seen);
      return seen;
    } finally {
      lease.release();
    }
  }

  /** What a session is told it may have, by every question that there is. */
  async #asked(lease: Lease): Promise<Set<ObjectId>> {
    const ids = [...this.all.keys()];
    const bytes = Buffer.concat(ids.map((id) => objectIdBytes(id)));
    const view = lease.view!;
    const lengths = await view.lengthsOf(bytes);
    const bitmap = await lease.hasMany(bytes);
    const seen = new Set<ObjectId>();
    for (const [at, id] of ids.entries()) {
      const isSeen = await view.has(id);
      const isTold = (bitmap[at >> 3]! & (1 << (at & 7))) !== 0;
      if (isSeen !== isTold || isSeen !== lengths[at]! >= 0) throw new Error(`one says so of ${id}, and another not`);
      const answer = await view.readObject(id).then(
        (read) => Buffer.from(read).equals(this.all.get(id)!.bytes),
        (error: { code?: string; message?: string }) =>
          error.code === "NO_OBJECT" && error.message === `no object '${id}' in the store` ? undefined : error,
      );
      if (answer !== (isSeen || undefined)) throw new Error(`${id}: ${isSeen}, but ${JSON.stringify(answer)}`);
      if (!isSeen) {
        const opened = await Promise.resolve(view.openMembers([id])).catch((error: { code?: string }) => error.code);
        if (opened !== "NO_OBJECT") throw new Error(`${id} is not seen, but its member is`);
      } else seen.add(id);
    }
    return seen;
  }

  /** Members hold what was asked for, and nothing that is not seen. */
  async #readMembers(lease: Lease, ids: readonly ObjectId[], seen: ReadonlySet<ObjectId>): Promise<void> {
    const members = await lease.view!.openMembers(ids);
    const read = new Set<ObjectId>();
    for await (const room of members.read(7)) {
      for (const { id } of decodeMemberTar(await unpackMember(Buffer.from(room.subarray(7))))) read.add(id);
    }
    members.release();
    for (const id of read) if (!seen.has(id)) throw new Error(`a member holds ${id}`);
    for (const id of ids) if (!read.has(id)) throw new Error(`no member holds ${id}`);
  }
}

t.test("whatever is pushed, forgotten and lost", async (t) => {
  const root = fastFolder(t);
  let [runs, refused, hidden] = [0, 0, 0];
  const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (history) => {
    const world = new World(join(root, `${(runs += 1)}`));
    await world.open();
    try {
      for (const each of history) {
        await world.run(each);
        await world.compare(each.type === "gc" || each.type === "repair");
      }
    } finally {
      world.leave();
      await world.store.close();
      refused += world.refused;
      hidden += world.hidden;
    }
  });
  await fc.assert(property, { numRuns: 40 });
  t.ok(refused > 10 && hidden > 100, `${refused} refused, ${hidden} hidden`);
});
