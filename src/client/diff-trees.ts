/**
 * What differs between two trees: only what has another id in one than in the other is read, folders and pages of folders
 * alike.
 */
import { BakError } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { fileHashOf, type Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { decodeTree, isPaged, isPagedTree } from "../objects/tree.js";
import { isSameAttributes } from "./compare.js";
import type { TreeCache } from "./tree-cache.js";

/** One name that is not the same in both. */
export type TreeChange = { readonly path: ByteString } & (
  | { readonly type: "added"; readonly after: Entry }
  | { readonly type: "removed"; readonly before: Entry }
  /** `changed`: other content, link target or device; `kind`: no longer of the same kind; `metadata`: mode, owner, times or attributes alone. */
  | { readonly type: "changed" | "kind" | "metadata"; readonly before: Entry; readonly after: Entry }
);

interface Pair {
  readonly name: ByteString;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
}

/** What a comparison may be told beside the trees. */
export interface DiffOptions {
  /** Of both trees; empty unless said. */
  readonly path?: ByteString;
  /**
   * Told, once, of each folder of which something is lost in one of the trees. For that, the trees have to pass over losses.
   */
  readonly onLost?: (path: ByteString, side: DiffSide) => void;
  /**
   * What is lost counts as if it were not there, unless this is set: then a name that one tree has is left out where the other
   * has lost something of that folder, since it may have the name, too.
   */
  readonly isLossUnknown?: boolean;
}

/** One of the trees: that which is compared, and that which it is compared with. */
export type DiffSide = "before" | "after";

/** One of two folders that are compared. */
interface Side {
  readonly tree: ObjectId | undefined;
  /** Trees, without those that are lost, which is told. */
  readonly load: (ids: readonly ObjectId[]) => Promise<Uint8Array[]>;
}

/** Folders whose trees are fetched together. */
const pairsAhead = 256;
/** Pages of one folder that are. */
const pagesAhead = 32;

/**
 * The changes from one tree to the other, beneath `path`, in byte order, each folder before what is in it. Either may be
 * missing. Rejects with NO_OBJECT for a tree that the store has lost, unless that is passed over, and BAD_OBJECT for one that
 * is malformed.
 */
export async function* diffTrees(
  trees: TreeCache,
  before: ObjectId | undefined,
  after: ObjectId | undefined,
  { path = "" as ByteString, onLost, isLossUnknown = false }: DiffOptions = {},
): AsyncGenerator<TreeChange, void, undefined> {
  if (before === after) return;
  const openFolder = (at: ByteString, old: Side["tree"], now: Side["tree"]): OpenFolder => {
    const lost = new Set<DiffSide>();
    const tell = (side: DiffSide) => (): void => {
      if (!lost.has(side)) onLost?.(at, side);
      lost.add(side);
    };
    const left = { tree: old, load: present(trees, tell("before")) };
    const right = { tree: now, load: present(trees, tell("after")) };
    return { path: at, pairs: differingEntries(trees, left, right), lost };
  };
  const open = [openFolder(path, before, after)];
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const next = await at.pairs.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const pair = next.value;
    if (isLossUnknown && isPerhapsInBoth(pair, at.lost)) continue;
    const its = joinPath(at.path, pair.name);
    const change = changeOf(its, pair);
    if (change !== undefined) yield change;
    const [old, now] = [treeOf(pair.before), treeOf(pair.after)];
    if (old !== now) open.push(openFolder(its, old, now));
  }
}

interface OpenFolder {
  readonly path: ByteString;
  readonly pairs: AsyncGenerator<Pair, void, undefined>;
  /** Where something of it is lost, as far as has been read. */
  readonly lost: ReadonlySet<DiffSide>;
}

/** Whether what only one tree has may be among what the other has lost. A loss is known before what may be concerned. */
function isPerhapsInBoth({ before, after }: Pair, lost: ReadonlySet<DiffSide>): boolean {
  return (before === undefined && lost.has("before")) || (after === undefined && lost.has("after"));
}

/** Loads trees without those that are lost. */
function present(trees: TreeCache, onLost: () => void): Side["load"] {
  return async (ids) => {
    const found = (await trees.load(ids)).filter((bytes) => bytes !== undefined);
    if (found.length < ids.length) onLost();
    return found;
  };
}

function treeOf(entry: Entry | undefined): ObjectId | undefined {
  return entry?.kind === "dir" ? entry.tree : undefined;
}

function changeOf(path: ByteString, { before, after }: Pair): TreeChange | undefined {
  if (before === undefined) return after && { path, type: "added", after };
  if (after === undefined) return { path, type: "removed", before };
  if (before.kind !== after.kind) return { path, type: "kind", before, after };
  if (!isSameContent(before, after)) return { path, type: "changed", before, after };
  return isSameAttributes(before, after) ? undefined : { path, type: "metadata", before, after };
}

