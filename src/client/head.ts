/** What a push knows of the project's head: its commit and trees, from the client's index and from the store. */
import { hostname } from "node:os";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { decodeCommit, type Commit } from "../objects/commit.js";
import { treesIn } from "../objects/directory.js";
import type { ObjectId } from "../objects/object-id.js";
import { decodeTree } from "../objects/tree.js";
import { fetchObjects, readObjects } from "./fetch.js";
import type { PushIndex } from "./push-index.js";
import type { Remote } from "./remote.js";
import type { Baseline } from "./snapshot-options.js";
import { TreeIntake } from "./tree-intake.js";

export interface Head {
  /** Undefined for a project without a commit, and where nothing of the head is to be believed. */
  readonly commit: Commit | undefined;
  readonly commitBytes: Uint8Array;
  readonly baseline: Baseline;
  /** Whether the client's index is of this very head. */
  readonly isIndexed: boolean;
}

/** Compares with nothing: every file is read, and every object offered. */
export const nothingKnown: Head = {
  commit: undefined,
  commitBytes: Buffer.alloc(0),
  isIndexed: false,
  baseline: {
    tree: undefined,
    objects: new Map(),
    isStored: () => false,
    folders: new Map(),
    scanStartedMs: 0,
    isOfFolder: false,
  },
};

/** The head, if it is the commit that the index is of. */
export function headOfIndex(index: PushIndex, folder: ByteString): (Head & { readonly store: string }) | undefined {
  const { commit: id, store, objects, folders } = index;
  const commitBytes = objects.get(id);
  if (commitBytes === undefined) return undefined;
  const commit = decodeCommit(commitBytes);
  return {
    store,
    commit,
    commitBytes,
    isIndexed: true,
    baseline: {
      tree: commit.tree,
      objects,
      isStored: (tree) => objects.has(tree),
      folders,
      scanStartedMs: index.startedMs,
      isOfFolder: isOfFolder(commit, folder),
    },
  };
}

function isOfFolder(commit: Commit, folder: ByteString): boolean {
  return commit.host === hostname() && commit.path === folder;
}

/**
 * Reads a head that is not the commit that the index is of; of its trees, the store sends those that the index does not
 * have. Rejects with NO_OBJECT if one is lost.
 */
export async function readHead(remote: Remote, index: PushIndex | undefined, folder: ByteString): Promise<Head> {
  if (remote.head === undefined) return nothingKnown;
  const usable = index?.store === remote.store ? index : undefined;
  const objects = new Map<ObjectId, Uint8Array>(usable?.objects);
  const received = await receiveHead(remote, objects, { isSent: remote.head !== index?.commit });
  const commitBytes = objects.get(remote.head);
  if (commitBytes === undefined) {
    throw new BakError("NO_OBJECT", `'${remote.peer}' did not send the head's commit '${remote.head}'`);
  }
  const commit = decodeCommit(commitBytes);
  await completeTrees(remote, commit.tree, objects);
  return {
    commit,
    commitBytes,
    isIndexed: false,
    baseline: {
      tree: commit.tree,
      objects,
      // the index may be of a commit that the store, put back from an older copy, no longer has
      isStored: (id) => received.has(id),
      folders: usable?.folders ?? new Map(),
      // folders that the index has may lie beside others that it has not: the earlier scan holds for both
      scanStartedMs: Math.min(usable?.startedMs ?? Infinity, commit.startedMs),
      isOfFolder: isOfFolder(commit, folder),
    },
  };
}

/** Takes the head's commit and trees in. `isSent`: whether they come along with welcome, or have to be asked for. */
async function receiveHead(
  remote: Remote,
  objects: Map<ObjectId, Uint8Array>,
  { isSent }: { isSent: boolean },
): Promise<Set<ObjectId>> {
  const received = new Set<ObjectId>();
  const members = isSent ? remote.takeHeadTrees() : remote.trees(remote.head as ObjectId);
  if (members === undefined) return received;
  const isWanted = (id: ObjectId, kind: string): boolean => (kind === "tree" || id === remote.head) && !objects.has(id);
  const intake = new TreeIntake(objects);
  for await (const { id, bytes } of readObjects(members, isWanted)) {
    if (id === remote.head) {
      objects.set(id, Buffer.from(bytes));
      intake.expect(decodeCommit(bytes).tree);
    } else if (intake.take(id, bytes)) received.add(id);
  }
  return received;
}

/**
 * Fetches what is missing of a tree. One that lies in the store as another kind of object, because a file had its very
 * bytes, does not come along with the others.
 */
async function completeTrees(remote: Remote, root: ObjectId, objects: Map<ObjectId, Uint8Array>): Promise<void> {
  const seen = new Set([root]);
  for (let level = [root]; level.length > 0;) {
    const missing = level.filter((id) => !objects.has(id));
    await fetchObjects(remote, missing, (id, bytes) => void objects.set(id, Buffer.from(bytes)));
    const below: ObjectId[] = [];
    for (const id of level) {
      for (const child of treesIn(decodeTree(objects.get(id) as Uint8Array))) {
        if (!seen.has(child)) below.push(child);
        seen.add(child);
      }
    }
    level = below;
  }
}
