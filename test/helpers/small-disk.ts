/** Disks that are small enough to be filled: a file system in memory, for tests that run as root. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** The folder of an empty file system of so many MiB, until the test ends; undefined where none may be mounted, for which the test is marked. */
export function mountSmallDisk(t: Test, sizeMib: number): string | undefined {
  const notHere = (why: string): undefined => void t.skip(`not here: ${why}`, () => undefined);
  if (process.platform !== "linux" || process.getuid?.() !== 0) return notHere("only root may mount a small disk");
  const folder = mkdtempSync(join(tmpdir(), "bak-small-disk-")); // no testdir: that is deleted while it is still mounted
  t.teardown(() => {
    spawnSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "bak-test", folder]);
  return mounted.status === 0 ? folder : notHere("a small disk could not be mounted");
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
