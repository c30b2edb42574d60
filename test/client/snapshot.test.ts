/** Snapshots of real folders: what is read, what is told, and the trees that come of it. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  type BigIntStats,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { SnapshotEvent, SnapshotOptions } from "../../src/client/snapshot-options.js";
import { BakError } from "../../src/errors.js";
import { byteString, type ByteString } from "../../src/objects/byte-string.js";
import { firstChunkEnd, maxWholeFileBytes } from "../../src/objects/chunker.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { Entry, FileContent } from "../../src/objects/entry.js";
import { ListBuilder } from "../../src/objects/list.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { TreeBuilder } from "../../src/objects/tree.js";
import { settle, until, within } from "../helpers/deadline.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { baselineOf, makeFifo, noBaseline, take, told, type Taken } from "./world.js";

/** A folder's tree made without the client, from lstat and whole reads; the ids of all its objects go into `ids`. */
function treeByHand(folder: Buffer, ids: Set<ObjectId>): ObjectId {
  const builder = new TreeBuilder((tree) => void ids.add(tree.id));
  for (const name of readdirSync(folder, { encoding: "buffer" }).toSorted((a, b) => Buffer.compare(a, b))) {
    const path = Buffer.concat([folder, Buffer.from("/"), name]);
    builder.add(entryByHand(name, path, lstatSync(path, { bigint: true }), ids));
  }
  return builder.finish();
}

