/**
 * Files in an open folder, reached by its descriptor: openat(2) and renameat(2) of Linux. Node has only calls that take a
 * whole path, which the kernel then walks name by name: for the files of a deep tree that is a fifth of what they cost.
 */
import { constants } from "node:fs";
import { constants as osConstants } from "node:os";
import { loadLibc, type Libc } from "./libc.js";
import { systemError } from "./system-error.js";

/** Names are bytes that end in NUL. Every call throws as Node's own do. */
export interface AtCalls {
  /** Makes a file that is not there and opens it for writing; the descriptor is closed with `close`. */
  createFile(folder: number, name: Uint8Array, mode: number): number;
  close(descriptor: number): void;
  /** Gives a file in the folder another name in it, and takes the place of what has that name. */
  rename(folder: number, from: Uint8Array, to: Uint8Array): void;
}

// <bits/fcntl-linux.h>; Node sets it on all that it opens, and does not export it
const closeOnExec = 0o2000000;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | closeOnExec;

/** The calls; undefined where they cannot be reached, or are not known to be as declared here. */
export function loadAtCalls(): AtCalls | undefined {
  // openat takes a variable number of arguments, which other systems may pass in another way
  if (process.platform !== "linux") return undefined;
  const libc = loadLibc();
  return libc === undefined ? undefined : declare(libc);
}

function declare(libc: Libc): AtCalls {
  const openat = libc.func("int openat(int, const uint8_t *, int, uint)");
  const close = libc.func("int close(int)");
  const renameat = libc.func("int renameat(int, const uint8_t *, int, const uint8_t *)");
  const fail = (syscall: string): never => {
    throw systemError(libc.errno(), syscall);
  };
  return {
    createFile: (folder, name, mode) => {
      for (;;) {
        const descriptor = openat(folder, name, createFlags, mode) as number;
        if (descriptor >= 0) return descriptor;
        if (libc.errno() !== osConstants.errno.EINTR) return fail("open");
      }
    },
    // after EINTR, too, Linux has closed it
    close: (descriptor) => {
      if (close(descriptor) !== 0 && libc.errno() !== osConstants.errno.EINTR) fail("close");
    },
    rename: (folder, from, to) => {
      if (renameat(folder, from, folder, to) !== 0) fail("rename");
    },
  };
}
