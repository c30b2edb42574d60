/** Has the kernel fetch what will be read: posix_fadvise(2), which Node lacks. Where it cannot be called, nothing happens. */
import { is64Bit, loadLibc } from "./libc.js";

type Advise = (descriptor: number, position: number, length: number, advice: number) => unknown;

/** POSIX_FADV_WILLNEED, in <bits/fcntl-linux.h>. */
const willNeed = 3;

let advise: Advise | undefined;

/** Begins to fetch a part of an open file from its disk, and does not wait for it; of length 0, all that follows. */
export function readAhead(descriptor: number, position: number, length: number): void {
  advise ??= declare() ?? (() => undefined);
  advise(descriptor, position, length, willNeed); // it is advice: what it fails with does not matter
}

function declare(): Advise | undefined {
  if (process.platform !== "linux" || !is64Bit) return undefined;
  return loadLibc()?.func("int posix_fadvise(int, int64_t, int64_t, int)");
}
