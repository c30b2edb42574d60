/** Which of a commit's paths are restored. */
import type { ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { DirEntry, Entry } from "../objects/entry.js";
import { isLoss } from "./fetch-rest.js";
import type { TreeSource } from "./tree-source.js";

/** A path of the commit: the folders on the way to it, and what it names. */
export interface FoundPath {
  readonly path: ByteString;
  readonly parents: readonly DirEntry[];
  readonly last: Entry;
}

/**
 * Looks paths up; what lies beneath another of them, and repetitions, are dropped. Those to which the way is lost come as
 * `lost`. Rejects with NO_PATH for one that the commit lacks.
 */
export async function findPaths(
  trees: TreeSource,
  commit: Commit,
  paths: readonly ByteString[],
): Promise<{ found: FoundPath[]; lost: ByteString[] }> {
  const found: FoundPath[] = [];
  const lost: ByteString[] = [];
  for (const path of withoutNested(paths)) {
    try {
      const entries = await trees.fetchPath(commit, path);
      const last = entries.pop() as Entry;
      found.push({ path, parents: entries as DirEntry[], last });
    } catch (error) {
      if (!isLoss(error)) throw error;
      lost.push(path);
    }
  }
  return { found, lost };
}

/** Without those that lie beneath another of them, and repetitions. */
export function withoutNested(paths: readonly ByteString[]): ByteString[] {
  const unique = [...new Set(paths)];
  const isNested = (path: ByteString): boolean => unique.some((other) => path.startsWith(`${other}/`));
  return unique.filter((path) => !isNested(path));
}
