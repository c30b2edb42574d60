/** Files of bak's own, which are written whole or not at all. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import type { ByteString } from "../objects/byte-string.js";
import { fsPath } from "./source-path.js";

export interface ReplaceOptions {
  /** Permissions, of which the umask may take some; those of any new file, unless given. */
  readonly mode?: number;
  /** Whether it is worth waiting until the bytes are on stable storage: of what can be made again, it is not. */
  readonly isKept: boolean;
}

/**
 * Has a file written beside `path`, and puts it there, in the place of what was there; `write` is given its descriptor.
 * Throws what that throws, and what system calls fail with; nothing is left of it then.
 */
export function replaceFile(path: ByteString, { mode, isKept }: ReplaceOptions, write: (fd: number) => void): void {
  const fresh = fsPath(`${path}.${process.pid}.tmp` as ByteString);
  try {
    rmSync(fresh, { force: true }); // of a process that was killed, and had the same number
    const fd = openSync(fresh, "wx", mode);
    try {
      write(fd);
      if (isKept) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, fsPath(path));
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
