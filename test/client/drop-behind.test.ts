/** A large file that is written does not stay in memory: fincore(1) counts its pages. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DropBehind } from "../../src/client/drop-behind.js";
import { dropsPages, pagesOf } from "../helpers/cached-pages.js";

const mib = 1 << 20;
const pagesPerMib = mib >> 12;
const piece = Buffer.alloc(mib, 1);

/** Writes so many MiB, each of which is on the disk before the next; gives how many of them are in memory afterwards. */
function write(
  path: string,
  mibs: number,
  behind: DropBehind,
  pieces = Array.from({ length: mibs }, (_, at) => at),
): number {
  const descriptor = openSync(path, "w");
  for (const at of pieces) {
    writeSync(descriptor, piece, 0, mib, at * mib);
    fdatasyncSync(descriptor);
    behind.wrote({ number: 1, size: mibs * mib }, { descriptor, offset: at * mib, length: mib });
  }
  closeSync(descriptor);
  return pagesOf(path) / pagesPerMib;
}

t.test("what the disk has of a large file leaves memory", async (t) => {
  const folder = t.testdir();
  if (!dropsPages(folder)) return t.comment("nothing leaves memory on this file system");
  t.ok(write(join(folder, "in order"), 96, new DropBehind()) <= 24);
  // two of three pieces from here on, as a thread writes that is not the only one
  const others = Array.from({ length: 96 }, (_, at) => at).filter((at) => at % 3 > 0);
  t.ok(write(join(folder, "with gaps"), 96, new DropBehind(), others) <= 36);
  t.equal(write(join(folder, "small"), 63, new DropBehind()), 63, "that of a smaller one stays");
});

t.test("windows of one file are not taken for those of the next", async (t) => {
  const folder = t.testdir();
  if (!dropsPages(folder)) return t.comment("nothing leaves memory on this file system");
  const behind = new DropBehind();
  const [one, two] = ["one", "two"].map((name) => openSync(join(folder, name), "w")) as [number, number];
  for (let at = 0; at < 64; at += 1) {
    // by turns: no window of either is ever full
    for (const [number, descriptor] of [one, two].entries()) {
      writeSync(descriptor, piece, 0, mib, at * mib);
      behind.wrote({ number, size: 64 * mib }, { descriptor, offset: at * mib, length: mib });
    }
  }
  for (const descriptor of [one, two]) closeSync(descriptor);
  t.equal(pagesOf(join(folder, "one")) + pagesOf(join(folder, "two")), 128 * pagesPerMib);
});

t.test("a disk that has to be waited for is left alone", async (t) => {
  const folder = t.testdir();
  if (!dropsPages(folder)) return t.comment("nothing leaves memory on this file system");
  const mibs = write(join(folder, "file"), 128, new DropBehind({ maxWaitMsPerMib: 0 }));
  t.ok(mibs >= 64, `${mibs} MiB`);
});
