/** glibc's allocator, which keeps far more than is in use where threads take and leave large pieces of memory. */
import { loadLibc } from "./libc.js";

// <malloc.h> of glibc
const mmapThreshold = -3;
const thresholdBytes = 128 << 10;

/**
 * Makes memory from 128 KiB on go back to the system as soon as it is free. That is glibc's own default, but it gives it up
 * with the first larger piece that is freed, and then keeps up to 64 MiB for each thread (mallopt(3), M_MMAP_THRESHOLD).
 * Does nothing where the C library is another, or cannot be reached.
 */
export function returnFreedMemory(): void {
  if (process.platform !== "linux") return;
  try {
    loadLibc()?.func("int mallopt(int, int)")(mmapThreshold, thresholdBytes);
  } catch {
    // a C library without mallopt does not need it
  }
}
