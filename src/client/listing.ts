/** What a commit has at a path: the answer of `bak ls`. */
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { Remote } from "./remote.js";
import { TreeSource } from "./tree-source.js";

export interface ListedEntry {
  /** Within the commit. */
  readonly path: ByteString;
  readonly entry: Entry;
}

/**
 * The entries of the folder at `path` (the root's for an empty path), those beneath its folders too if asked for; of any
 * other kind of entry, itself. In byte order, each folder before what is in it. Rejects with NO_PATH.
 */
export async function* listEntries(
  remote: Remote,
  commit: Commit,
  options: { path: ByteString; isRecursive: boolean },
): AsyncGenerator<ListedEntry, void, undefined> {
  const trees = new TreeSource(remote);
  const last = (await trees.fetchPath(commit, options.path)).at(-1);
  if (last !== undefined && last.kind !== "dir") {
    yield { path: options.path, entry: last };
    return;
  }
  const tree = last?.tree ?? commit.tree;
  if (options.isRecursive) {
    await trees.fetchAll(tree);
    yield* entriesBeneath(trees, tree, options.path);
  } else {
    for (const entry of await trees.fetchEntries(tree)) yield { path: joinPath(options.path, entry.name), entry };
  }
}

async function* entriesBeneath(
  trees: TreeSource,
  tree: ObjectId,
  parent: ByteString,
): AsyncGenerator<ListedEntry, void, undefined> {
  for (const entry of await trees.fetchEntries(tree)) {
    const path = joinPath(parent, entry.name);
    yield { path, entry };
    if (entry.kind === "dir") yield* entriesBeneath(trees, entry.tree, path);
  }
}
