/** Folders for tests that make and sync thousands of files, whose time would be spent waiting for a disk. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** An empty folder, in memory where the system has a place for that; deleted when the test ends. */
export function fastFolder(t: Test): string {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bak-test-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
