/** Whether a name is still what the head has: the rules by which files are not read. */
import fc from "fast-check";
import t from "tap";
import { isSameAttributes, isSameEntry, isUnchangedFile, type IndexedStat } from "../../src/client/compare.js";
import type { SourceStat } from "../../src/client/source-stat.js";
import type { Entry, FileEntry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { entries } from "../helpers/arbitraries.js";
import { holds } from "../helpers/arbitrary-properties.js";
import { text } from "./world.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;

const attributes = { mode: 0o644, uid: 1, gid: 2, mtimeSeconds: 1000, mtimeNanoseconds: 5 };
const stat: SourceStat = {
  ...attributes,
  kind: "file",
  size: 7,
  dev: 1n,
  links: 1,
  ino: 99n,
  ctimeNs: 2_000_000_000_001n,
  rdev: 0n,
};
const entry: FileEntry = { name: text("f"), ...attributes, kind: "file", size: 7, content: { blob: one } };
const indexed: IndexedStat = { ctimeNs: stat.ctimeNs, ino: stat.ino };
const scanStartedMs = 3_000_000;

const isUnchanged = (
  changes: Partial<SourceStat>,
  options: { entry?: Entry | undefined; indexed?: IndexedStat | undefined; scanStartedMs?: number } = {},
): boolean => {
  const compared = "entry" in options ? options.entry : entry;
  return isUnchangedFile({ ...stat, ...changes }, compared, {
    indexed: options.indexed,
    scanStartedMs: options.scanStartedMs ?? scanStartedMs,
  });
};

t.test("a file of the same size and mtime is unchanged", async (t) => {
  t.ok(isUnchanged({}));
  t.ok(isUnchanged({}, { indexed }));
  t.ok(isUnchanged({ mode: 0o600, uid: 9 }, { indexed }), "mode and owner are not content");
});

t.test("another size, mtime or kind is a change, with an index and without", async (t) => {
  for (const options of [{}, { indexed }]) {
    t.notOk(isUnchanged({ size: 8 }, options));
    t.notOk(isUnchanged({ mtimeSeconds: 999 }, options));
    t.notOk(isUnchanged({ mtimeNanoseconds: 6 }, options));
    t.notOk(isUnchanged({ kind: "symlink" }, options));
    t.notOk(isUnchanged({}, { ...options, entry: undefined }));
    t.notOk(isUnchanged({}, { ...options, entry: { ...entry, kind: "symlink", target: text("x") } as Entry }));
  }
});

t.test("another ctime or inode is a change where the index has the name, and only there", async (t) => {
  t.notOk(isUnchanged({ ctimeNs: stat.ctimeNs + 1n }, { indexed }));
  t.notOk(isUnchanged({ ctimeNs: stat.ctimeNs - 1n }, { indexed }));
  t.notOk(isUnchanged({ ino: 98n }, { indexed }));
  t.ok(isUnchanged({ ctimeNs: stat.ctimeNs + 1n, ino: 98n }));
});

t.test("without an index, an mtime that is not older than the scan proves nothing", async (t) => {
  const mtimeMs = 1_000_000; // and 5 ns
  t.notOk(isUnchanged({}, { scanStartedMs: mtimeMs }));
  t.notOk(isUnchanged({}, { scanStartedMs: mtimeMs - 1 }));
  t.notOk(isUnchanged({}, { scanStartedMs: mtimeMs + 20 }), "within one tick of the clock");
  t.ok(isUnchanged({}, { scanStartedMs: mtimeMs + 21 }));
});

t.test("a time of whole seconds is doubted for two seconds", async (t) => {
  const whole = { ...entry, mtimeNanoseconds: 0 };
  t.notOk(isUnchanged({ mtimeNanoseconds: 0 }, { entry: whole, scanStartedMs: 1_002_000 }));
  t.ok(isUnchanged({ mtimeNanoseconds: 0 }, { entry: whole, scanStartedMs: 1_002_001 }));
  const ctimeNs = 2_000_000_000_000n;
  const seen = { ctimeNs, ino: stat.ino };
  t.notOk(isUnchanged({ ctimeNs }, { indexed: seen, scanStartedMs: 2_002_000 }));
  t.ok(isUnchanged({ ctimeNs }, { indexed: seen, scanStartedMs: 2_002_001 }));
});

t.test("with an index it is the ctime that is doubted, not the mtime, which anybody can set", async (t) => {
  t.notOk(isUnchanged({}, { indexed, scanStartedMs: 2_000_000 }), "mtime is long ago, ctime is not");
  t.notOk(isUnchanged({}, { indexed, scanStartedMs: 2_000_020 }));
  t.ok(isUnchanged({}, { indexed, scanStartedMs: 2_000_021 }));
  const future = { mtimeSeconds: 9_000_000_000 };
  t.ok(isUnchanged(future, { indexed, entry: { ...entry, ...future } }), "an mtime in the future");
  t.notOk(isUnchanged(future, { entry: { ...entry, ...future } }));
});

t.test("an entry is the same as a copy of itself", async (t) => {
  holds(
    t,
    "whatever it is",
    fc.property(entries, (each) => isSameEntry(each, structuredClone(each)) && isSameAttributes(each, { ...each })),
  );
});

t.test("any field that differs makes an entry another", async (t) => {
  const large: FileEntry = { ...entry, content: { list: one, fileHash: two } };
  const extended = (name: string, value: string): Entry => ({
    ...entry,
    extendedAttributes: [{ name: text(name), value: Buffer.from(value) }],
  });
  const link: Entry = { name: text("f"), ...attributes, kind: "symlink", target: text("a") };
  const device: Entry = { name: text("f"), ...attributes, kind: "char", major: 1, minor: 2 };
  const fifo: Entry = { name: text("f"), ...attributes, kind: "fifo" };
  const pairs: [string, Entry, Entry][] = [
    ["mode", entry, { ...entry, mode: 0o600 }],
    ["uid", entry, { ...entry, uid: 2 }],
    ["gid", entry, { ...entry, gid: 3 }],
    ["seconds", entry, { ...entry, mtimeSeconds: 1001 }],
    ["nanoseconds", entry, { ...entry, mtimeNanoseconds: 6 }],
    ["size", entry, { ...entry, size: 8 }],
    ["blob", entry, { ...entry, content: { blob: two } }],
    ["a list for a blob", entry, large],
    ["list", large, { ...large, content: { list: two, fileHash: two } }],
    ["file hash", large, { ...large, content: { list: one, fileHash: one } }],
    ["hard links", entry, { ...entry, hardLinkGroup: 1 }],
    ["an extended attribute", entry, extended("a", "b")],
    ["its name", extended("a", "b"), extended("c", "b")],
    ["its value", extended("a", "b"), extended("a", "c")],
    ["target", link, { ...link, target: text("b") }],
    ["major", device, { ...device, major: 2 }],
    ["minor", device, { ...device, minor: 1 }],
    ["kind of device", device, { ...device, kind: "block" }],
    ["kind", fifo, { ...fifo, kind: "socket" }],
    ["kind of a file", entry, fifo],
  ];
  for (const [what, a, b] of pairs) {
    t.notOk(isSameEntry(a, b), what);
    t.notOk(isSameEntry(b, a), `${what}, the other way round`);
  }
});

t.test("a folder is the same whatever is in it and whenever it changed", async (t) => {
  const folder: Entry = { name: text("d"), ...attributes, kind: "dir", tree: one };
  t.ok(isSameEntry(folder, { ...folder, tree: two, mtimeSeconds: 1, mtimeNanoseconds: 1 }));
  t.notOk(isSameEntry(folder, { ...folder, mode: 0o700 }));
  t.notOk(isSameEntry(folder, { ...folder, uid: 7 }));
  t.notOk(isSameEntry(folder, { ...folder, gid: 7 }));
});
