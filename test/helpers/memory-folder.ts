/** Folders for states that are many and of which none is kept: in memory, where there is a file system of that. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** A new folder that goes when the test ends. */
export function memoryFolder(t: Test): string {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bak-test-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
