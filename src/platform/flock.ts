/** flock(2), which Node lacks: a lock that the kernel drops when its owner dies, however it dies. */
import { constants } from "node:os";
import { loadLibc } from "./libc.js";
import { systemError } from "./system-error.js";

// <sys/file.h>: the same numbers on Linux, macOS and the BSDs
const lockKinds = { shared: 1, exclusive: 2 } as const;
const lockNonBlocking = 4;

/**
 * Locks an open file, for this open file description alone or with all others that share it, until its last descriptor is
 * closed; what it had of the lock until then is given up. Returns false where another has the lock; throws, with `code` and `errno` as Node's own errors have them, where the file can't be locked.
 */
export type Flock = (descriptor: number, kind?: keyof typeof lockKinds) => boolean;

/** The system's flock; undefined where there is none, or no way to reach it. */
export function loadFlock(): Flock | undefined {
  const libc = loadLibc();
  if (libc === undefined) return undefined;
  const flock = libc.func("int flock(int, int)");
  return (descriptor, kind = "exclusive") => {
    if (flock(descriptor, lockKinds[kind] | lockNonBlocking) === 0) return true;
    const errno = libc.errno();
    if (errno === constants.errno.EWOULDBLOCK) return false;
    throw systemError(errno, "flock");
  };
}
