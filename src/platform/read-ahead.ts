/** Has the kernel fetch what will be read: posix_fadvise(2), which Node lacks. Where it cannot be called, nothing happens. */
import { loadLibc } from "./libc.js";

type Advise = (descriptor: number, position: number, length: number, advice: number) => unknown;

/** POSIX_FADV_WILLNEED, in <bits/fcntl-linux.h>. */
const willNeed = 3;
/** Where off_t has 64 bits, as it is declared here. */
const processors: readonly NodeJS.Architecture[] = ["x64", "arm64", "riscv64", "ppc64", "s390x", "loong64"];

let advise: Advise | undefined;

/** Begins to fetch a part of an open file from its disk, and does not wait for it; of length 0, all that follows. */
export function readAhead(descriptor: number, position: number, length: number): void {
  advise ??= declare() ?? (() => undefined);
  advise(descriptor, position, length, willNeed); // it is advice: what it fails with does not matter
}

function declare(): Advise | undefined {
  if (process.platform !== "linux" || !processors.includes(process.arch)) return undefined;
  return loadLibc()?.func("int posix_fadvise(int, int64_t, int64_t, int)");
}
