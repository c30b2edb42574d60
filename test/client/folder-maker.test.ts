import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "tap";
import { FolderMaker, Region } from "../../src/client/folder-maker.js";
import { HeldFolder } from "../../src/client/held-folder.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { loadLibc } from "../../src/platform/libc.js";
import { inodeGroupOf, mountSmallExt4 } from "../helpers/small-disk.js";

const deletedFiles = 7500;
/** The kernel's clock for files may be behind by a tick or two. */
const clockLagMs = 50;
const names = ["a", "b", "c", "d", "e", "f"] as ByteString[];

/** Makes folders in a new one, after so many files were deleted beside them; gives the groups of inodes that they are in. */
async function makeBeside(
  disk: string,
  deleted: number,
  name = "target",
): Promise<{ parent: number; made: number[]; regions: Region[] }> {
  const target = join(disk, name);
  mkdirSync(target);
  for (let at = 0; at < deleted; at += 1) closeSync(openSync(join(target, String(at)), "w"));
  for (let at = 0; at < deleted; at += 1) rmSync(join(target, String(at)));
  if (deleted > 0) await nextSecond(); // what was deleted within this one counts as not deleted lately
  const held = HeldFolder.openTarget(target as ByteString);
  try {
    const maker = new FolderMaker(held);
    const region = new Region();
    const made = names.map((name) => maker.make(held, name, region));
    for (const { made: how } of made) if (how !== "made") throw new Error(`it was ${how}`);
    return {
      parent: inodeGroupOf(target),
      made: names.map((name) => inodeGroupOf(join(target, name))),
      regions: made.map((each) => each.region),
    };
  } finally {
    held.close();
  }
}

async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  while (Math.floor((Date.now() - clockLagMs) / 1000) === second) await setTimeout(10);
}

void test("where nothing is in the way, folders are made near each other", async (t) => {
  const disk = mountSmallExt4(t, { hasJournal: false });
  if (disk === undefined) return;
  const groups: number[][] = []; // a try is spoiled where the processor is taken away twice
  for (let tries = 0; tries < 10 && groups.at(-1)?.length !== 1; tries += 1) {
    const { parent, made } = await makeBeside(disk, 0, `target ${tries}`);
    groups.push([...new Set([parent, ...made])]);
  }
  t.equal(groups.at(-1)?.length, 1, JSON.stringify(groups));
});

void test("where the file system searches for long, folders are made elsewhere", async (t) => {
  const disk = mountSmallExt4(t, { hasJournal: false });
  if (disk === undefined || loadLibc() === undefined) return;
  const { parent, made, regions } = await makeBeside(disk, deletedFiles);
  t.equal(made[0], parent);
  t.ok(new Set(made).size > 2, `in groups ${String(made)}`);
  t.equal(new Set(regions).size, new Set(made).size);
});

void test("a folder that is there stays, and what else has its name is replaced", async (t) => {
  const folder = t.testdir({ folder: { file: "" }, other: "" });
  const held = HeldFolder.openTarget(folder as ByteString);
  t.teardown(() => held.close());
  const maker = new FolderMaker(held);
  const region = new Region();
  const make = (name: string): string => maker.make(held, name as ByteString, region).made;
  t.same(["folder", "other", "new"].map(make), ["there", "replaced", "made"]);
  t.ok(statSync(join(folder, "folder", "file")).isFile());
  t.ok(statSync(join(folder, "other")).isDirectory());
  writeFileSync(join(folder, "new", "file"), "");
  t.throws(() => make("missing/below"), { code: "ENOENT" });
});
