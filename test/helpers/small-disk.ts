/** Disks that are small enough to be filled: a file system in memory, for tests that run as root. */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** The folder of an empty file system of so many MiB, until the test ends; undefined where none may be mounted, for which the test is marked. */
export function mountSmallDisk(t: Test, sizeMib: number): string | undefined {
  return mounted(t, ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "bak-test"]);
}

/** The same with ext4 in 16 groups of 8,192 inodes each, with a journal or without. */
export function mountSmallExt4(t: Test, { hasJournal }: { hasJournal: boolean }): string | undefined {
  const image = join(t.testdir(), "disk");
  const format = ["-q", "-F", "-t", "ext4", "-b", "4096", "-g", "8192", "-N", "131072"];
  const features = ["-O", `^flex_bg,${hasJournal ? "" : "^"}has_journal`];
  writeFileSync(image, "");
  truncateSync(image, 512 << 20);
  const made = spawnSync("mke2fs", [...format, ...features, image]);
  if (made.status !== 0) return notHere(t, "mke2fs cannot make a small disk");
  return mounted(t, ["-o", "loop", image]);
}

/** The number of the group of inodes that a folder's own is in, on such a disk. */
export function inodeGroupOf(path: string): number {
  return Math.floor((statSync(path).ino - 1) / 8192);
}

function mounted(t: Test, what: readonly string[]): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return notHere(t, "only root may mount a small disk");
  const folder = mkdtempSync(join(tmpdir(), "bak-small-disk-")); // no testdir: that is deleted while it is still mounted
  t.teardown(() => {
    spawnSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  });
  return spawnSync("mount", [...what, folder]).status === 0 ? folder : notHere(t, "a small disk could not be mounted");
}

function notHere(t: Test, why: string): undefined {
  t.skip(`not here: ${why}`, () => undefined);
}

/** How many bytes are free on the disk that a folder is on. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Writes a file that leaves so many bytes free, none unless given. */
export function fillDisk(file: string, folder: string, leave = 0): void {
  const descriptor = openSync(file, "a");
  try {
    for (let free = freeBytes(folder) - leave; free > 0; free = freeBytes(folder) - leave)
      writeSync(descriptor, Buffer.alloc(Math.min(free, 1 << 20)));
  } finally {
    closeSync(descriptor);
  }
}
