/** Folders of bak's own that a push does not enter: a store that kept itself would grow with every push. */
import { statSync, type BigIntStats } from "node:fs";
import { bytesOf, type ByteString } from "../objects/byte-string.js";

/** Whether a folder and a path, if there is something, are one and the same. */
export function isSamePlace(folder: ByteString, path: string): boolean {
  const there = statOf(path);
  const here = there && statOf(bytesOf(folder));
  return here !== undefined && there !== undefined && here.dev === there.dev && here.ino === there.ino;
}

/** A set of folders, known by device and inode, so that no other way to write a path gets around it. */
export class ExclusionByIdentity {
  readonly #identities = new Set<string>();

  /** Paths that do not exist, or that we may not look at, cannot be entered and are passed over. */
  constructor(folders: readonly (string | undefined)[]) {
    for (const folder of folders) {
      const stats = folder === undefined ? undefined : statOf(folder);
      if (stats !== undefined) this.#identities.add(`${stats.dev}:${stats.ino}`);
    }
  }

  has(folder: { readonly dev: bigint; readonly ino: bigint }): boolean {
    return this.#identities.has(`${folder.dev}:${folder.ino}`);
  }
}

function statOf(folder: string | Buffer): BigIntStats | undefined {
  try {
    return statSync(folder, { bigint: true });
  } catch {
    return undefined;
  }
}
