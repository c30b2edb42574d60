/**
 * Looks for names in all commits of a project. Each commit is compared with the one before it, and only what differs is
 * read: what has not changed is found once, and lived in all of them.
 */
import type { ByteString } from "../objects/byte-string.js";
import type { ObjectId } from "../objects/object-id.js";
import type { Entry } from "../objects/entry.js";
import { diffTrees, type DiffSide } from "./diff-trees.js";
import type { PathMatcher } from "./path-pattern.js";
import { readHistory } from "./history.js";
import type { Remote } from "./remote.js";
import { TreeCache } from "./tree-cache.js";
import type { LogLine } from "../protocol/log-lines.js";

/** One version of what has a path: in all commits from the first to the last, with the same content. */
export interface FoundVersion {
  readonly path: ByteString;
  /** As it was in the last of them. */
  readonly entry: Entry;
  readonly first: LogLine;
  readonly last: LogLine;
  readonly commits: number;
}

interface Span {
  readonly entry: Entry;
  readonly last: LogLine;
  /** How many commits are newer than the last. */
  readonly newer: number;
}

/**
 * What matches, the latest commits first: a version is given out when a commit is reached that does not have it, so memory is
 * that of the matches of one commit. A folder of which the store has lost something is told of, with the latest commit that has
 * it so, and counts as if that were not in it. So is a commit that is lost, without a folder, which counts as if there were none.
 */
export async function* findVersions(
  remote: Remote,
  matches: PathMatcher,
  onLost: (path: ByteString | undefined, commit: ObjectId) => void,
): AsyncGenerator<FoundVersion, void, undefined> {
  const trees = new TreeCache(remote, { isLossPassedOver: true });
  const open = new Map<ByteString, Span>();
  let newer: LogLine | undefined;
  let tree: Parameters<typeof diffTrees>[1];
  let count = 0;
  const close = (path: ByteString): FoundVersion | undefined => {
    const span = open.get(path);
    if (span === undefined || newer === undefined) return undefined;
    open.delete(path);
    const { entry, last } = span;
    return { path, entry, first: newer, last, commits: count - span.newer };
  };
  for await (const { content, commit, receivedMs } of readHistory(remote, {
    onLost: (lost) => onLost(undefined, lost.commit),
  })) {
    const line = { commit, receivedMs };
    const tell = (path: ByteString, side: DiffSide): void => {
      if (side === "after") onLost(path, commit); // what is lost in the newer has been told
    };
    for await (const change of diffTrees(trees, tree, content.tree, { onLost: tell })) {
      if (change.type === "metadata" || !matches(change.path)) continue;
      const version = close(change.path);
      if (version !== undefined) yield version;
      if (change.type !== "removed") open.set(change.path, { entry: change.after, last: line, newer: count });
    }
    [newer, tree] = [line, content.tree];
    count += 1;
  }
  for (const path of [...open.keys()].toSorted(compare)) {
    const version = close(path);
    if (version !== undefined) yield version;
  }
}

function compare(a: ByteString, b: ByteString): number {
  return a < b ? -1 : 1;
}
