/** Folders for tests that make and sync thousands of files, or large ones, whose time would be spent waiting for a disk. */
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

const mib = 1 << 20;

/** An empty folder, in memory where the system has a place for that, with so much room and to spare; deleted when the test ends. */
export function fastFolder(t: Test, { roomBytes = 256 * mib }: { roomBytes?: number } = {}): string {
  const folder = mkdtempSync(join(hasRoom("/dev/shm", roomBytes) ? "/dev/shm" : tmpdir(), "bak-test-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

function hasRoom(folder: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return Math.min(bavail * bsize, freemem()) >= 2 * bytes; // other tests see the same
  } catch {
    return false;
  }
}
