/** flock(2), which Node lacks: a lock that the kernel drops when its owner dies, however it dies. */
import { createRequire } from "node:module";
import { constants } from "node:os";
import type * as Koffi from "koffi";

// <sys/file.h>: the same numbers on Linux, macOS and the BSDs
const lockExclusive = 2;
const lockNonBlocking = 4;

/**
 * Locks an open file for this open file description alone; the lock ends when the last descriptor of it is closed.
 * Returns false where another has it. Throws, with `code` and `errno` as Node's own errors have them, where the file
 * system can't lock.
 */
export type Flock = (descriptor: number) => boolean;

/** The system's flock; undefined where the optional package koffi is missing, or the system has no such call. */
export function loadFlock(): Flock | undefined {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
    const flock = koffi.load(null).func("int flock(int, int)") as (descriptor: number, operation: number) => number;
    return (descriptor) => {
      if (flock(descriptor, lockExclusive | lockNonBlocking) === 0) return true;
      const errno = koffi.errno();
      if (errno === constants.errno.EWOULDBLOCK) return false;
      throw systemError(errno);
    };
  } catch {
    return undefined; // an optional package that is missing, or built for another machine, is no failure
  }
}

function systemError(errno: number): Error {
  const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
  return Object.assign(new Error(`${code}: flock`), { code, errno, syscall: "flock" });
}