function entryByHand(name: Buffer, path: Buffer, stats: BigIntStats, ids: Set<ObjectId>): Entry {
  const nanoseconds = ((stats.mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const base = {
    name: byteString(name),
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: Number((stats.mtimeNs - nanoseconds) / 1_000_000_000n),
    mtimeNanoseconds: Number(nanoseconds),
  };
  if (stats.isDirectory()) return { ...base, kind: "dir", tree: treeByHand(path, ids) };
  if (stats.isSymbolicLink()) return { ...base, kind: "symlink", target: byteString(readlinkSync(path, "buffer")) };
  if (stats.isFIFO()) return { ...base, kind: "fifo" };
  if (stats.isSocket()) return { ...base, kind: "socket" };
  if (stats.isCharacterDevice()) return { ...base, kind: "char", major: 1, minor: 3 }; // no other is made here
  return { ...base, kind: "file", size: Number(stats.size), content: contentByHand(readFileSync(path), ids) };
}

function contentByHand(bytes: Buffer, ids: Set<ObjectId>): FileContent {
  if (bytes.length <= maxWholeFileBytes) {
    const blob = objectIdOf(bytes);
    ids.add(blob);
    return { blob };
  }
  const builder = new ListBuilder((list) => void ids.add(list.id));
  for (let rest = bytes; rest.length > 0;) {
    const chunk = rest.subarray(0, firstChunkEnd(rest) ?? rest.length);
    rest = rest.subarray(chunk.length);
    const id = objectIdOf(chunk);
    ids.add(id);
    builder.add({ id, size: chunk.length });
  }
  return { list: builder.finish(), fileHash: objectIdOf(bytes) };
}

function richFolder(t: Test): string {
  const folder = join(t.testdir(), "rich");
  makeSampleFolder(folder, { many: 30, nested: 40, before: 2 });
  addNamesOfBytes(folder);
  makeFifo(join(folder, "odd", "fifo"));
  return folder;
}

/** The entries of a snapshot's root, by name. */
function entriesOf({ snapshot }: Taken, ...path: string[]): Map<string, Entry> {
  const load = (id: ObjectId): Uint8Array => snapshot.objects.get(id) as Uint8Array;
  let entries = new Map<string, Entry>([...readDirectory(snapshot.tree as ObjectId, load)].map((e) => [e.name, e]));
  for (const name of path) {
    const entry = entries.get(name);
    if (entry?.kind !== "dir") throw new Error(`no folder '${name}'`);
    entries = new Map([...readDirectory(entry.tree, load)].map((each) => [each.name, each]));
  }
  return entries;
}

/** Writes other bytes of the same length and puts the mtime back. */
function changeQuietly(path: string, bytes: string): void {
  const { mtime, size } = lstatSync(path);
  if (bytes.length !== size) throw new Error("not quiet");
  writeFileSync(path, bytes);
  utimesSync(path, mtime, mtime);
}

const ago = new Date("2020-01-01T12:00:00.125Z"); // a fraction that utimes keeps

/** A folder of files whose mtimes lie in the past. */
function folderOf(t: Test, content: Parameters<Test["testdir"]>[0]): string {
  const folder = t.testdir(content);
  execFileSync("find", [folder, "-type", "f", "-exec", "touch", "-d", ago.toISOString(), "{}", ";"]);
  return folder;
}

const kindsIn = (taken: Taken): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { kind } of taken.offered) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

t.test("the tree is the one that lstat and whole reads give", async (t) => {
  const folder = richFolder(t);
  const taken = await within(30_000, "the snapshot", take(folder));
  const ids = new Set<ObjectId>();
  t.equal(taken.snapshot.tree, treeByHand(Buffer.from(folder), ids));
  t.strictSame(new Set(taken.offered.map(({ id }) => id)), ids, "and all of its objects were offered, and no others");
  t.ok(taken.offered.every(({ id, bytes }) => objectIdOf(bytes) === id));
  const files = execFileSync("find", [folder, "!", "-type", "d", "-printf", "x"]).length;
  const dirs = execFileSync("find", [folder, "-mindepth", "1", "-type", "d", "-printf", "x"]).length;
  t.match(taken.snapshot.counts, { files, dirs, added: files + dirs, changed: 0, removed: 0, unreadable: 0 });
  t.equal(taken.progress.files, files);
  t.equal(taken.progress.bytes, taken.snapshot.counts.bytes);
  t.equal(taken.progress.bytesRead, taken.snapshot.counts.bytes);
});

t.test("a second snapshot over the first reads nothing, offers nothing and has the same tree", async (t) => {
  const folder = richFolder(t);
  const first = await take(folder);
  for (const folders of [first.snapshot.folders, new Map()] as const) {
    const again = await take(folder, { baseline: baselineOf(first, { folders }) });
    t.equal(again.snapshot.tree, first.snapshot.tree);
    t.equal(again.progress.filesRead, 0);
    t.equal(again.progress.bytesRead, 0);
    t.strictSame(again.offered, []);
    t.strictSame(again.events, []);
    t.strictSame(again.snapshot.counts, { ...first.snapshot.counts, added: 0 });
    t.strictSame(again.snapshot.folders, first.snapshot.folders);
    t.strictSame(again.snapshot.objects, first.snapshot.objects);
  }
});

t.test("trees that the store is not known to have are offered again", async (t) => {
  const folder = folderOf(t, { a: "1", d: { b: "2" } });
  const first = await take(folder);
  const baseline = baselineOf(first, { isStored: () => false, folders: new Map() });
  t.strictSame(kindsIn(await take(folder, { baseline })), { tree: 2 });
  const indexed = await take(folder, { baseline: baselineOf(first, { isStored: () => false }), isFull: true });
  t.strictSame(kindsIn(indexed), { blob: 2, tree: 2 });
});

t.test("without an index, other content of the same size and mtime goes unnoticed; with one, it is read", async (t) => {
  const folder = folderOf(t, { f: "old content", g: "other" });
  const first = await take(folder);
  changeQuietly(join(folder, "f"), "new content");
  const without = await take(folder, { baseline: baselineOf(first, { folders: new Map() }) });
  t.equal(without.snapshot.tree, first.snapshot.tree);
  t.equal(without.progress.filesRead, 0);
  const withIndex = await take(folder, { baseline: baselineOf(first) });
  t.equal(withIndex.progress.filesRead, 1);
  t.strictSame(told(withIndex.events), ["changed f"]);
  t.equal(withIndex.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
});

t.test("a file that another took the place of is read, if the index knows its inode", async (t) => {
  const folder = folderOf(t, { f: "content", z: "content" });
  const first = await take(folder);
  const stats = first.snapshot.folders.get("" as ByteString)!;
  stats.stats[1] = stats.stats[3] as bigint; // the inode of f
  const again = await take(folder, { baseline: baselineOf(first) });
  t.equal(again.progress.filesRead, 1);
  t.strictSame(again.events, [], "it had the same content");
});

t.test("stats of a folder count only for the tree that they were seen with", async (t) => {
  const folder = folderOf(t, { f: "content" });
  const first = await take(folder);
  const stats = first.snapshot.folders.get("" as ByteString)!;
  const other = new Map([["" as ByteString, { tree: "ab".repeat(32) as ObjectId, stats: new BigInt64Array(2) }]]);
  t.equal((await take(folder, { baseline: baselineOf(first, { folders: other }) })).progress.filesRead, 0);
  const zeros = new Map([["" as ByteString, { tree: stats.tree, stats: new BigInt64Array(2) }]]);
  t.equal((await take(folder, { baseline: baselineOf(first, { folders: zeros }) })).progress.filesRead, 1);
});

t.test("stats stay beside their names when names come and go", async (t) => {
  const folder = folderOf(t, { b: "b", d: "d", f: "f", h: "h" });
  const first = await take(folder);
  rmSync(join(folder, "d"));
  writeFileSync(join(folder, "a"), "a");
  writeFileSync(join(folder, "e"), "e");
  const second = await take(folder, { baseline: baselineOf(first) });
  t.equal(second.progress.filesRead, 2);
  t.strictSame(told(second.events).toSorted(), ["added a", "added e", "removed d"]);
  const third = await take(folder, { baseline: baselineOf(second) });
  t.equal(third.progress.filesRead, 0);
  changeQuietly(join(folder, "h"), "H");
  const fourth = await take(folder, { baseline: baselineOf(second) });
  t.strictSame(told(fourth.events), ["changed h"]);
});

t.test("what is not older than the earlier scan is read again", async (t) => {
  const folder = t.testdir({ f: "content" });
  const first = await take(folder);
  const { ctimeMs } = lstatSync(join(folder, "f"));
  const filesRead = async (scanStartedMs: number, isIndexed: boolean): Promise<number> => {
    const folders = isIndexed ? first.snapshot.folders : new Map();
    return (await take(folder, { baseline: baselineOf(first, { scanStartedMs, folders }) })).progress.filesRead;
  };
  for (const isIndexed of [true, false]) {
    t.equal(await filesRead(ctimeMs - 1, isIndexed), 1);
    t.equal(await filesRead(ctimeMs + 1, isIndexed), 1);
    t.equal(await filesRead(ctimeMs + 10_000, isIndexed), 0);
  }
});

t.test("a full snapshot reads every file, and finds what others do not", async (t) => {
  const folder = folderOf(t, { f: "old content", d: { g: "other" } });
  const first = await take(folder);
  changeQuietly(join(folder, "f"), "new content");
  const baseline = baselineOf(first, { folders: new Map() });
  const full = await take(folder, { baseline, isFull: true });
  t.equal(full.progress.filesRead, 2);
  t.strictSame(told(full.events), ["changed f"]);
});

t.test("what was added, changed and removed is told and counted", async (t) => {
  const folder = folderOf(t, { stays: "1", goes: "2", grows: "3", mode: "4", d: { x: "5", y: "6" } });
  symlinkSync("stays", join(folder, "link"));
  const first = await take(folder);
  t.strictSame(told(first.events).toSorted(), [
    "added d",
    "added d/x",
    "added d/y",
    "added goes",
    "added grows",
    "added link",
    "added mode",
    "added stays",
  ]);
  rmSync(join(folder, "goes"));
  appendFileSync(join(folder, "grows"), "more");
  chmodSync(join(folder, "mode"), 0o600);
  rmSync(join(folder, "link"));
  symlinkSync("grows", join(folder, "link"));
  writeFileSync(join(folder, "d", "z"), "new");
  chmodSync(join(folder, "d"), 0o700);
  const second = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(second.events).toSorted(), [
    "added d/z",
    "changed d",
    "changed grows",
    "changed link",
    "changed mode",
    "removed goes",
  ]);
  t.match(second.snapshot.counts, { added: 1, changed: 4, removed: 1, unreadable: 0, files: 7, dirs: 1 });
  t.equal(second.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
});

t.test("a folder that is gone counts with all that was in it", async (t) => {
  const folder = folderOf(t, { d: { x: "1", e: { y: "2", z: "3" } }, f: "4" });
  const first = await take(folder);
  rmSync(join(folder, "d"), { recursive: true });
  const second = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(second.events), ["removed d", "removed d/e", "removed d/e/y", "removed d/e/z", "removed d/x"]);
  t.match(second.snapshot.counts, { added: 0, changed: 0, removed: 5, files: 1, dirs: 0 });
});

t.test("a file that became a folder, and a folder that became a file, are removed and added", async (t) => {
  const folder = folderOf(t, { a: "file", b: { x: "1" }, c: "end" });
  const first = await take(folder);
  rmSync(join(folder, "a"));
  mkdirSync(join(folder, "a"));
  writeFileSync(join(folder, "a", "inner"), "2");
  rmSync(join(folder, "b"), { recursive: true });
  writeFileSync(join(folder, "b"), "3");
  const second = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(second.events).toSorted(), [
    "added a",
    "added a/inner",
    "added b",
    "removed a",
    "removed b",
    "removed b/x",
  ]);
  t.match(second.snapshot.counts, { added: 3, removed: 3, changed: 0 });
  const third = await take(folder, { baseline: baselineOf(second) });
  t.strictSame(third.events, []);
  t.equal(third.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
});

t.test("a name that goes while the walk is under way is told of, and removed if the head had it", async (t) => {
  const folder = folderOf(t, { b: "1", c: "2", d: { x: "3" }, e: "4" });
  symlinkSync("old", join(folder, "a"));
  const vanishing = (event: SnapshotEvent): void => {
    if (event.path !== "a") return;
    rmSync(join(folder, "b"));
    rmSync(join(folder, "d"), { recursive: true });
  };
  const first = await take(folder);
  rmSync(join(folder, "a"));
  symlinkSync("new", join(folder, "a"));
  const second = await take(folder, { baseline: baselineOf(first), onEvent: vanishing });
  t.strictSame(told(second.events), ["changed a", "moved b", "removed b", "moved d", "removed d", "removed d/x"]);
  t.strictSame(second.snapshot.moved, { changed: 0, grown: 0, shrunk: 0, replaced: 0, vanished: 2 });
  t.match(second.events[1], { how: "vanished" });
  t.match(second.snapshot.counts, { removed: 3, unreadable: 0, files: 3 });
  t.strictSame([...entriesOf(second).keys()], ["a", "c", "e"]);
  const other = folderOf(t, { b: "2", e: "4" });
  symlinkSync("link", join(other, "a"));
  const fresh = await take(other, { onEvent: ({ path }) => (path === "a" ? rmSync(join(other, "b")) : undefined) });
  t.strictSame(told(fresh.events), ["added a", "moved b", "added e"]);
  t.match(fresh.snapshot.counts, { added: 2, unreadable: 0 });
});

t.test("a file that goes between the walk and its reading is gone, too", async (t) => {
  const folder = folderOf(t, { a: "1", b: "2", c: "3" });
  const first = await take(folder);
  for (const name of ["a", "b", "c"]) chmodSync(join(folder, name), 0o600);
  symlinkSync("last", join(folder, "z"));
  const onEvent = ({ path }: SnapshotEvent): void => (path === "z" ? rmSync(join(folder, "b")) : undefined);
  const second = await take(folder, { baseline: baselineOf(first), onEvent });
  t.strictSame(told(second.events), ["added z", "changed a", "moved b", "removed b", "changed c"]);
  t.match(second.snapshot.counts, { added: 1, changed: 2, removed: 1, unreadable: 0, files: 3, bytes: 2 });
  t.strictSame([...entriesOf(second).keys()], ["a", "c", "z"]);
  t.equal(second.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
  const third = await take(folder, { baseline: baselineOf(second) });
  t.strictSame(third.events, []);
  t.equal(third.progress.filesRead, 0, "stats stay beside their names");
});

t.test(
  "what takes the place of files between the walk and their reading is kept, and named where it is no file",
  async (t) => {
    const names = ["another", "device", "fifo", "folder", "link", "ruled out", "socket"];
    const folder = folderOf(t, Object.fromEntries(names.map((name) => [name, "1"])));
    writeFileSync(join(folder, ".bakignore"), "ruled out/\n");
    mkdirSync(join(folder, "z"));
    writeFileSync(join(folder, "z", "last"), "1");
    symlinkSync("last", join(folder, "z", "z"));
    const first = await take(folder);
    for (const name of names) chmodSync(join(folder, name), 0o600);
    const replace: Record<string, (path: string) => void> = {
      another: (path) => writeFileSync(path, "another"),
      device: (path) => (isRoot ? execFileSync("mknod", [path, "c", "1", "3"]) : makeFifo(path)),
      fifo: makeFifo,
      folder: (path) => {
        mkdirSync(join(path, "deep"), { recursive: true });
        writeFileSync(join(path, "deep", "file"), "in a folder");
      },
      link: (path) => symlinkSync("/etc/passwd", path),
      "ruled out": (path) => {
        mkdirSync(path);
        writeFileSync(join(path, "secret"), "1");
      },
      // by its name alone: an address may not be as long as a path
      socket: () => execFileSync("python3", ["-c", "import socket; socket.socket(1).bind('socket')"], { cwd: folder }),
    };
    const onEvent = ({ type, path }: SnapshotEvent): void => {
      if (path !== "z/z" || type !== "changed") return;
      for (const [name, act] of Object.entries(replace)) {
        rmSync(join(folder, name));
        act(join(folder, name));
      }
    };
    rmSync(join(folder, "z", "z"));
    symlinkSync("new", join(folder, "z", "z"));
    const second = await take(folder, { baseline: baselineOf(first), onEvent });
    const moved = second.events.flatMap((event) => (event.type === "moved" ? [`${event.path} ${event.how}`] : []));
    const others = names.filter((name) => name !== "another");
    t.strictSame(
      moved.toSorted(),
      others.map((name) => `${name} replaced`),
    );
    t.match(second.snapshot.moved, { changed: 0, replaced: 6, vanished: 0 });
    t.match(second.snapshot.counts, { unreadable: 0 });
    t.equal(second.snapshot.ruledOut, 1);
    rmSync(join(folder, "ruled out"), { recursive: true });
    t.equal(second.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
    const third = await take(folder, { baseline: baselineOf(second) });
    t.strictSame(third.events, []);
    t.equal(third.progress.filesRead, 0, "stats stay beside their names");
  },
);

t.test("a file that is replaced again when it is looked at again is named, and left out", async (t) => {
  const folder = folderOf(t, { a: "1", b: "2" });
  symlinkSync("last", join(folder, "z"));
  const replaceBy = (make: (path: string) => void): void => {
    rmSync(join(folder, "a"), { recursive: true });
    make(join(folder, "a"));
  };
  const onEvent = ({ type, path }: SnapshotEvent): void => {
    if (path === "z") replaceBy((link) => symlinkSync("b", link));
    if (path === "b") replaceBy((file) => writeFileSync(file, "3")); // its first reading has failed
    if (type === "moved") replaceBy((other) => mkdirSync(other));
  };
  const taken = await take(folder, { onEvent });
  t.strictSame(told(taken.events), ["added z", "added b", "moved a", "unreadable a"]);
  t.match(taken.events.at(-1), { why: "it was replaced while it was read" });
  t.match(taken.snapshot, { moved: { replaced: 1 }, counts: { unreadable: 1, files: 2 } });
  t.strictSame([...entriesOf(taken).keys()], ["b", "z"]);
});

t.test("a file that is written to all the while is kept as it was read, told of and counted", async (t) => {
  const folder = folderOf(t, { log: "" });
  const size = 70 << 20; // read once
  truncateSync(join(folder, "log"), size);
  const taken = await take(folder, {
    offer: () => {
      appendFileSync(join(folder, "log"), "one more line\n");
      return undefined;
    },
  });
  t.match(taken.events[0], { type: "moved", path: "log", how: "grown" });
  t.strictSame(taken.snapshot.moved, { changed: 0, grown: 1, shrunk: 0, replaced: 0, vanished: 0 });
  t.match(entriesOf(taken).get("log"), { size });
  t.match(taken.snapshot.counts, { files: 1, bytes: size, unreadable: 0 });
});

t.test("a folder that goes while it is walked is gone", async (t) => {
  const folder = folderOf(t, { d: { x: "1" }, e: "2" });
  const gone = await take(folder, {
    isLeftOut: () => {
      rmSync(join(folder, "d"), { recursive: true, force: true });
      return false;
    },
  });
  t.strictSame(told(gone.events), ["moved d", "added e"]);
  t.match(gone.snapshot.counts, { dirs: 0, unreadable: 0 });
});

/** What may come in place of a folder, and how many folders and other names there are then, beside that and one more. */
const inPlaceOfFolder: Record<string, { replace: (path: string) => void; dirs: number; files: number }> = {
  "a link": { replace: (path) => symlinkSync("/etc", path), dirs: 0, files: 1 },
  "a file": { replace: (path) => writeFileSync(path, "a file"), dirs: 0, files: 1 },
  "another folder": { replace: (path) => (mkdirSync(path), writeFileSync(join(path, "new"), "1")), dirs: 1, files: 1 },
};

for (const [what, { replace, dirs, files }] of Object.entries(inPlaceOfFolder)) {
  /** Puts it in place of the folder `d` just when the names in that were read. */
  const swapping = (folder: string, aside: string): Pick<SnapshotOptions, "isLeftOut"> => {
    const { ino } = lstatSync(join(folder, "d"), { bigint: true });
    return {
      isLeftOut: ({ stat }) => {
        if (stat.ino !== ino) return false;
        renameSync(join(folder, "d"), aside);
        replace(join(folder, "d"));
        utimesSync(folder, 1e9, 1e9);
        return false;
      },
    };
  };

  t.test(`${what} in place of a folder that is to be read is kept, and named`, async (t) => {
    const at = folderOf(t, { source: { d: { x: "1" }, e: "2" } });
    const folder = join(at, "source");
    const taken = await take(folder, swapping(folder, join(at, "aside")));
    t.strictSame(told(taken.events).slice(0, 2), ["moved d", "added d"]);
    t.match(taken.events[0], { how: "replaced" });
    t.match(taken.snapshot, { moved: { replaced: 1, vanished: 0 }, counts: { dirs, files: files + 1, unreadable: 0 } });
    t.equal(taken.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
    const later = await take(folder, { baseline: baselineOf(taken) });
    t.strictSame(later.events, []);
    t.equal(later.progress.filesRead, 0, "stats stay beside their names");
  });

  for (const isDry of [false, true]) {
    const how = isDry ? "a walk that only compares" : "a push of what is else as it was";
    t.test(`${what} in place of a folder is met by ${how}`, async (t) => {
      const at = folderOf(t, { source: { a: { d: { x: "1" }, e: "2" } } });
      const folder = join(at, "source");
      utimesSync(join(folder, "a"), 1e9, 1e9);
      const first = await take(folder);
      const options = { baseline: baselineOf(first), ...swapping(join(folder, "a"), join(at, "aside")) };
      const second = await take(folder, isDry ? { ...options, offer: undefined } : options);
      t.match(second.snapshot, {
        moved: { replaced: 1, vanished: 0 },
        counts: { dirs: dirs + 1, files: files + 1, unreadable: 0 },
        isChanged: true,
      });
      t.match(told(second.events)[0], "moved a/d");
      if (!isDry) t.equal(second.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
    });
  }
}

t.test("a folder that is replaced again when it is looked at again is named, and left out", async (t) => {
  const at = folderOf(t, { source: { d: { x: "1" }, e: "2" } });
  const folder = join(at, "source");
  let times = 0;
  const taken = await take(folder, {
    isLeftOut: ({ path }) => {
      if (!path.endsWith("/d")) return false;
      renameSync(join(folder, "d"), join(at, `aside ${(times += 1)}`));
      mkdirSync(join(folder, "d"));
      return false;
    },
  });
  t.equal(times, 2);
  t.strictSame(told(taken.events), ["moved d", "unreadable d", "added e"]);
  t.match(taken.events[1], { why: "it was replaced while it was read" });
  t.match(taken.snapshot.counts, { files: 1, dirs: 0, unreadable: 1 });
  t.strictSame([...entriesOf(taken).keys()], ["e"]);
});

t.test("what was in a folder that becomes a file while it is walked is told of, and the rest goes on", async (t) => {
  const folder = folderOf(t, { d: { x: "1" }, e: "2" });
  const onEvent = ({ type, path }: SnapshotEvent): void => {
    if (type !== "added" || path !== "d") return;
    rmSync(join(folder, "d"), { recursive: true });
    writeFileSync(join(folder, "d"), "a file");
  };
  const taken = await take(folder, { onEvent });
  t.strictSame(taken.events[1], { type: "unreadable", path: "d/x", why: "not a folder" });
  t.strictSame(told(taken.events), ["added d", "unreadable d/x", "unreadable d", "added e"]);
  t.match(taken.snapshot.counts, { files: 1, dirs: 1, added: 2, unreadable: 2 });
});

t.test(
  "paths beyond what the system takes are kept as any others",
  { skip: process.platform !== "linux" && "not Linux" },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "bak-too-long-")); // tap could not remove it
    t.teardown(() => execFileSync("rm", ["-rf", folder]));
    writeFileSync(join(folder, "a"), "1");
    writeFileSync(join(folder, "z"), "2");
    const name = "n".repeat(250);
    const half = Array.from({ length: 9 }, () => name);
    mkdirSync(join(folder, ...half), { recursive: true });
    for (let times = 0; times < 3; times += 1) {
      mkdirSync(join(folder, "m", ...half), { recursive: true });
      execFileSync("find", [join(folder, "m"), "-depth", "-empty", "-execdir", "touch", "{}/f", ";"]);
      renameSync(join(folder, name), join(folder, "m", ...half, name));
      renameSync(join(folder, "m", name), join(folder, name));
    }
    const files = countIn(folder, "f");
    const taken = await take(folder);
    t.strictSame(
      taken.events.filter(({ type }) => type !== "added"),
      [],
    );
    t.match(taken.snapshot.counts, { files, dirs: 37, unreadable: 0 });
    t.equal(Math.max(...taken.events.map(({ path }) => path.length)), 36 * 251 - 1);
    const open = readdirSync("/proc/self/fd").length;
    const again = await take(folder, { baseline: baselineOf(taken) });
    t.equal(again.snapshot.tree, taken.snapshot.tree);
    t.strictSame(again.events, []);
    const dry = await take(folder, { offer: undefined, isFull: true });
    t.equal(dry.snapshot.counts.files, files);
    t.equal(readdirSync("/proc/self/fd").length, open, "nothing is left open");
  },
);

function countIn(folder: string, type: string): number {
  return execFileSync("find", [folder, "-type", type, "-printf", "x"]).length;
}

t.test(
  "folders in folders, as deep as a path can lead, are all made when the last file of them is known",
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "bak-deep-")); // as short as may be
    t.teardown(() => execFileSync("rm", ["-rf", folder]));
    const depth = Math.floor((4095 - folder.length - 2) / 2);
    mkdirSync(join(folder, ...Array.from({ length: depth }, () => "d")), { recursive: true });
    execFileSync("find", [folder, "-depth", "-empty", "-execdir", "touch", "{}/f", ";"]);
    const first = await take(folder);
    t.match(first.snapshot.counts, { files: 1, dirs: depth, unreadable: 0 });
    t.equal(first.offered.filter(({ kind }) => kind === "tree").length, depth + 1);
    const again = await take(folder, { baseline: baselineOf(first) });
    t.equal(again.snapshot.tree, first.snapshot.tree);
    t.strictSame(again.events, []);
  },
);

