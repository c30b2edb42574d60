import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type Test } from "tap";
import { loadDistantFolders, type MakeDistantFolder } from "../../src/platform/distant-folders.js";
import { loadLibc } from "../../src/platform/libc.js";
import { inodeGroupOf, mountSmallDisk, mountSmallExt4 } from "../helpers/small-disk.js";

function load(folder: string): MakeDistantFolder | undefined {
  return loadDistantFolders(statSync(folder, { bigint: true }).dev);
}

/** The attributes that chattr(1) can set of a folder itself. */
function flagsOf(folder: string): string {
  return spawnSync("lsattr", ["-d", folder], { encoding: "utf8" }).stdout.split(" ", 1)[0] as string;
}

function withoutJournal(t: Test): string | undefined {
  if (loadLibc() !== undefined) return mountSmallExt4(t, { hasJournal: false });
  t.skip("not here: the C library cannot be called", () => undefined);
  return undefined;
}

void test("a folder is made far from its parent, which keeps its flags", async (t) => {
  const disk = withoutJournal(t);
  if (disk === undefined) return;
  const make = load(disk) as MakeDistantFolder;
  for (const [name, attribute] of [
    ["plain", "-A"],
    ["without access times", "+A"],
    ["a top already", "+T"],
  ] as const) {
    const parent = join(disk, "parents", name);
    mkdirSync(parent, { recursive: true });
    t.equal(spawnSync("chattr", [attribute, parent]).status, 0);
    const before = flagsOf(parent);
    const group = inodeGroupOf(parent);
    const groups = [];
    for (const each of ["one", "two"]) {
      const path = join(parent, each);
      make(parent, path, 0o711);
      t.equal(statSync(path).mode & 0o7777, 0o711);
      t.notMatch(flagsOf(path), /T/);
      groups.push(inodeGroupOf(path));
    }
    t.not(groups.includes(group), true, `${name}: in groups ${String(groups)}, not in ${group}`);
    t.equal(flagsOf(parent), before);
  }
});

void test("in a folder that may be written and not read, one is made all the same", async (t) => {
  const disk = withoutJournal(t);
  if (disk === undefined) return;
  const make = load(disk) as MakeDistantFolder;
  const nobody = 65_534;
  for (const [name, owner, mode] of [
    ["its own", nobody, 0o300],
    ["another's", 0, 0o733],
  ] as const) {
    const parent = join(disk, name);
    mkdirSync(parent);
    chmodSync(parent, mode);
    chownSync(parent, owner, owner);
    process.seteuid?.(nobody);
    try {
      make(parent, join(parent, "made"), 0o700);
    } finally {
      process.seteuid?.(0);
    }
    t.ok(statSync(join(parent, "made")).isDirectory());
    t.notMatch(flagsOf(parent), /T/);
  }
});

void test("what else changes of the parent's flags stays", async (t) => {
  const disk = withoutJournal(t);
  if (disk === undefined) return;
  const make = load(disk) as MakeDistantFolder;
  const [small, large] = ["small", "large"].map((name) => join(disk, name)) as [string, string];
  mkdirSync(small);
  mkdirSync(large);
  for (let each = 0; each < 1000; each += 1) {
    const name = `a folder with a long name, so that soon there is an index of names ${each}`;
    if (each % 100 === 0) make(large, join(large, name), 0o700);
    else mkdirSync(join(large, name));
  }
  t.notMatch(flagsOf(small), /I/);
  t.match(flagsOf(large), /I/, "the kernel has given it an index meanwhile");
  t.notMatch(flagsOf(large), /T/);
});

void test("what keeps a folder from being made is thrown, and the parent's flags are as before", async (t) => {
  const disk = withoutJournal(t);
  if (disk === undefined) return;
  const make = load(disk) as MakeDistantFolder;
  const before = flagsOf(disk);
  mkdirSync(join(disk, "there"));
  t.throws(() => make(disk, join(disk, "there"), 0o700), { code: "EEXIST", syscall: "mkdir" });
  t.throws(() => make(join(disk, "missing"), join(disk, "missing", "below"), 0o700), { code: "ENOENT" });
  t.equal(flagsOf(disk), before);
});

void test("file systems that would not be faster for it are left alone", async (t) => {
  for (const disk of [mountSmallDisk(t, 8), mountSmallExt4(t, { hasJournal: true })])
    if (disk !== undefined) t.equal(load(disk), undefined);
  t.equal(loadDistantFolders(0n), undefined);
});
