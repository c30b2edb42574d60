/**
 * What is fetched ahead is in the kernel's cache before anyone reads it: fincore(1) says how much of it. Not every file
 * system fetches what it is advised to, so Python gives the same advice for a file that is alike, and bak's has to come
 * as far.
 */
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import t from "tap";
import { dropPages, readAhead, startWriteback } from "../../src/platform/page-cache.js";
import { cachedBytes, forgetFile, seesFilesLeave } from "../helpers/cached-pages.js";

const mib = 1 << 20;

/** The same advice from another program. */
function advise(path: string, offset: number, length: number): void {
  const program =
    "import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); " +
    "os.posix_fadvise(fd, int(sys.argv[2]), int(sys.argv[3]), os.POSIX_FADV_WILLNEED)";
  execFileSync("/usr/bin/python3", ["-c", program, path, String(offset), String(length)]);
}

/** Waits until so many bytes of a file are in memory; false if there are fewer after two seconds. */
async function comes(path: string, bytes: number): Promise<boolean> {
  for (const end = Date.now() + 2000; cachedBytes(path) < bytes; await setTimeout(1))
    if (Date.now() > end) return false;
  return true;
}

t.test("a file that is not in memory comes there", { skip: process.platform !== "linux" }, async (t) => {
  const [ours, control] = ["ours", "control"].map((name) => join(t.testdir(), name)) as [string, string];
  for (const path of [ours, control]) writeFileSync(path, Buffer.alloc(mib, 1));
  if (forgetFile(ours) + forgetFile(control) > 0) return t.comment("this file system keeps all in memory");
  advise(control, mib / 2, mib / 16);
  if (!(await comes(control, mib / 16))) return t.comment("this file system takes no advice");
  const descriptor = openSync(ours, "r");
  readAhead(descriptor, mib / 2, mib / 16);
  t.ok(await comes(ours, mib / 16), "what was asked for");
  t.equal(cachedBytes(ours) < mib, cachedBytes(control) < mib, "and not all of it, where only a part comes");
  readAhead(descriptor, 0, 0);
  t.ok(await comes(ours, mib), "and then the rest");
  closeSync(descriptor);
});

t.test("what is on the disk can leave memory", async (t) => {
  const folder = t.testdir();
  if (!seesFilesLeave(t, folder)) return;
  const path = join(folder, "file");
  const descriptor = openSync(path, "w");
  writeSync(descriptor, Buffer.alloc(2 * mib, 1));
  startWriteback(descriptor, 0, 2 * mib);
  fdatasyncSync(descriptor); // and waits until it is there
  t.equal(cachedBytes(path), 2 * mib);
  dropPages(descriptor, 0, 2 * mib);
  t.equal(cachedBytes(path), 0);
  closeSync(descriptor);
  t.ok(readFileSync(path).equals(Buffer.alloc(2 * mib, 1)));
});

t.test("advice that cannot be taken is no failure", (t) => {
  for (const give of [readAhead, startWriteback, dropPages]) t.doesNotThrow(() => give(-1, 0, 0));
  t.end();
});
