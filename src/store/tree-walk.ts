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
export type KnownKeys = ReadonlySet<string>;

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
  const seen = new Set<string>();
  const waiting = [directory(root, "")];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next.key) || (await isKnown(store, known, next))) continue;
    const tree = await readTree(store, next.id);
    assertFits(tree, next);
    if (!seen.has(next.id)) yield { id: next.id, tree };
    seen.add(next.id).add(next.key);
    for (const child of reachedFrom(tree).toReversed()) waiting.push(child);
  }
}

/**
 * What `known` reaches, as far as that helps in a walk from `root`: everything that is named by a tree which both have
 * under the same path, in one version or another. What can't be read is not known.
 */
export async function knownKeys(store: ObjectSource, known: ObjectId, root: ObjectId): Promise<KnownKeys> {
  const keys = new Set<string>([known]);
  const compared = new Set<string>();
  const waiting: { old: Reached; now: Reached | undefined }[] = [
    { old: directory(known, ""), now: directory(root, "") },
  ];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const { old, now } = pair;
    const both = `${old.key} ${now?.key}`;
    if (old.key === now?.key || compared.has(both)) continue;
    compared.add(both);
    const oldTree = await readTreeIfSound(store, old.id);
    if (oldTree === undefined) continue;
    addLists(keys, oldTree);
    const nowTree = now === undefined ? undefined : await readTreeIfSound(store, now.id);
    const inNow = new Map(nowTree === undefined ? [] : reachedFrom(nowTree).map((each) => [each.name, each]));
    for (const child of reachedFrom(oldTree)) {
      keys.add(child.key);
      const twin = inNow.get(child.name);
      // entries move between pages that are beside each other, so every page that differs is read
      if (twin !== undefined || child.page !== undefined) waiting.push({ old: child, now: twin });
    }
  }
  return keys;
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

/** Pages are of one directory only if each has the names that the page above says. */
function assertFits(tree: TreeOutline, { page }: Reached): void {
  if (page === undefined) return;
  const first = isPagedOutline(tree) ? tree.pages[0]?.firstName : tree.firstName;
  const last = isPagedOutline(tree) ? tree.pages.at(-1)?.firstName : tree.lastName;
  const isBefore = page.before === undefined || (last !== undefined && last < page.before);
  if (tree.level === page.level && first === page.firstName && isBefore) return;
  throw new BakError("BAD_OBJECT", "malformed tree: page of another directory");
}

async function readTree(store: ObjectSource, id: ObjectId): Promise<TreeOutline> {
  return outlineTree(await store.readObject(id, "tree"));
}

async function readTreeIfSound(store: ObjectSource, id: ObjectId): Promise<TreeOutline | undefined> {
  try {
    return await readTree(store, id);
  } catch (error) {
    if (isBakError(error, "NO_OBJECT", "STORE_DAMAGED", "BAD_OBJECT")) return undefined;
    throw error;
  }
}

function addLists(keys: Set<string>, tree: TreeOutline): void {
  if (isPagedOutline(tree)) return;
  for (const { list, size } of tree.lists) keys.add(listKey(list, size));
}
