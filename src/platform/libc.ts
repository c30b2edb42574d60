/** The C library, through the optional package koffi: for the few system calls that Node lacks. */
import { createRequire } from "node:module";
import type Koffi from "koffi";

const load = createRequire(import.meta.url);

/** Whether off_t, time_t and long have 64 bits here, as they are declared in this room. */
export const is64Bit = ["x64", "arm64", "riscv64", "ppc64", "s390x", "loong64"].includes(process.arch);

export interface Libc {
  /** Declares a function of the C library by its prototype. */
  func(prototype: string): (...values: unknown[]) => unknown;
  /** The errno that the last call left. */
  errno(): number;
  /** Where a buffer lies in memory, to understand a pointer into it. */
  addressOf(buffer: Uint8Array): bigint;
}

let libc: Libc | undefined | null = null;

/** The C library; undefined where koffi is not installed or not made for this machine, and on Windows. */
export function loadLibc(): Libc | undefined {
  if (libc === null) libc = open();
  return libc;
}

function open(): Libc | undefined {
  if (process.platform === "win32") return undefined;
  try {
    const koffi = load("koffi") as typeof Koffi;
    const library = koffi.load(null);
    return {
      func: (prototype) => library.func(prototype) as (...values: unknown[]) => unknown,
      errno: () => koffi.errno(),
      addressOf: (buffer) => koffi.address(buffer),
    };
  } catch {
    return undefined; // an optional package: what it would have done is left out, or done in another way
  }
}
