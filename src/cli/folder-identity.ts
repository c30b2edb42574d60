/** Which folder a path leads to, whatever way it is written: by device and inode. */
import { statSync } from "node:fs";

/** What tells a folder from all others of this machine. */
export interface FolderIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The identity of what a path leads to; undefined where there is nothing, or nothing that we may look at. */
export function identityOf(path: string | Buffer): FolderIdentity | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** Whether two folders are there, and are one and the same. */
export function isSameFolder(a: FolderIdentity | undefined, b: FolderIdentity | undefined): boolean {
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}
