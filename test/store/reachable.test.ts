/** What a commit reaches, against a source of objects in memory that counts what is read of it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import t, { type Test } from "tap";
import { BakError } from "../../src/errors.js";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import { encodeCommit } from "../../src/objects/commit.js";
import { treesIn } from "../../src/objects/directory.js";
import type { DirEntry, Entry, FileEntry } from "../../src/objects/entry.js";
import { encodeList, ListBuilder, type List } from "../../src/objects/list.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { decodeTree, encodeTree, isPaged, TreeBuilder, type Tree } from "../../src/objects/tree.js";
import { assertComplete, reachableTrees } from "../../src/store/reachable.js";
import type { ObjectSource } from "../../src/store/store.js";
import { object } from "../helpers/store-pack.js";

/** Objects in memory. */
class Memory implements ObjectSource {
  readonly objects = new Map<ObjectId, PackedObject<ObjectId>>();
  reads = 0;
  readBytes = 0;
  /** Reading more than that fails. */
  maxReadBytes = Infinity;

  has(id: ObjectId): boolean {
    return this.objects.has(id);
  }

  lengthsOf(ids: Uint8Array): Float64Array {
    const count = ids.length / 32;
    return Float64Array.from(
      { length: count },
      (_, at) => this.objects.get(objectIdAt(ids, at * 32))?.bytes.length ?? -1,
    );
  }

  readObject(id: ObjectId): Promise<Uint8Array> {
    this.reads += 1;
    const found = this.objects.get(id);
    if (found === undefined) return Promise.reject(new BakError("NO_OBJECT", `no object '${id}' in the store`));
    this.readBytes += found.bytes.length;
    if (this.readBytes > this.maxReadBytes) throw new Error(`${this.reads} reads, ${this.readBytes} bytes`);
    return Promise.resolve(found.bytes);
  }

  put(kind: PackedObject["kind"], bytes: Uint8Array | string): ObjectId {
    const made = object(kind, bytes);
    this.objects.set(made.id, made);
    return made.id;
  }
}

const attributes = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };
const name = byteStringFromText;

/** A folder as a test writes it: folders, and files by what is in them; `{ chunks }` for a large one. */
interface Folder {
  [name: string]: Folder | string | { chunks: string[] };
}

function putFile(memory: Memory, content: string): Pick<FileEntry, "content" | "size"> {
  return { content: { blob: memory.put("blob", content) }, size: content.length };
}

function putLarge(memory: Memory, chunks: string[]): Pick<FileEntry, "content" | "size"> {
  const lists = new ListBuilder(({ kind, bytes }) => void memory.put(kind, bytes));
  for (const chunk of chunks) lists.add({ id: memory.put("blob", chunk), size: chunk.length });
  const all = chunks.join("");
  return { content: { list: lists.finish(), fileHash: objectIdOf(Buffer.from(all)) }, size: all.length };
}

function putFolder(memory: Memory, folder: Folder): ObjectId {
  const builder = new TreeBuilder(({ kind, bytes }) => void memory.put(kind, bytes));
  for (const each of Object.keys(folder).toSorted()) {
    const value = folder[each]!;
    const base = { name: name(each), ...attributes };
    let entry: Entry;
    if (typeof value === "string") entry = { ...base, kind: "file", ...putFile(memory, value) };
    else if (Array.isArray(value["chunks"])) entry = { ...base, kind: "file", ...putLarge(memory, value["chunks"]) };
    else entry = { ...base, kind: "dir", tree: putFolder(memory, value as Folder) };
    builder.add(entry);
  }
  return builder.finish();
}

function putCommit(memory: Memory, tree: ObjectId): ObjectId {
  const counts = { files: 0, dirs: 0, bytes: 0, changed: 0, added: 0, removed: 0, unreadable: 0 };
  const who = {
    host: "h",
    user: "u",
    path: name("/home"),
    message: "",
    version: "0",
    tags: [],
    excludes: [],
    users: [],
  };
  const when = { startedMs: 0, endedMs: 0, parent: undefined, root: attributes, project: parseProjectId("p") };
  return memory.put("commit", encodeCommit({ tree, ...who, ...when, counts, groups: [] }));
}

