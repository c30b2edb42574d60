/** What of a file the kernel has in memory. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { loadLibc } from "../../src/platform/libc.js";

const mib = 1 << 20;

/** How many bytes, in whole pages, as fincore(1) counts them. */
export function cachedBytes(path: string): number {
  return Number(
    execFileSync("fincore", ["--noheadings", "--raw", "--bytes", "--output", "RES", path], { encoding: "utf8" }),
  );
}

/** Has the kernel forget a file that is on the disk; how many bytes it keeps nevertheless, as a file system in memory does. */
export function forgetFile(path: string): number {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
  return cachedBytes(path);
}

/** Whether it can be seen in this folder that what is on the disk leaves memory; where not, the test says so. */
export function seesFilesLeave(t: Test, folder: string): boolean {
  const isSeen = canSeeFilesLeave(folder);
  if (!isSeen) t.comment("it cannot be seen here what leaves memory");
  return isSeen;
}

/** Not on every file system, nor without koffi. */
function canSeeFilesLeave(folder: string): boolean {
  if (process.platform !== "linux" || loadLibc() === undefined) return false;
  const path = join(folder, "control");
  writeFileSync(path, Buffer.alloc(mib, 1));
  try {
    return cachedBytes(path) === mib && forgetFile(path) === 0;
  } finally {
    rmSync(path);
  }
}
