/**
 * What the kernel is told of its page cache, which Node has no calls for: posix_fadvise(2) and sync_file_range(2). Where they cannot be
 * called, nothing happens; and since it is advice, what it fails with does not matter.
 */
import { is64Bit, loadLibc } from "./libc.js";

type Advise = (descriptor: number, position: number, length: number, what: number) => unknown;

/** POSIX_FADV_WILLNEED and POSIX_FADV_DONTNEED, in <bits/fcntl-linux.h>, and there SYNC_FILE_RANGE_WRITE. */
const [willNeed, dontNeed, syncWrite] = [3, 4, 2];

const advise = declared("int posix_fadvise(int, int64_t, int64_t, int)");
const sync = declared("int sync_file_range(int, int64_t, int64_t, unsigned int)");

/** Begins to fetch a part of an open file from its disk, and does not wait for it; of length 0, all that follows. */
export function readAhead(descriptor: number, position: number, length: number): void {
  advise(descriptor, position, length, willNeed);
}

/** Begins to write what has changed in a part of an open file to its disk; waits only for room in the queue to it. */
export function startWriteback(descriptor: number, position: number, length: number): void {
  sync(descriptor, position, length, syncWrite);
}

/** Takes a part of an open file out of the cache, but for what is not on its disk yet; of pages that the kernel keeps together, all or none. */
export function dropPages(descriptor: number, position: number, length: number): void {
  advise(descriptor, position, length, dontNeed);
}

/** A function of the C library, which is looked for when it is first called. */
function declared(prototype: string): Advise {
  let call: Advise | undefined;
  return (...values) => (call ??= find(prototype) ?? (() => undefined))(...values);
}

function find(prototype: string): Advise | undefined {
  if (process.platform !== "linux" || !is64Bit) return undefined;
  try {
    return loadLibc()?.func(prototype);
  } catch {
    return undefined; // this C library does not have it
  }
}