/** A folder of so many files, each in a folder of its own if `inFolders`. */
function many(count: number, inFolders = false): Folder {
  const names = Array.from({ length: count }, (_, index) => String(index).padStart(6, "0"));
  return Object.fromEntries(names.map((each) => [each, inFolders ? { file: each } : each]));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** All that a tree reaches, found in the plainest way. */
function closure(memory: Memory, root: ObjectId, found = new Set<ObjectId>()): Set<ObjectId> {
  if (found.has(root)) return found;
  found.add(root);
  for (const id of treesIn(decodeTree(memory.objects.get(root)!.bytes))) closure(memory, id, found);
  return found;
}

const folderModel: fc.Memo<Folder> = fc.memo((depth) =>
  fc.dictionary(
    fc.constantFrom("a", "b", "c", "d"),
    depth <= 1 ? fc.constantFrom("x", "y") : fc.oneof(fc.constantFrom("x", "y"), folderModel()),
    { maxKeys: 4, noNullPrototype: true },
  ),
);

t.test("every tree is given once, parents before children", async (t) => {
  await fc.assert(
    fc.asyncProperty(folderModel(4), async (folder) => {
      const memory = new Memory();
      const root = putFolder(memory, folder);
      const ids = await collect(reachableTrees(memory, root));
      t.strictSame(new Set(ids), closure(memory, root));
      if (ids.length !== new Set(ids).size || ids[0] !== root) throw new Error("twice, or the root not first");
      const named = new Set([root]);
      for (const id of ids) {
        if (!named.has(id)) throw new Error("a child before all its parents");
        for (const child of treesIn(decodeTree(memory.objects.get(id)!.bytes))) named.add(child);
      }
    }),
    { numRuns: 60 },
  );
});

t.test("with what the peer has, what is given makes all of it, and nothing unchanged is given", async (t) => {
  await fc.assert(
    fc.asyncProperty(folderModel(4), folderModel(4), async (before, after) => {
      const memory = new Memory();
      const [known, root] = [putFolder(memory, before), putFolder(memory, after)];
      const given = new Set(await collect(reachableTrees(memory, root, { known })));
      for (const id of closure(memory, root)) {
        if (!given.has(id) && !closure(memory, known).has(id)) throw new Error("the peer lacks a tree");
      }
      if (known === root && given.size > 0) throw new Error("nothing changed, and something was given");
    }),
    { numRuns: 150 },
  );
  t.end();
});

t.test("a small change is a short walk", async (t) => {
  const memory = new Memory();
  const folder: Folder = { deep: { er: { folder: { x: "1" } } }, wide: many(5000), folders: many(3000, true) };
  const known = putFolder(memory, folder);
  const root = putFolder(memory, { ...folder, deep: { er: { folder: { x: "2" } } } });
  memory.reads = 0;
  t.equal((await collect(reachableTrees(memory, root, { known }))).length, 4);
  t.ok(memory.reads <= 12, `${memory.reads} reads`);

  const more = putFolder(memory, { ...folder, folders: { ...many(3000, true), "001500-new": { file: "" } } });
  memory.reads = 0;
  const given = await collect(reachableTrees(memory, more, { known }));
  t.ok(given.length < 10, `${given.length} trees, of ${closure(memory, more).size}`);
  t.ok(memory.reads < 40, `${memory.reads} reads`);
});

t.test("folders that came to lie in another page are not given again", async (t) => {
  const memory = new Memory();
  const folder = many(3000, true);
  const known = putFolder(memory, folder);
  const top = decodeTree(memory.objects.get(known)!.bytes);
  if (!isPaged(top)) throw new Error("not paged");
  const names = Object.keys(folder).toSorted();
  for (const { firstName } of top.pages.slice(1, 6)) {
    // without the name that ends a page, that page and the next are one
    const { [names[names.indexOf(firstName) - 1]!]: _, ...rest } = folder;
    const root = putFolder(memory, rest);
    const given = await collect(reachableTrees(memory, root, { known }));
    t.ok(given.length <= 3, `${given.length} trees`);
    t.ok((await collect(reachableTrees(memory, known, { known: root }))).length <= 5);
  }
});

t.test("a folder that was moved between folders is not given again", async (t) => {
  const memory = new Memory();
  const moved = many(3, true);
  const known = putFolder(memory, { a: { moved, x: "" }, b: { y: "" } });
  const root = putFolder(memory, { a: { x: "" }, b: { y: "", renamed: moved } });
  t.equal((await collect(reachableTrees(memory, root, { known }))).length, 3);
});

t.test("a subtree that the store has lost since is not taken as known", async (t) => {
  const memory = new Memory();
  const known = putFolder(memory, { a: { x: "1" }, b: "1" });
  const root = putFolder(memory, { a: { x: "1" }, b: "2" });
  const [, lost] = await collect(reachableTrees(memory, root));
  memory.objects.delete(lost!);
  await t.rejects(collect(reachableTrees(memory, root, { known })), { code: "NO_OBJECT", message: new RegExp(lost!) });
});

/** A directory of these trees, by the names of these numbers. */
function putDirs(memory: Memory, trees: readonly ObjectId[], nameOf: (at: number) => number): ObjectId {
  const dirs = trees.map((tree, at) => ({
    name: name(String(nameOf(at)).padStart(5, "0")),
    ...attributes,
    kind: "dir" as const,
    tree,
  }));
  dirs.sort((a, b) => (a.name < b.name ? -1 : 1));
  return memory.put("tree", encodeTree({ level: 0, entries: dirs }));
}

/** Layers of so many trees, each of which names all of the next layer by names that its own number has shifted. */
function putLayers(memory: Memory, { width, layers, seed }: Record<"width" | "layers" | "seed", number>): ObjectId {
  const all = Array.from({ length: width }, (_, at) => at);
  let below = all.map((at) => putFolder(memory, { [`${seed}`]: `${at}` }));
  for (let layer = 0; layer < layers; layer += 1) {
    below = all.map((shift) => putDirs(memory, below, (at) => (at + shift * seed) % width));
  }
  return putDirs(memory, below, (at) => at);
}

t.test("trees that each name all of the next layer are not compared each with each", async (t) => {
  const memory = new Memory();
  const shape = { width: 151, layers: 5 };
  const [known, root] = [putLayers(memory, { ...shape, seed: 1 }), putLayers(memory, { ...shape, seed: 2 })];
  const all = [...memory.objects.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  memory.maxReadBytes = 3 * all + (32 << 20); // each with each would be 1.5 GB
  t.equal((await collect(reachableTrees(memory, root, { known }))).length, closure(memory, root).size);
});

t.test("many small folders that have all become one large one are not compared one after the other", async (t) => {
  const memory = new Memory();
  const small = Array.from({ length: 8000 }, (_, at) => putFolder(memory, { [`${at}`]: "" }));
  const large = putDirs(memory, small.slice(0, 5000), (at) => at);
  const known = putDirs(memory, small, (at) => at);
  const root = putDirs(memory, Array<ObjectId>(8000).fill(large), (at) => at);
  memory.maxReadBytes = 50 << 20; // all of them would be 2 GB
  t.equal((await collect(reachableTrees(memory, root, { known }))).length, 2, "the small ones are known");
});

t.test("a page that stands beside others a thousand times is read once", async (t) => {
  const memory = new Memory();
  const leaf = (first: string, count: number): ObjectId => {
    const names = [first, ...Array.from({ length: count }, (_, at) => `a${String(at).padStart(5, "0")}`)];
    const fifos = names.map((each) => ({ name: name(each), ...attributes, kind: "fifo" as const }));
    return memory.put("tree", encodeTree({ level: 0, entries: fifos }));
  };
  const large = leaf("a", 20_000);
  const directories = Array.from({ length: 1000 }, (_, at) => {
    const pages = [
      { firstName: name("a"), id: large },
      { firstName: name(`b${at}`), id: leaf(`b${at}`, 0) },
    ];
    return memory.put("tree", encodeTree({ level: 1, pages }));
  });
  const root = putDirs(memory, directories, (at) => at);
  memory.maxReadBytes = 5 << 20;
  t.equal((await collect(reachableTrees(memory, root))).length, 2002);

  const misfit = [
    { firstName: name("a"), id: large },
    { firstName: name("a0"), id: leaf("a0", 0) },
  ];
  const bad = memory.put("tree", encodeTree({ level: 1, pages: misfit }));
  await t.rejects(
    collect(
      reachableTrees(
        memory,
        putDirs(memory, [...directories, bad], (at) => at),
      ),
    ),
    {
      code: "BAD_OBJECT",
      message: /page of another directory/,
    },
  );
});

/** Directories of the same pages in all the ways in which every so many of these can follow each other; the ids of all. */
function putStrides(memory: Memory, { pages, longest }: { pages: number; longest: number }): ObjectId[] {
  const leaves = Array.from({ length: pages }, (_, at) => {
    const firstName = name(String(at).padStart(255, "0"));
    const entries = [{ name: firstName, ...attributes, kind: "fifo" as const }];
    return { firstName, id: memory.put("tree", encodeTree({ level: 0, entries })) };
  });
  const directories: ObjectId[] = [];
  for (let stride = 1; stride <= longest; stride += 1) {
    for (let from = 0; from < stride; from += 1) {
      const some = leaves.filter((_, at) => at % stride === from);
      if (some.length > 1) directories.push(memory.put("tree", encodeTree({ level: 1, pages: some })));
    }
  }
  return directories;
}

/** How many bytes this process has in use. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

t.test("pages that stand beside each other in many ways take no more memory than they are many", async (t) => {
  const memory = new Memory();
  const directories = putStrides(memory, { pages: 400, longest: 199 });
  const root = putDirs(memory, directories, (at) => at);
  const before = heapBytes();
  let [left, after] = [directories.length + 401, 0];
  for await (const _ of reachableTrees(memory, root)) {
    left -= 1;
    if (left === 0) after = heapBytes();
  }
  t.equal(left, 0);
  t.ok(after - before < 15 << 20, `${after - before} bytes, and 80,000 neighbours`);
});

t.test("what a peer has of such pages is remembered as far as that is not too much", async (t) => {
  const memory = new Memory();
  const directories = putStrides(memory, { pages: 600, longest: 250 });
  const known = putDirs(memory, directories, (at) => at);
  const small = putFolder(memory, { small: "" });
  const root = putDirs(memory, Array<ObjectId>(directories.length).fill(small), (at) => at);
  const before = heapBytes();
  const walk = reachableTrees(memory, root, { known });
  t.equal((await walk.next()).value, root);
  const after = heapBytes();
  t.ok(after - before < 70 << 20, `${after - before} bytes, and 150,000 neighbours`);
  t.strictSame(await collect(walk), [small]);
});

t.test("a commit is complete with everything that it reaches, and without any one of it is not", async (t) => {
  const memory = new Memory();
  const large = { chunks: Array.from({ length: 6000 }, (_, index) => `chunk ${index}`) };
  const tree = putFolder(memory, { docs: { "a.txt": "a", empty: {} }, large, pages: many(1500) });
  const commit = putCommit(memory, tree);
  t.equal((await assertComplete(memory, commit, undefined)).tree, tree);
  const kinds = new Set<string>();
  // of each kind, a few of the first and of the last
  const all = [...memory.objects.values()];
  const some = ["blob", "list", "tree", "commit"].flatMap((kind) => {
    const ofKind = all.filter((each) => each.kind === kind);
    return [...new Set([...ofKind.slice(0, 6), ...ofKind.slice(-6)])];
  });
  for (const each of some) {
    memory.objects.delete(each.id);
    const message = new RegExp(`^commit '${commit}' is incomplete: no object '${each.id}'`);
    await t.rejects(assertComplete(memory, commit, undefined), { code: "INCOMPLETE_COMMIT", message }, each.kind);
    memory.objects.set(each.id, each);
    kinds.add(each.kind);
  }
  t.equal(kinds.size, 4);
  await assertComplete(memory, commit, undefined);
});

t.test("of many blobs, the first that is missing is named, wherever it stands", async (t) => {
  const memory = new Memory();
  const names = Object.keys(many(20_000));
  const commit = putCommit(memory, putFolder(memory, { files: many(20_000), z: { z: "z" } }));
  await assertComplete(memory, commit, undefined);
  const idOf = (text: string): ObjectId => objectIdOf(Buffer.from(text));
  memory.objects.delete(idOf("z"));
  for (const at of [19_999, 8192, 8191, 8000, 0]) {
    memory.objects.delete(idOf(names[at]!));
    const message = new RegExp(`no object '${idOf(names[at]!)}'`);
    await t.rejects(assertComplete(memory, commit, undefined), { code: "INCOMPLETE_COMMIT", message });
  }
});

t.test("what is missing is named before a tree that is missing too and comes after it", async (t) => {
  const memory = new Memory();
  const sub = putFolder(memory, { x: "x" });
  const commit = putCommit(memory, putFolder(memory, { a: "a", b: { x: "x" } }));
  for (const id of [sub, objectIdOf(Buffer.from("a"))]) memory.objects.delete(id);
  const message = new RegExp(objectIdOf(Buffer.from("a")));
  await t.rejects(assertComplete(memory, commit, undefined), { code: "INCOMPLETE_COMMIT", message });
});

t.test("what a base has is not looked at again, and all that is new is", async (t) => {
  const memory = new Memory();
  const large = { chunks: Array.from({ length: 3000 }, (_, index) => `chunk ${index}`) };
  const folder: Folder = { kept: many(5000), large, folders: many(2000, true) };
  const base = putCommit(memory, putFolder(memory, folder));
  const known = new Set(memory.objects.keys());
  const commit = putCommit(memory, putFolder(memory, { ...folder, new: { file: "new", sub: { x: "also new" } } }));
  memory.reads = 0;
  await assertComplete(memory, commit, base);
  t.ok(memory.reads < 10, `${memory.reads} reads`);
  for (const [id, each] of [...memory.objects].filter(([id]) => !known.has(id))) {
    memory.objects.delete(id);
    await t.rejects(assertComplete(memory, commit, base), { code: "INCOMPLETE_COMMIT", message: new RegExp(id) });
    memory.objects.set(id, each);
  }
});

t.test("a base that is lost, or no commit, proves nothing", async (t) => {
  const memory = new Memory();
  const tree = putFolder(memory, { a: "1" });
  const commit = putCommit(memory, tree);
  await assertComplete(memory, commit, "00".repeat(32) as ObjectId);
  await assertComplete(memory, commit, tree);
  memory.objects.delete(objectIdOf(Buffer.from("1")));
  await t.rejects(assertComplete(memory, commit, tree), { code: "INCOMPLETE_COMMIT" });
  await t.rejects(assertComplete(memory, tree, undefined), { code: "BAD_OBJECT" });
});

/** A commit of a folder with one entry. */
function commitOf(memory: Memory, entry: Partial<FileEntry> | Partial<DirEntry>): ObjectId {
  const whole = { name: name("x"), ...attributes, ...entry } as Entry;
  return putCommit(memory, memory.put("tree", encodeTree({ level: 0, entries: [whole] })));
}

async function refuses(t: Test, memory: Memory, commit: ObjectId, why: RegExp): Promise<void> {
  await t.rejects(assertComplete(memory, commit, undefined), { code: "BAD_OBJECT", message: why });
}

t.test("objects that are there and are not what they are named as are refused", async (t) => {
  const memory = new Memory();
  const text = memory.put("blob", "text");
  await refuses(t, memory, commitOf(memory, { kind: "dir", tree: text }), /malformed tree/);
  const asList = { list: text, fileHash: text };
  await refuses(t, memory, commitOf(memory, { kind: "file", size: 4, content: asList }), /malformed list/);

  const put = (list: List): ObjectId => memory.put("list", encodeList(list));
  const flat = put({ level: 0, children: [{ id: text, size: 4 }] });
  const file = (list: ObjectId, size: number): ObjectId =>
    commitOf(memory, { kind: "file", size, content: { list, fileHash: text } });
  await assertComplete(memory, file(flat, 4), undefined);
  await refuses(t, memory, file(flat, 5), /size or level/);
  await assertComplete(memory, file(put({ level: 1, children: [{ id: flat, size: 4 }] }), 4), undefined);
  await refuses(t, memory, file(put({ level: 2, children: [{ id: flat, size: 4 }] }), 4), /size or level/);
  await refuses(t, memory, file(put({ level: 1, children: [{ id: flat, size: 5 }] }), 5), /size or level/);
});

t.test(
  "a file of another size than its blob, or than a chunk of its list, is refused: it could not be restored",
  async (t) => {
    const memory = new Memory();
    const text = memory.put("blob", "text");
    const whole = (size: number) => commitOf(memory, { kind: "file", size, content: { blob: text } });
    await assertComplete(memory, whole(4), undefined);
    await refuses(t, memory, whole(5), /4 bytes long, not 5/);
    const list = memory.put("list", encodeList({ level: 0, children: [{ id: text, size: 5 }] }));
    const cut = commitOf(memory, { kind: "file", size: 5, content: { list, fileHash: text } });
    await refuses(t, memory, cut, /4 bytes long, not 5/);
  },
);

t.test("pages that are not of one directory are refused, also where a base has them in another", async (t) => {
  const memory = new Memory();
  const leaf = (...names: string[]): ObjectId => {
    const entries = names.map((each) => ({ name: name(each), ...attributes, kind: "fifo" as const }));
    return memory.put("tree", encodeTree({ level: 0, entries }));
  };
  const [ac, bd, ef] = [leaf("a", "c"), leaf("b", "d"), leaf("e", "f")];
  const dir = (tree: Tree): ObjectId => commitOf(memory, { kind: "dir", tree: memory.put("tree", encodeTree(tree)) });
  const page = (id: ObjectId, first: string) => ({ id, firstName: name(first) });
  const good = dir({ level: 1, pages: [page(ac, "a"), page(ef, "e")] });
  await assertComplete(memory, good, undefined);
  await assertComplete(memory, dir({ level: 1, pages: [page(bd, "b"), page(ef, "e")] }), good);
  const overlapping = dir({ level: 1, pages: [page(ac, "a"), page(bd, "b")] });
  await refuses(t, memory, overlapping, /another directory/);
  await t.rejects(assertComplete(memory, overlapping, good), { code: "BAD_OBJECT" });
  await refuses(t, memory, dir({ level: 1, pages: [page(ac, "A"), page(ef, "e")] }), /another directory/);
  await refuses(t, memory, dir({ level: 2, pages: [page(ac, "a"), page(ef, "e")] }), /another directory/);
  t.ok(isPaged(decodeTree(memory.objects.get(putFolder(memory, many(1500)))!.bytes)));
});
