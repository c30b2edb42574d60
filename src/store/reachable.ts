/** What a commit reaches: which of it a peer lacks, and whether all of it is there. */
import { BakError, isBakError } from "../errors.js";
import { decodeCommit, type Commit } from "../objects/commit.js";
import { decodeList, listSize } from "../objects/list.js";
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import { isPagedOutline } from "../objects/tree-outline.js";
import { BlobChecks } from "./blob-checks.js";
import type { ObjectSource } from "./store.js";
import { knownKeys, listKey, walkTrees, type KnownKeys } from "./tree-walk.js";

const nothing: KnownKeys = new Set();

/**
 * The ids of the trees (pages too) that `tree` reaches, itself included: each once, parents before children. Leaves out
 * what `known`, a tree whose whole closure the peer has, is seen to reach: all that did not change, and what was moved
 * between folders that are in both; a subtree that moved elsewhere may be given though the peer has it. Rejects with
 * NO_OBJECT, STORE_DAMAGED or BAD_OBJECT where the store can't say.
 */
export async function* reachableTrees(
  store: ObjectSource,
  tree: ObjectId,
  options: { known?: ObjectId | undefined } = {},
): AsyncGenerator<ObjectId, void, undefined> {
  const known = options.known === undefined ? nothing : await knownKeys(store, options.known, tree);
  for await (const { id } of walkTrees(store, tree, known)) yield id;
}

/**
 * Gives the commit, once it is certain that all it needs is in the store, and is what it should be: trees, pages and lists
 * decode and fit together, blobs are there. Its parent is not among that: history may be forgotten. What `base`, a commit
 * that this store has accepted, reaches is not looked at again. Rejects with INCOMPLETE_COMMIT, which names the first
 * object that is missing, and with BAD_OBJECT for one that is not what it is named as.
 */
export async function assertComplete(
  store: ObjectSource,
  commit: ObjectId,
  base: ObjectId | undefined,
): Promise<Commit> {
  try {
    const decoded = decodeCommit(await store.readObject(commit, "commit"));
    const known = base === undefined ? nothing : await knownFrom(store, base, decoded.tree);
    await assertTrees(store, decoded.tree, known);
    return decoded;
  } catch (error) {
    if (!isBakError(error, "NO_OBJECT")) throw error;
    throw new BakError("INCOMPLETE_COMMIT", `commit '${commit}' is incomplete: ${error.message}`, { cause: error });
  }
}

async function knownFrom(store: ObjectSource, base: ObjectId, tree: ObjectId): Promise<KnownKeys> {
  try {
    return await knownKeys(store, decodeCommit(await store.readObject(base, "commit")).tree, tree);
  } catch (error) {
    if (isBakError(error, "NO_OBJECT", "STORE_DAMAGED", "BAD_OBJECT")) return nothing; // then everything is looked at
    throw error;
  }
}

async function assertTrees(store: ObjectSource, root: ObjectId, known: KnownKeys): Promise<void> {
  const checked = { known, lists: new Set<string>(), blobs: new BlobChecks(store) };
  try {
    for await (const { tree } of walkTrees(store, root, known)) {
      if (isPagedOutline(tree)) continue;
      await checked.blobs.addAll(tree.blobs);
      for (const { list, size } of tree.lists)
        await assertContent(store, { id: list, size, level: undefined }, checked);
    }
  } finally {
    await checked.blobs.finish(); // what was named before something that is missing, and is missing too, is told of first
  }
}

/** What need not be looked at again, and what will be looked at. */
interface Checked {
  readonly known: KnownKeys;
  readonly lists: Set<string>;
  readonly blobs: BlobChecks;
}

async function assertContent(store: ObjectSource, list: ReachedList, checked: Checked): Promise<void> {
  if (checked.known.has(listKey(list.id, list.size)) && (await store.has(list.id))) return;
  await assertList(store, list, checked);
}

/** `level` is undefined for the list that names a whole file: it may have any. */
interface ReachedList {
  readonly id: ObjectId;
  readonly size: number;
  readonly level: number | undefined;
}

async function assertList(store: ObjectSource, root: ReachedList, { lists, blobs }: Checked): Promise<void> {
  const waiting = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const key = `${next.id} ${next.size} ${next.level}`;
    if (lists.has(key)) continue;
    lists.add(key);
    const list = decodeList(await store.readObject(next.id, "list"));
    if (listSize(list) !== next.size || list.level !== (next.level ?? list.level)) {
      throw new BakError(
        "BAD_OBJECT",
        `malformed list: '${next.id}' has another size or level than what names it says`,
      );
    }
    for (const { id, size } of list.children) {
      if (list.level === 0) await blobs.add(objectIdBytes(id), size);
      else waiting.push({ id, size, level: list.level - 1 });
    }
  }
}
