/** What is fetched ahead is in the kernel's cache before anyone reads it: fincore(1) counts its pages. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import t from "tap";
import { readAhead } from "../../src/platform/read-ahead.js";

const pagesOf = (path: string): number =>
  Number(execFileSync("fincore", ["--noheadings", "--raw", "--output", "PAGES", path], { encoding: "utf8" }));

/** Has the kernel forget the file; how many pages it keeps nevertheless, as a file system in memory does. */
function forget(path: string): number {
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
  return pagesOf(path);
}

t.test("a file that is not in memory comes there", { skip: process.platform !== "linux" }, async (t) => {
  const path = join(t.testdir(), "file");
  writeFileSync(path, Buffer.alloc(1 << 20, 1));
  if (forget(path) > 0) return t.comment("this file system keeps all in memory");
  const descriptor = openSync(path, "r");
  readAhead(descriptor, 512 << 10, 64 << 10);
  while (pagesOf(path) < 16) await setTimeout(1); // until tap loses patience
  t.ok(pagesOf(path) < 256, "as much as was asked for");
  readAhead(descriptor, 0, 0);
  while (pagesOf(path) < 256) await setTimeout(1);
  t.pass("and all of it");
  closeSync(descriptor);
});

t.test("advice that cannot be taken is no failure", (t) => {
  t.doesNotThrow(() => readAhead(-1, 0, 0));
  t.end();
});