const isRoot = process.getuid?.() === 0 && "nothing is unreadable to root";

t.test("a file that may not be read is told of, and the rest goes on", { skip: isRoot }, async (t) => {
  const folder = folderOf(t, { a: "1", d: { x: "2" }, z: "3" });
  chmodSync(join(folder, "a"), 0);
  chmodSync(join(folder, "d"), 0);
  t.teardown(() => chmodSync(join(folder, "d"), 0o700));
  const taken = await take(folder);
  t.strictSame(taken.events.slice(0, 2), [
    { type: "unreadable", path: "a", why: "permission denied" },
    { type: "unreadable", path: "d", why: "permission denied" },
  ]);
  t.strictSame([...entriesOf(taken).keys()], ["z"]);
});

t.test("what offer fails with stops the walk, also when it looks like a failure of the source", async (t) => {
  const folder = folderOf(t, { a: "1", b: "2", d: { c: "3" } });
  const failures = [
    new Error("plain"),
    new BakError("LIMIT", "the store is full of limits"),
    new BakError("SOURCE_FAILED", "says the store"),
    Object.assign(new Error("gone"), { code: "ENOENT", errno: -2 }),
  ];
  for (const failure of failures) {
    for (const kind of ["blob", "tree"]) {
      for (const fail of [
        (): undefined => {
          throw failure;
        },
        () => Promise.reject(failure),
      ]) {
        let offers = 0;
        const offer = ({ kind: offered }: { kind: string }): Promise<void> | undefined => {
          if (offered !== kind) return undefined;
          offers += 1;
          return fail();
        };
        const error = await take(folder, { offer }).catch((reason: unknown) => reason);
        t.equal(error, failure, `${failure.message}, ${kind}`);
        // two trees may be known at the same moment, and both be offered before the first of them is refused
        t.ok(offers <= (kind === "tree" ? 2 : 1));
      }
    }
  }
});

