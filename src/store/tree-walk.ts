/**
 * Walks the trees that a tree reaches, and leaves out what another tree is known to reach: the part of a snapshot that is
 * new. Of both, only what differs is read, so that a small change in a large snapshot is a short walk.
 */
import { BakError, isBakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { ObjectId } from "../objects/object-id.js";
import { isPagedOutline, outlineTree, type TreeOutline } from "../objects/tree-outline.js";
import type { ObjectSource } from "./store.js";

/** A tree that has been reached and read. */
export interface WalkedTree {
  readonly id: ObjectId;
  readonly tree: TreeOutline;
}

/** What a tree is reached as: a directory, or a page of one, which only fits where the pages beside it are the same. */
interface Reached {
  readonly id: ObjectId;
  /** Equal for places where the same tree means the same. */
  readonly key: string;
  /** What the tree is called by the one that names it. */
  readonly name: string;
  readonly page:
    { readonly level: number; readonly firstName: ByteString; readonly before: ByteString | undefined } | undefined;
}

/** Keys of what need not be looked at again: trees and lists with all that they reach. */
export type KnownKeys = Pick<ReadonlySet<string>, "has">;

/**
 * Trees can be made so that each has to be compared with every other. What is read again for that has so many bytes at
 * most; beyond it, less is known, and more is walked.
 */
const maxReadAgainBytes = 32 << 20;
/** A small tree counts as so many: it has to be found, and inflated with what lies around it. */
const leastReadBytes = 1 << 10;
/** What is known is told by keys that have so many characters at most, all in all, or a few more. */
const maxKeyChars = 32 << 20;
/** So many pairs of trees are compared at most. */
const maxPairs = 1 << 20;

/** The key under which a large file's list is known. */
export function listKey(id: ObjectId, size: number): string {
  return `list ${id} ${size}`;
}

/**
 * The trees that `root` reaches, itself included: each once, parents before children, without what is `known`. Rejects with
 * NO_OBJECT, STORE_DAMAGED or BAD_OBJECT for one that is not there, or is not a tree, or not a page of its directory.
 */
export async function* walkTrees(
  store: ObjectSource,
  root: ObjectId,
  known: KnownKeys,
): AsyncGenerator<WalkedTree, void, undefined> {
  const start = directory(root, "");
  if (await isKnown(store, known, start)) return;
  const reached = new Set<ObjectId>([root]); // before they wait, so that each waits once
  const pages = new Map<ObjectId, Extent>(); // a page can be named beside any number of others
  const waiting = [start];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const tree = await readTree(store, next.id);
    if (next.page !== undefined) pages.set(next.id, fitting(tree, next));
    yield { id: next.id, tree };
    for (const child of reachedFrom(tree).toReversed()) {
      const isThere = isKnown(store, known, child);
      if (typeof isThere === "boolean" ? isThere : await isThere) continue;
      if (!reached.has(child.id)) {
        reached.add(child.id);
        waiting.push(child);
      } else if (child.page !== undefined) {
        const extent = pages.get(child.id);
        if (extent !== undefined) assertFits(extent, child);
        else pages.set(child.id, fitting(await readTree(store, child.id), child)); // it waits, or was a directory so far
      }
    }
  }
}

/**
 * What `known` reaches, as far as that helps in a walk from `root`: everything that is named by a tree which both have
 * under the same path, in one version or another, as long as that is not too much work. What can't be read is not known.
 */
export async function knownKeys(store: ObjectSource, known: ObjectId, root: ObjectId): Promise<KnownKeys> {
  const keys = new Numbers();
  const others = new Numbers();
  keys.of(known);
  const trees = new TreesToCompare(store);
  const compared = new Set<number>();
  const waiting: Pair[] = [];
  const compare = (old: Reached, now: Reached | undefined): void => {
    if (old.key === now?.key) return;
    const pair = keys.of(old.key) * maxNumber + (now === undefined ? 0 : others.of(now.key) + 1);
    if (compared.has(pair) || compared.size >= maxPairs) return;
    compared.add(pair);
    waiting.push({ old, now });
  };
  compare(directory(known, ""), directory(root, ""));
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    if (keys.chars + others.chars > maxKeyChars) break;
    const { old, now } = pair;
    const oldTree = await trees.read(old.id);
    if (oldTree === undefined) continue;
    addLists(keys, oldTree);
    const nowTree = now === undefined ? undefined : await trees.read(now.id);
    const inNow = new Map(nowTree === undefined ? [] : reachedFrom(nowTree).map((each) => [each.name, each]));
    for (const child of reachedFrom(oldTree)) {
      keys.of(child.key);
      const twin = inNow.get(child.name);
      // entries move between pages that are beside each other, so every page that differs is read
      if (twin !== undefined || child.page !== undefined) compare(child, twin);
    }
  }
  return keys;
}

