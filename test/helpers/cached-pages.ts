/** What of a file the kernel has in memory. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How many pages of 4 KiB, as fincore(1) counts them. */
export function pagesOf(path: string): number {
  return Number(execFileSync("fincore", ["--noheadings", "--raw", "--output", "PAGES", path], { encoding: "utf8" }));
}

/** Has the kernel forget a file that is on the disk; how many pages it keeps nevertheless, as a file system in memory does. */
export function forgetPages(path: string): number {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
  return pagesOf(path);
}

/** Whether what is on the disk can be taken out of memory in this folder at all. */
export function dropsPages(folder: string): boolean {
  const path = join(folder, "control");
  writeFileSync(path, Buffer.alloc(1 << 20, 1));
  const left = forgetPages(path);
  rmSync(path);
  return process.platform === "linux" && left === 0;
}