/** Counts the folders that a walk has entered. */
function countingFolders(): { entered: () => number; isLeftOut: () => false } {
  let entered = 0;
  const isLeftOut = (): false => {
    entered += 1;
    return false;
  };
  return { entered: () => entered, isLeftOut };
}

t.test("the walk does not run ahead of the buffers that the store still holds", async (t) => {
  const folder = t.testdir();
  for (let index = 0; index < 40; index += 1) {
    mkdirSync(join(folder, `folder-${index + 10}`));
    writeFileSync(join(folder, `folder-${index + 10}`, "file"), Buffer.alloc(700 << 10, index));
  }
  for (const smallBuffers of [1, 3]) {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const { entered, isLeftOut } = countingFolders();
    const offer = ({ kind }: { kind: string }): Promise<void> | undefined => (kind === "blob" ? opened : undefined);
    const taking = take(folder, { offer, isLeftOut, smallBuffers });
    await until(() => entered() > smallBuffers, "the walk");
    await settle();
    // the root; a folder for each buffer; one that waits for a buffer, and one whose file is being gathered
    t.equal(entered(), 1 + smallBuffers + 2);
    open();
    const { offered } = await within(20_000, "the snapshot", taking);
    t.equal(offered.filter(({ kind }) => kind === "blob").length, 40);
    t.equal(entered(), 41);
  }
});