interface Pair {
  readonly old: Reached;
  readonly now: Reached | undefined;
}

/** Two numbers below it make one that is exact. */
const maxNumber = 2 ** 26;

/** Numbers for texts, in the order in which they come. */
class Numbers {
  readonly #numbers = new Map<string, number>();
  #chars = 0;

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(text, number);
    this.#chars += text.length;
    return number;
  }

  /** How long the texts are, all in all. */
  get chars(): number {
    return this.#chars;
  }

  has(text: string): boolean {
    return this.#numbers.has(text);
  }
}

/** Reads trees, once each as a rule, and again while that is not too much. */
class TreesToCompare {
  readonly #store: ObjectSource;
  readonly #read = new Map<ObjectId, number>();
  #leftBytes = maxReadAgainBytes;

  constructor(store: ObjectSource) {
    this.#store = store;
  }

  /** Undefined for what is no tree, or not there, or was read too often. */
  async read(id: ObjectId): Promise<TreeOutline | undefined> {
    const costBytes = this.#read.get(id) ?? 0;
    if (costBytes > this.#leftBytes) return undefined;
    this.#leftBytes -= costBytes;
    try {
      const bytes = await this.#store.readObject(id, "tree");
      this.#read.set(id, Math.max(bytes.length, leastReadBytes));
      return outlineTree(bytes);
    } catch (error) {
      if (isBakError(error, "NO_OBJECT", "STORE_DAMAGED", "BAD_OBJECT")) return undefined;
      throw error;
    }
  }
}

/** A known tree that has since been lost is walked again, and thereby missed. */
function isKnown(store: ObjectSource, known: KnownKeys, { id, key }: Reached): boolean | Promise<boolean> {
  return known.has(key) && store.has(id);
}

function directory(id: ObjectId, name: string): Reached {
  return { id, key: id, name: `dir ${name}`, page: undefined };
}

function reachedFrom(tree: TreeOutline): Reached[] {
  if (!isPagedOutline(tree)) return tree.dirs.map((dir) => directory(dir.tree, dir.name));
  const level = tree.level - 1;
  return tree.pages.map(({ id, firstName }, index) => {
    const before = tree.pages[index + 1]?.firstName;
    const page = { level, firstName, before };
    return { id, key: `${id} ${level} ${firstName}/${before ?? ""}`, name: `page ${firstName}`, page };
  });
}

/** Which names a page has: level, and first and last name. */
interface Extent {
  readonly level: number;
  readonly first: ByteString | undefined;
  readonly last: ByteString | undefined;
}

function extentOf(tree: TreeOutline): Extent {
  if (isPagedOutline(tree)) {
    return { level: tree.level, first: tree.pages[0]?.firstName, last: tree.pages.at(-1)?.firstName };
  }
  return { level: tree.level, first: tree.firstName, last: tree.lastName };
}

function fitting(tree: TreeOutline, reached: Reached): Extent {
  const extent = extentOf(tree);
  assertFits(extent, reached);
  return extent;
}

/** Pages are of one directory only if each has the names that the page above says. */
function assertFits({ level, first, last }: Extent, { page }: Reached): void {
  if (page === undefined) return;
  const isBefore = page.before === undefined || (last !== undefined && last < page.before);
  if (level === page.level && first === page.firstName && isBefore) return;
  throw new BakError("BAD_OBJECT", "malformed tree: page of another directory");
}

async function readTree(store: ObjectSource, id: ObjectId): Promise<TreeOutline> {
  return outlineTree(await store.readObject(id, "tree"));
}

function addLists(keys: Numbers, tree: TreeOutline): void {
  if (isPagedOutline(tree)) return;
  for (const { list, size } of tree.lists) keys.of(listKey(list, size));
}
