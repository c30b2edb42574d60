/** A large file that is written does not stay in memory: fincore(1) says how much of it does. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DropBehind } from "../../src/client/drop-behind.js";
import { cachedBytes, seesFilesLeave } from "../helpers/cached-pages.js";

const mib = 1 << 20;
const piece = Buffer.alloc(mib, 1);
/** No disk is too slow. */
const patient = { maxWaitMsPerMib: Infinity };

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Writes one MiB of a file, which is on the disk afterwards, and tells of it. */
function writePiece(behind: DropBehind, file: { number: number; size: number; descriptor: number }, at: number): void {
  const { descriptor } = file;
  writeSync(descriptor, piece, 0, mib, at * mib);
  fdatasyncSync(descriptor);
  behind.wrote(file, { descriptor, offset: at * mib, length: mib });
}

/** Writes pieces of a file of so many MiB in this order; gives how many MiB of it are in memory afterwards. */
function write(
  path: string,
  behind: DropBehind,
  { mibs, pieces = upTo(mibs) }: { mibs: number; pieces?: number[] },
): number {
  const descriptor = openSync(path, "w");
  for (const at of pieces) writePiece(behind, { number: 1, size: mibs * mib, descriptor }, at);
  closeSync(descriptor);
  return cachedBytes(path) / mib;
}

t.test("what the disk has of a large file leaves memory", async (t) => {
  const folder = t.testdir();
  if (!seesFilesLeave(t, folder)) return;
  const left = (name: string, mibs: number, pieces = upTo(mibs)): number =>
    write(join(folder, name), new DropBehind(patient), { mibs, pieces });
  t.ok(left("in order", 96) <= 24);
  // two of three pieces, as a thread writes that is not the only one
  const withGaps = upTo(96).filter((at) => at % 3 > 0);
  t.ok(left("with gaps", 96, withGaps) <= 24);
  t.ok(left("small", 63) > 48, "that of a smaller one stays");
  // from both ends: a window would be the whole file
  const fromBothEnds = upTo(256).map((at) => (at % 2 === 0 ? at / 2 : 255 - (at - 1) / 2));
  t.ok(left("scattered", 256, fromBothEnds) > 100, "and what lies far apart");
});

t.test("windows of one file are not taken for those of the next", async (t) => {
  const folder = t.testdir();
  if (!seesFilesLeave(t, folder)) return;
  const behind = new DropBehind(patient);
  const files = ["one", "two"].map((name, number) => ({
    number,
    size: 64 * mib,
    descriptor: openSync(join(folder, name), "w"),
  }));
  // by turns: no window of either is ever full
  for (const at of upTo(64)) for (const file of files) writePiece(behind, file, at);
  for (const { descriptor } of files) closeSync(descriptor);
  t.ok(cachedBytes(join(folder, "one")) + cachedBytes(join(folder, "two")) > 112 * mib);
});

t.test("a disk that has to be waited for is left alone", async (t) => {
  const folder = t.testdir();
  if (!seesFilesLeave(t, folder)) return;
  const left = write(join(folder, "file"), new DropBehind({ maxWaitMsPerMib: 0 }), { mibs: 160 });
  t.ok(left > 64, `${left} MiB`);
});
