/** What is said of commits that lack something, and how little has to be remembered for it. */
import t from "tap";
import { BakError } from "../../src/errors.js";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import { ListBuilder } from "../../src/objects/list.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { TreeBuilder } from "../../src/objects/tree.js";
import { CommitChecks, displayPath, maxPathsPerCommit, type CheckedCommit } from "../../src/store/check-commits.js";
import {
  commitOf,
  dirEntry,
  fileEntry,
  plainAttributes,
  testProject,
  treeOf,
  type Made,
} from "../helpers/small-commit.js";
import { blob, object } from "../helpers/store-pack.js";

/** Objects in memory, numbered as they come; some are damaged. */
class Memory {
  readonly #objects = new Map<ObjectId, { made: Made; record: number }>();
  #nextRecord = 0;
  readonly damaged = new Set<ObjectId>();
  reads: ObjectId[] = [];

  put<T extends Made>(made: T): T {
    if (!this.#objects.has(made.id)) this.#objects.set(made.id, { made, record: this.#nextRecord++ });
    return made;
  }

  lose(id: ObjectId): void {
    this.#objects.delete(id);
  }

  recordOf(id: ObjectId): number {
    return this.#objects.get(id)?.record ?? -1;
  }

  lengthsOf(ids: Uint8Array): Float64Array {
    return Float64Array.from({ length: ids.length / 32 }, (_, at) => {
      return this.#objects.get(objectIdAt(ids, at * 32))?.made.bytes.length ?? -1;
    });
  }

  readObject(id: ObjectId): Promise<Uint8Array> {
    this.reads.push(id);
    const found = this.#objects.get(id);
    if (found === undefined) return Promise.reject(new BakError("NO_OBJECT", "no object"));
    return Promise.resolve(found.made.bytes);
  }

  isDamaged(record: number): boolean {
    return [...this.damaged].some((id) => this.recordOf(id) === record);
  }

  hasDamage(): boolean {
    return this.damaged.size > 0;
  }
}

type Told = CheckedCommit & { paths: string[]; whys: string[] };

async function check(checks: CommitChecks, commit: Made): Promise<Told> {
  const told: { paths: string[]; whys: string[] } = { paths: [], whys: [] };
  const checked = await checks.check(testProject, commit.id, {
    signal: new AbortController().signal,
    onFault: async ({ path, why }) => {
      told.paths.push(displayPath(path));
      told.whys.push(why);
    },
  });
  return { ...checked, ...told };
}

t.test("what commits share is read once, and its faults are told of for each", async (t) => {
  const memory = new Memory();
  const [a, b] = [memory.put(blob("a")), memory.put(blob("b"))];
  const sound = memory.put(treeOf(fileEntry("a", a)));
  const unsound = memory.put(treeOf(fileEntry("b", b)));
  const one = memory.put(treeOf(dirEntry("sound", sound), dirEntry("unsound", unsound)));
  const two = memory.put(treeOf(dirEntry("moved", unsound), dirEntry("sound", sound)));
  const [first, second] = [memory.put(commitOf(one)), memory.put(commitOf(two, { message: "2" }))];
  memory.lose(b.id);
  const checks = new CommitChecks(memory);
  t.match(await check(checks, first), { isWhole: false, faults: 1, paths: ["unsound/b"] });
  t.match(await check(checks, second), { isWhole: false, faults: 1, paths: ["moved/b"] });
  t.equal(memory.reads.filter((id) => id === sound.id).length, 1);
  memory.put(b);
  t.match(await check(checks, second), { isWhole: true, faults: 0 });
});

t.test("everything that is wrong is told of, not the first thing alone", async (t) => {
  const memory = new Memory();
  const whole = memory.put(blob("whole"));
  const [missing, damaged] = [blob("missing"), memory.put(blob("damaged"))];
  const entry = { ...fileEntry("size", whole), size: 3 };
  const absent = treeOf(fileEntry("x", whole));
  const files = [fileEntry("damaged", damaged), fileEntry("missing", missing), entry, fileEntry("whole", whole)];
  const inner = memory.put(treeOf(...files));
  const notATree = memory.put(object("blob", "no tree"));
  const root = memory.put(
    treeOf(dirEntry("gone", absent), dirEntry("inner", inner), dirEntry("not", notATree.id), fileEntry("top", missing)),
  );
  memory.damaged.add(damaged.id);
  const commit = memory.put(commitOf(root));
  const { paths, whys } = await check(new CommitChecks(memory), commit);
  t.strictSame(paths.toSorted(), ["gone", "inner/damaged", "inner/missing", "inner/size", "not", "top"]);
  t.match(whys[paths.indexOf("inner/size")], /is 5 bytes long, not 3/);
  t.match(whys[paths.indexOf("gone")], /^tree .* is missing$/);
  t.match(whys[paths.indexOf("inner/damaged")], /is damaged$/);
  t.match(whys[paths.indexOf("not")], /^malformed tree/);
});

t.test("a commit that is missing, or of another project, is told of as such", async (t) => {
  const memory = new Memory();
  const checks = new CommitChecks(memory);
  const commit = commitOf(memory.put(treeOf()));
  t.match(await check(checks, commit), { faults: 1, paths: ["."], whys: [/^commit .* is missing$/] });
  const foreign = memory.put(commitOf(treeOf(), { project: "other" as typeof testProject }));
  t.match(await check(checks, foreign), { faults: 1, whys: ["it is of project 'other'"] });
  t.match(await check(checks, memory.put(commitOf(treeOf(), { parent: "ab".repeat(32) as ObjectId }))), { faults: 0 });
});

t.test("a directory of many pages, and a file of many chunks, are gone through", async (t) => {
  const memory = new Memory();
  const content = memory.put(blob("content"));
  const pages = new TreeBuilder((tree) => void memory.put(tree));
  for (let file = 0; file < 20_000; file += 1) pages.add(fileEntry(`f${String(file).padStart(6, "0")}`, content));
  const wide = pages.finish();
  const chunks = Array.from({ length: 3000 }, (_, at) => memory.put(blob(`chunk ${at}`)));
  const lists = new ListBuilder((list) => void memory.put(list));
  for (const { id, bytes } of chunks) lists.add({ id, size: bytes.length });
  const size = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const large = { name: byteStringFromText("large"), ...plainAttributes, kind: "file" as const, size };
  const fileHash = objectIdOf(Buffer.from("any"));
  const list = lists.finish();
  const root = (wrong = 0): Made =>
    memory.put(treeOf({ ...large, size: size + wrong, content: { list, fileHash } }, dirEntry("wide", wide)));
  const commit = memory.put(commitOf(root()));
  const checks = new CommitChecks(memory);
  t.match(await check(checks, commit), { isWhole: true });
  const read = memory.reads.length;
  t.match(await check(checks, memory.put(commitOf(root(), { message: "again" }))), { isWhole: true });
  t.equal(memory.reads.length, read + 1, "the commit alone");
  t.match(await check(checks, memory.put(commitOf(root(1)))), { paths: ["large"], whys: [/another size or level/] });

  memory.lose(chunks[1700]!.id);
  const fresh = await check(new CommitChecks(memory), commit);
  t.match(fresh, { faults: 1, paths: ["large"], whys: [/^blob .* is missing$/] });
});

t.test("no more paths of a commit are told of than so many, and it does not take for ever", async (t) => {
  const memory = new Memory();
  let tree = memory.put(treeOf(fileEntry("f", blob("gone"))));
  // each folder has the one before twice: 2^40 paths
  for (let depth = 0; depth < 40; depth += 1) tree = memory.put(treeOf(dirEntry("a", tree), dirEntry("b", tree)));
  const told = await check(new CommitChecks(memory), memory.put(commitOf(tree)));
  t.equal(told.paths.length, maxPathsPerCommit);
  t.ok(told.faults > maxPathsPerCommit);
});

t.test("what is remembered of objects is bits, however many commits there are", async (t) => {
  const memory = new Memory();
  const content = memory.put(blob("content"));
  const checks = new CommitChecks(memory);
  const folders = Array.from({ length: 2000 }, (_, at) => memory.put(treeOf(fileEntry(`f${at}`, content))));
  const name = (at: number): string => `d${String(at).padStart(6, "0")}`;
  for (let commit = 0; commit < 20; commit += 1) {
    const root = treeOf(...folders.slice(commit).map((folder, at) => dirEntry(name(at), folder)));
    t.ok((await check(checks, memory.put(commitOf(memory.put(root))))).isWhole);
  }
  t.ok(checks.memoryBytes < 2020 * 400 + 16_384, `${checks.memoryBytes} bytes`);
});
