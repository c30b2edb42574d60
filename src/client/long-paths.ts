/**
 * Paths beyond what the system takes in one call: from some length on, a folder is held open, and what is in it is reached
 * through its descriptor, where the system allows that (Linux).
 */
import type { ByteString } from "../objects/byte-string.js";
import { HeldFolder } from "./held-folder.js";

/** PATH_MAX of Linux, with the NUL at the end, less the longest name and a slash. */
const maxFolderBytes = 4095 - 1025;
const aliases = "/proc/self/fd/";

/** A way to a folder. */
export interface FolderReach {
  readonly absolute: ByteString;
  /** To be called when nothing in the folder is reached any more. */
  readonly close?: () => void;
}

/** Whether a path is one that a `LongPaths` made, and so names something else at another time. */
export function isAlias(path: ByteString): boolean {
  return path.startsWith(aliases);
}

export class LongPaths {
  readonly #held = new Set<HeldFolder>();

  /** A path by which the names in a folder can be reached, whose own path is short enough. Throws what opening it fails with. */
  reach(absolute: ByteString): FolderReach {
    if (absolute.length <= maxFolderBytes) return { absolute };
    const folder = HeldFolder.openTarget(absolute);
    if (folder.place.descriptor === undefined) return { absolute }; // what is too long will be told of
    this.#held.add(folder);
    const close = (): void => {
      if (this.#held.delete(folder)) folder.close();
    };
    return { absolute: folder.place.prefix, close };
  }

  /** Closes what is still open. */
  close(): void {
    for (const folder of this.#held) folder.close();
    this.#held.clear();
  }
}