/** Whether two entries of one kind have the same content; folders do, whatever is in them. */
function isSameContent(a: Entry, b: Entry): boolean {
  if (a.kind === "file" && b.kind === "file") return fileHashOf(a.content) === fileHashOf(b.content);
  if (a.kind === "symlink" && b.kind === "symlink") return a.target === b.target;
  if ("major" in a && "major" in b) return a.major === b.major && a.minor === b.minor;
  return true;
}

/** Entries of two folders that may differ, by name; before folders are given out, their trees are asked for together. */
async function* differingEntries(trees: TreeCache, before: Side, after: Side): AsyncGenerator<Pair, void, undefined> {
  const [old, now] = await differingPages(before, after);
  let batch: Pair[] = [];
  for await (const pair of mergeEntries(entriesOf(before, old), entriesOf(after, now))) {
    batch.push(pair);
    if (batch.length < pairsAhead) continue;
    await trees.expect(treesToRead(batch));
    yield* batch;
    batch = [];
  }
  await trees.expect(treesToRead(batch));
  yield* batch;
}

function treesToRead(pairs: readonly Pair[]): ObjectId[] {
  return pairs.flatMap(({ before, after }) => {
    const [old, now] = [treeOf(before), treeOf(after)];
    return old === now ? [] : [old, now].filter((id) => id !== undefined);
  });
}

interface Pages {
  readonly level: number;
  readonly ids: readonly ObjectId[];
}

/** The lowest pages of two folders, without those that both have: the names in these are the same, and nowhere else. */
async function differingPages(before: Side, after: Side): Promise<[readonly ObjectId[], readonly ObjectId[]]> {
  let [old, now] = [await topOf(before), await topOf(after)];
  for (;;) {
    if (old.level === now.level) [old, now] = withoutCommon(old, now);
    const level = Math.max(old.level, now.level);
    if (level === 0) return [old.ids, now.ids];
    if (old.level === level) old = await below(before, old);
    if (now.level === level) now = await below(after, now);
  }
}

async function topOf({ tree, load }: Side): Promise<Pages> {
  if (tree === undefined) return { level: 0, ids: [] };
  const [bytes] = await load([tree]);
  if (bytes === undefined) return { level: 0, ids: [] };
  return { level: isPagedTree(bytes) ? decodeTree(bytes).level : 0, ids: [tree] };
}

async function below({ load }: Side, { level, ids }: Pages): Promise<Pages> {
  const found: ObjectId[] = [];
  for (let at = 0; at < ids.length; at += pagesAhead) {
    for (const bytes of await load(ids.slice(at, at + pagesAhead))) {
      const tree = decodeTree(bytes);
      if (!isPaged(tree) || tree.level !== level) throw malformed(`page of level ${tree.level}, not ${level}`);
      for (const { id } of tree.pages) found.push(id);
    }
  }
  return { level: level - 1, ids: found };
}

function withoutCommon(a: Pages, b: Pages): [Pages, Pages] {
  const [inA, inB] = [new Set(a.ids), new Set(b.ids)];
  return [
    { level: a.level, ids: a.ids.filter((id) => !inB.has(id)) },
    { level: b.level, ids: b.ids.filter((id) => !inA.has(id)) },
  ];
}

async function* entriesOf({ load }: Side, pages: readonly ObjectId[]): AsyncGenerator<Entry, void, undefined> {
  let last: ByteString | undefined;
  for (let at = 0; at < pages.length; at += pagesAhead) {
    for (const bytes of await load(pages.slice(at, at + pagesAhead))) {
      const tree = decodeTree(bytes);
      if (isPaged(tree)) throw malformed(`page of level ${tree.level}, not 0`);
      for (const entry of tree.entries) {
        if (last !== undefined && entry.name <= last) throw malformed("pages out of order");
        last = entry.name;
        yield entry;
      }
    }
  }
}

async function* mergeEntries(
  before: AsyncGenerator<Entry, void, undefined>,
  after: AsyncGenerator<Entry, void, undefined>,
): AsyncGenerator<Pair, void, undefined> {
  let [old, now] = [await take(before), await take(after)];
  while (old !== undefined || now !== undefined) {
    const isOld = old !== undefined && (now === undefined || old.name <= now.name);
    const isNow = now !== undefined && (old === undefined || now.name <= old.name);
    const { name } = (isOld ? old : now) as Entry;
    yield { name, before: isOld ? old : undefined, after: isNow ? now : undefined };
    if (isOld) old = await take(before);
    if (isNow) now = await take(after);
  }
}

async function take(from: AsyncGenerator<Entry, void, undefined>): Promise<Entry | undefined> {
  const next = await from.next();
  return next.done === true ? undefined : next.value;
}

function malformed(why: string): BakError {
  return new BakError("BAD_OBJECT", `malformed tree: ${why}`);
}
