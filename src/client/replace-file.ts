/** Files of bak's own, which are written whole or not at all. */
import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { posix } from "node:path";
import { nanoid } from "nanoid";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { fsPath } from "./source-path.js";

export interface ReplaceOptions {
  /** Permissions, of which the umask may take some; those of any new file, unless given. */
  readonly mode?: number;
  /** Whether it is worth waiting until the bytes are on stable storage: of what can be made again, it is not. */
  readonly isKept: boolean;
}

/** A file that lies beside the one whose place it is to take. */
export interface FreshFile {
  /** Puts it there. Throws what the system says; it is gone then. */
  put(): void;
  /** Deletes it. */
  discard(): void;
}

/**
 * Has a file written beside `path`, and puts it there, in the place of what was there; `write` is given its descriptor.
 * Throws what that throws, and what system calls fail with; nothing is left of it then.
 */
export function replaceFile(path: ByteString, options: ReplaceOptions, write: (fd: number) => void): void {
  writeBeside(path, options, write).put();
}

/** Has a file written beside `path`, which is to go there later. Throws as `replaceFile` does. */
export function writeBeside(
  path: ByteString,
  { mode, isKept }: ReplaceOptions,
  write: (fd: number) => void,
): FreshFile {
  const fresh = fsPath(`${path}.${nanoid(10)}.tmp` as ByteString);
  const discard = (): void => rmSync(fresh, { force: true });
  const orDiscard = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      discard();
      throw error;
    }
  };
  orDiscard(() => {
    deleteLeftovers(path);
    const fd = openSync(fresh, "wx", mode);
    try {
      write(fd);
      if (isKept) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
  return { put: () => orDiscard(() => renameSync(fresh, fsPath(path))), discard };
}

/** What waits longer beside a file to take its place was left by a process that was killed. */
const leftAfterMs = 24 * 60 * 60 * 1000;

/** As far as that can be done: what is left takes room, and no more. */
function deleteLeftovers(path: ByteString): void {
  const folder = posix.dirname(path) as ByteString;
  const start = `${posix.basename(path)}.`;
  try {
    for (const name of readdirSync(fsPath(folder), { encoding: "latin1" }) as ByteString[])
      if (name.startsWith(start) && /^[\w-]{10}\.tmp$/.test(name.slice(start.length)))
        deleteLeftover(joinPath(folder, name));
  } catch {
    // a folder may be written to and not be listed
  }
}

function deleteLeftover(path: ByteString): void {
  try {
    const { mtimeMs } = lstatSync(fsPath(path));
    if (mtimeMs < Date.now() - leftAfterMs) rmSync(fsPath(path));
  } catch {
    // it is somebody else's, or no file, or gone
  }
}