t.test("the walk does not run ahead of what takes its trees", async (t) => {
  const folder = t.testdir();
  for (let index = 0; index < 40; index += 1) {
    mkdirSync(join(folder, `folder-${index + 10}`));
    symlinkSync(`${index}`, join(folder, `folder-${index + 10}`, "link"));
  }
  let waiting = 0;
  let most = 0;
  const { entered, isLeftOut } = countingFolders();
  const lead: number[] = [];
  let offers = 0;
  await take(folder, {
    isLeftOut,
    offer: async () => {
      offers += 1;
      lead.push(entered() - offers);
      waiting += 1;
      most = Math.max(most, waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting -= 1;
    },
  });
  t.equal(offers, 41);
  t.equal(most, 1);
  t.equal(waiting, 0);
  t.equal(Math.max(...lead), 1, "only the root, which is last, is entered before it is offered");
});

t.test("a folder that is left out is not entered, and was removed if the head had it", async (t) => {
  const folder = folderOf(t, { a: "1", store: { x: "2" }, d: { store: { y: "3" } } });
  const { ino } = lstatSync(join(folder, "store"), { bigint: true });
  const inner = lstatSync(join(folder, "d", "store"), { bigint: true }).ino;
  const isLeftOut = ({ stat }: { stat: { ino: bigint } }): boolean => stat.ino === ino || stat.ino === inner;
  const taken = await take(folder, { isLeftOut });
  t.strictSame(taken.snapshot.leftOut, ["d/store", "store"]);
  t.strictSame(told(taken.events).toSorted(), ["added a", "added d", "leftOut d/store", "leftOut store"]);
  t.strictSame([...entriesOf(taken).keys()], ["a", "d"]);
  const all = await take(folder);
  const later = await take(folder, { baseline: baselineOf(all), isLeftOut });
  t.strictSame(told(later.events), [
    "leftOut d/store",
    "removed d/store",
    "removed d/store/y",
    "leftOut store",
    "removed store",
    "removed store/x",
  ]);
  t.equal(later.snapshot.tree, taken.snapshot.tree);
});

t.test("the folder itself must be there, be a folder, and not be left out", async (t) => {
  const folder = t.testdir({ file: "1", d: {} });
  await t.rejects(take(join(folder, "missing")), { code: "SOURCE_FAILED", message: /no such file or folder/ });
  await t.rejects(take(join(folder, "file")), { code: "SOURCE_FAILED", message: /not a folder/ });
  await t.rejects(take(join(folder, "d"), { isLeftOut: () => true }), { code: "SOURCE_FAILED" });
  symlinkSync("d", join(folder, "link"));
  chmodSync(join(folder, "d"), 0o705);
  const linked = await take(join(folder, "link"));
  t.equal(linked.snapshot.root.mode, 0o705, "a link to a folder stands for it");
  t.match(linked.snapshot.counts, { files: 0, dirs: 0, added: 0 });
});

t.test("links are kept and not followed, a fifo does not hold the walk, an empty folder is kept", async (t) => {
  const folder = folderOf(t, { empty: {}, f: "1" });
  symlinkSync("loop", join(folder, "loop"));
  symlinkSync("empty", join(folder, "to a folder"));
  makeFifo(join(folder, "fifo"));
  const taken = await within(10_000, "the snapshot", take(folder));
  const entries = entriesOf(taken);
  t.match(entries.get("loop"), { kind: "symlink", target: "loop" });
  t.match(entries.get("to a folder"), { kind: "symlink", target: "empty" });
  t.match(entries.get("fifo"), { kind: "fifo" });
  t.equal(entriesOf(taken, "empty").size, 0);
  t.equal(taken.progress.filesRead, 1);
  t.match(taken.snapshot.counts, { files: 4, dirs: 1 });
});

t.test("names that are not UTF-8 are kept byte by byte", async (t) => {
  const folder = t.testdir();
  addNamesOfBytes(folder);
  const taken = await take(folder);
  t.strictSame([...entriesOf(taken).keys()], ["a\x80", "\xe9t\xe9", "\xfd", "\xff\xfe"]);
  t.match(entriesOf(taken).get("\xfd"), { kind: "symlink", target: "\xff" });
  const again = await take(folder, { baseline: baselineOf(taken) });
  t.strictSame(again.events, []);
  t.equal(again.progress.filesRead, 0);
});

t.test("a walk that only compares makes no trees, reads nothing, and tells the same", async (t) => {
  const folder = folderOf(t, { same: "1", changed: "2", gone: "3", d: { x: "4" } });
  const first = await take(folder);
  writeFileSync(join(folder, "changed"), "longer");
  rmSync(join(folder, "gone"));
  writeFileSync(join(folder, "d", "new"), "5");
  const baseline = baselineOf(first);
  const dry = await take(folder, { baseline, offer: undefined });
  const wet = await take(folder, { baseline });
  t.equal(dry.snapshot.tree, undefined);
  t.equal(dry.snapshot.objects.size, 0);
  t.equal(dry.snapshot.folders.size, 0);
  t.equal(dry.progress.filesRead, 0);
  t.equal(dry.progress.bytesRead, 0);
  t.strictSame(told(dry.events).toSorted(), told(wet.events).toSorted());
  t.strictSame(told(dry.events).toSorted(), ["added d/new", "changed changed", "removed gone"]);
  t.strictSame(dry.snapshot.counts, wet.snapshot.counts);
});

t.test("a walk that only compares sees a change in a folder of a folder that is as it was", async (t) => {
  const folder = folderOf(t, { d: { e: { x: "1" }, y: "2" }, z: "3" });
  const first = await take(folder);
  writeFileSync(join(folder, "d", "e", "x"), "longer");
  for (const isFull of [false, true]) {
    const dry = await take(folder, { baseline: baselineOf(first), isFull, offer: undefined });
    t.equal(dry.snapshot.isChanged, true);
    t.equal(dry.snapshot.tree, undefined, "no tree is known of it");
  }
});

t.test("a tree of the head that is not at hand is named", async (t) => {
  const folder = folderOf(t, { d: { x: "1" }, e: { y: "2" } });
  const first = await take(folder);
  for (const name of ["d", "e"]) {
    const entry = entriesOf(first).get(name);
    if (entry?.kind !== "dir") throw new Error("no folder");
    const objects = new Map(first.snapshot.objects);
    objects.delete(entry.tree);
    const error = await take(folder, { baseline: baselineOf(first, { objects }) }).catch((reason: unknown) => reason);
    t.match(error, { code: "NO_OBJECT", message: new RegExp(entry.tree) });
  }
  rmSync(join(folder, "d"), { recursive: true });
  const root = first.snapshot.objects.get(first.snapshot.tree as ObjectId) as Uint8Array;
  const objects = new Map([[first.snapshot.tree as ObjectId, root]]);
  const error = await take(folder, { baseline: baselineOf(first, { objects }) }).catch((reason: unknown) => reason);
  t.match(error, { code: "NO_OBJECT" }, "also of a removed folder");
});

t.test("a large folder is compared page by page", async (t) => {
  const folder = t.testdir();
  for (let index = 0; index < 1500; index += 1) symlinkSync("x", join(folder, `link-${index}`));
  const first = await take(folder);
  t.ok(first.snapshot.objects.size > 1, "there are pages");
  rmSync(join(folder, "link-700"));
  symlinkSync("x", join(folder, "link-700a"));
  const second = await take(folder, { baseline: baselineOf(first) });
  t.strictSame(told(second.events), ["removed link-700", "added link-700a"]);
  t.ok(second.offered.length < 5, "only what changed is offered");
  t.equal(second.snapshot.tree, treeByHand(Buffer.from(folder), new Set()));
});

t.test("an aborted walk stops with the reason", async (t) => {
  const folder = folderOf(t, { a: "1", b: "2", c: "3" });
  const stop = new AbortController();
  const reason = new BakError("INTERRUPTED", "enough");
  const seen: string[] = [];
  const onEvent = ({ path }: SnapshotEvent): void => {
    seen.push(path);
    if (path === "b") stop.abort(reason);
  };
  const error = await take(folder, { onEvent, signal: stop.signal }).catch((failure: unknown) => failure);
  t.equal(error, reason);
  t.strictSame(seen, ["a", "b"]);
});

t.test("the first commit of a project adds everything", async (t) => {
  const folder = folderOf(t, { a: "1", d: {} });
  const taken = await take(folder, { baseline: noBaseline });
  t.match(taken.snapshot.counts, { files: 1, dirs: 1, bytes: 1, added: 2 });
  const { mode, mtimeNs } = lstatSync(folder, { bigint: true });
  t.equal(taken.snapshot.root.mode, Number(mode & 0o7777n));
  t.equal(
    BigInt(taken.snapshot.root.mtimeSeconds) * 1_000_000_000n + BigInt(taken.snapshot.root.mtimeNanoseconds),
    mtimeNs,
  );
});

t.test(
  "a folder that is swapped for another while it is read is not taken for one whose files were deleted",
  async (t) => {
    const at = t.testdir({ source: { a: "a", b: "b", c: "c" } });
    const source = join(at, "source");
    const swap = (): undefined => {
      if (existsSync(join(at, "gone"))) return;
      renameSync(source, join(at, "gone"));
      mkdirSync(source);
    };
    await t.rejects(take(source, { offer: swap }), { code: "SOURCE_FAILED", message: /moved away, or unmounted/ });
  },
);

for (const [what, { replace }] of Object.entries(inPlaceOfFolder)) {
  t.test(`a folder that becomes ${what} while it is walked is told of`, async (t) => {
    const at = folderOf(t, { source: { d: { x: "1" }, e: "2" } });
    const folder = join(at, "source");
    const onEvent = ({ type, path }: SnapshotEvent): void => {
      if (type !== "added" || path !== "d") return;
      renameSync(join(folder, "d"), join(at, "aside"));
      replace(join(folder, "d"));
    };
    const taken = await take(folder, { onEvent });
    t.match(taken.events.filter(({ path }) => path === "d")[1], {
      type: "unreadable",
      why: "it was replaced while it was read",
    });
    t.ok(taken.snapshot.counts.unreadable > 0);
    t.strictSame(told(taken.events).at(-1), "added e");
  });
}
