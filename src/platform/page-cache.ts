/**
 * What the kernel is told of its page cache, which Node has no calls for: posix_fadvise(2) and sync_file_range(2). Where they cannot be
 * called, nothing happens; and since it is advice, what it fails with does not matter.
 */
import { is64Bit, loadLibc } from "./libc.js";

type Advise = (descriptor: number, position: number, length: number, what: number) => unknown;

/** POSIX_FADV_WILLNEED and POSIX_FADV_DONTNEED, in <bits/fcntl-linux.h>, and there SYNC_FILE_RANGE_WRITE. */
const [willNeed, dontNeed, syncWrite] = [3, 4, 2];

const nothing: Advise = () => undefined;
let advise: Advise | undefined;
let sync: Advise | undefined;

/** Begins to fetch a part of an open file from its disk, and does not wait for it; of length 0, all that follows. */
export function readAhead(descriptor: number, position: number, length: number): void {
  advise ??= declare("int posix_fadvise(int, int64_t, int64_t, int)");
  advise(descriptor, position, length, willNeed);
}

/** Begins to write what has changed in a part of an open file to its disk; waits only for room in the queue to it. */
export function startWriteback(descriptor: number, position: number, length: number): void {
  sync ??= declare("int sync_file_range(int, int64_t, int64_t, unsigned int)");
  sync(descriptor, position, length, syncWrite);
}

/** Takes a part of an open file out of the cache, but for what is not on its disk yet; of pages that the kernel keeps together, all or none. */
export function dropPages(descriptor: number, position: number, length: number): void {
  advise ??= declare("int posix_fadvise(int, int64_t, int64_t, int)");
  advise(descriptor, position, length, dontNeed);
}

function declare(prototype: string): Advise {
  if (process.platform !== "linux" || !is64Bit) return nothing;
  try {
    return loadLibc()?.func(prototype) ?? nothing;
  } catch {
    return nothing; // this C library does not have it
  }
}
