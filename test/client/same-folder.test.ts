/** A folder against the tree and the stats that it had: every difference is seen, and nothing else is. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { NameLooker } from "../../src/client/name-looker.js";
import { compareFolder, type SameFolder } from "../../src/client/same-folder.js";
import { namesIn } from "../../src/client/source-root.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { Entry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { TreeBuilder } from "../../src/objects/tree.js";
import { addNamesOfBytes } from "../helpers/sample-folder.js";
import { makeFifo, take, text, untilOld } from "./world.js";

const isRoot = process.getuid?.() === 0;

interface Known {
  readonly folder: string;
  readonly indexed: { tree: ObjectId; stats: BigInt64Array };
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
  readonly scanStartedMs: number;
}

/** What a snapshot knows of a folder, as of a scan that began long after its last change. */
async function known(folder: string): Promise<Known> {
  const { snapshot } = await take(folder);
  const indexed = snapshot.folders.get("" as ByteString);
  if (indexed === undefined) throw new Error("no stats");
  return { folder, indexed, objects: snapshot.objects, scanStartedMs: Date.now() + 60_000 };
}

async function compare(at: Known, changes: Partial<Known> = {}): Promise<SameFolder | undefined> {
  const { folder, indexed, objects, scanStartedMs } = { ...at, ...changes };
  const load = (id: ObjectId): Uint8Array => {
    const bytes = objects.get(id);
    if (bytes === undefined) throw new Error(`no tree '${id}'`);
    return bytes;
  };
  const absolute = text(folder);
  const onOwner = (): void => undefined;
  const looker = new NameLooker();
  try {
    return await compareFolder({
      onOwner,
      absolute,
      looker,
      names: namesIn(absolute),
      indexed,
      scanStartedMs,
      load,
      breathe: () => undefined,
    });
  } finally {
    looker.close();
  }
}

/** The same stats beside other entries. */
function withEntries(at: Known, change: (entry: Entry) => Entry): Known {
  const objects = new Map(at.objects);
  const builder = new TreeBuilder(({ id, bytes }) => void objects.set(id, bytes));
  const load = (id: ObjectId): Uint8Array => at.objects.get(id) as Uint8Array;
  for (const entry of readDirectory(at.indexed.tree, load)) builder.add(change(entry));
  return { ...at, objects, indexed: { ...at.indexed, tree: builder.finish() } };
}

function makeFolder(t: Test): string {
  const source = { a: "content", b: "22", d: { x: "1" }, e: {}, f: "", z: "last" };
  const folder = join(t.testdir({ source }), "source");
  symlinkSync("a", join(folder, "link"));
  makeFifo(join(folder, "pipe"));
  return folder;
}

t.test("a folder that is as it was gives what is in it, its folders apart", async (t) => {
  const folder = makeFolder(t);
  addNamesOfBytes(folder);
  const at = await known(folder);
  const same = await compare(at);
  t.match(same, { files: 10, bytes: 13 + 45 });
  t.strictSame(
    same?.folders.map(({ name }) => name),
    ["d", "e"],
  );
  const load = (id: ObjectId): Uint8Array => at.objects.get(id) as Uint8Array;
  const trees = [...readDirectory(at.indexed.tree, load)].flatMap((entry) =>
    entry.kind === "dir" ? [entry.tree] : [],
  );
  t.strictSame(
    same?.folders.map(({ tree }) => tree),
    trees,
  );
  t.equal(same?.folders[0]?.stat.ino, lstatSync(join(folder, "d"), { bigint: true }).ino);
  const empty = await known(t.testdir({ empty: {} }) + "/empty");
  t.strictSame(await compare(empty), { files: 0, bytes: 0, folders: [] });
});

t.test("a folder of many pages is compared whole", async (t) => {
  const folder = t.testdir();
  for (let index = 0; index < 3000; index += 1) writeFileSync(join(folder, `name-${index}`), `${index % 10}`);
  const at = await known(folder);
  t.ok(at.objects.size > 3);
  t.match(await compare(at), { files: 3000, bytes: 3000, folders: [] });
  writeFileSync(join(folder, "name-2999"), "22");
  t.equal(await compare(at), undefined);
});

const setTime = (path: string, time: string): void => void execFileSync("touch", ["-h", "-d", time, path]);

/** What can be done to a folder, and that has to be seen. */
const differences: Record<string, (folder: string) => void> = {
  "a file grows": (folder) => appendFileSync(join(folder, "a"), "!"),
  "a file is written with as many bytes": (folder) => writeFileSync(join(folder, "a"), "CONTENT"),
  "a file is written, and its time put back": (folder) => {
    const { mtime } = lstatSync(join(folder, "a"));
    writeFileSync(join(folder, "a"), "CONTENT");
    utimesSync(join(folder, "a"), mtime, mtime);
  },
  "an empty file is no longer": (folder) => writeFileSync(join(folder, "f"), "1"),
  "a file's time is another by a nanosecond": (folder) => setTime(join(folder, "a"), "2020-01-01T00:00:00.123456788Z"),
  "a file's mode": (folder) => chmodSync(join(folder, "a"), 0o600),
  "a file's bit of setuid": (folder) => chmodSync(join(folder, "a"), 0o4644),
  "a link to a file is made": (folder) => execFileSync("ln", [join(folder, "a"), `${folder}-elsewhere`]),
  "a copy takes a file's place": (folder) => {
    copyFileSync(join(folder, "a"), join(folder, "copy"));
    setTime(join(folder, "copy"), "2020-01-01T00:00:00.123456789Z");
    renameSync(join(folder, "copy"), join(folder, "a"));
  },
  "a name is added before all": (folder) => writeFileSync(join(folder, "0"), ""),
  "a name is added between": (folder) => writeFileSync(join(folder, "c"), ""),
  "a name is added after all": (folder) => writeFileSync(join(folder, "zz"), ""),
  "a folder is added": (folder) => mkdirSync(join(folder, "dd")),
  "the first name is removed": (folder) => rmSync(join(folder, "a")),
  "the last name is removed": (folder) => rmSync(join(folder, "z")),
  "a folder is removed": (folder) => rmSync(join(folder, "e"), { recursive: true }),
  "all is removed": (folder) => execFileSync("find", [folder, "-mindepth", "1", "-delete"]),
  "a name is another": (folder) => renameSync(join(folder, "a"), join(folder, "aa")),
  "a file becomes a folder": (folder) => {
    rmSync(join(folder, "f"));
    mkdirSync(join(folder, "f"), 0o644);
    setTime(join(folder, "f"), "2020-01-01T00:00:00.123456789Z");
  },
  "a folder becomes a file": (folder) => {
    rmSync(join(folder, "e"), { recursive: true });
    writeFileSync(join(folder, "e"), "");
    chmodSync(join(folder, "e"), 0o755);
    setTime(join(folder, "e"), "2020-01-01T00:00:00.123456789Z");
  },
  "a fifo becomes a file": (folder) => {
    rmSync(join(folder, "pipe"));
    writeFileSync(join(folder, "pipe"), "");
    setTime(join(folder, "pipe"), "2020-01-01T00:00:00.123456789Z");
  },
  "a link leads elsewhere": (folder) => {
    rmSync(join(folder, "link"));
    symlinkSync("b", join(folder, "link"));
    setTime(join(folder, "link"), "2020-01-01T00:00:00.123456789Z");
  },
  "a link becomes what it led to": (folder) => {
    rmSync(join(folder, "link"));
    writeFileSync(join(folder, "link"), readFileSync(join(folder, "a")));
    setTime(join(folder, "link"), "2020-01-01T00:00:00.123456789Z");
  },
  "a link's time": (folder) => setTime(join(folder, "link"), "2021-01-01"),
  "a folder's mode": (folder) => chmodSync(join(folder, "e"), 0o700),
  "a folder's time": (folder) => utimesSync(join(folder, "e"), 1, 1),
  "a file's owner": (folder) => chownSync(join(folder, "a"), 1, lstatSync(folder).gid),
  "a file's group": (folder) => chownSync(join(folder, "a"), lstatSync(folder).uid, 1),
  "a folder's owner": (folder) => chownSync(join(folder, "e"), 1, lstatSync(folder).gid),
};

t.test("each difference is seen", async (t) => {
  for (const [what, change] of Object.entries(differences)) {
    if (!isRoot && /owner|group/.test(what)) continue;
    await t.test(what, async (t) => {
      const folder = makeFolder(t);
      for (const name of ["a", "b", "d", "e", "f", "z", "link", "pipe"])
        setTime(join(folder, name), "2020-01-01T00:00:00.123456789Z");
      const at = await known(folder);
      t.match(await compare(at), { files: 6 });
      await untilOld(...["a", "e", "f"].map((name) => join(folder, name)));
      change(folder);
      t.equal(await compare(at), undefined);
    });
  }
});

t.test("what is in a folder of the folder does not matter here", async (t) => {
  const folder = makeFolder(t);
  const at = await known(folder);
  writeFileSync(join(folder, "d", "x"), "other");
  t.match(await compare(at), { files: 6 }, "its own comparison sees that");
});

t.test("a ctime, an inode or a size that is not the index's is seen", async (t) => {
  const folder = makeFolder(t);
  const at = await known(folder);
  for (const place of [0, 1]) {
    const stats = at.indexed.stats.slice();
    stats[place] = (stats[place] as bigint) + 1n;
    t.equal(await compare(at, { indexed: { ...at.indexed, stats } }), undefined);
  }
  const load = (entry: Entry): Entry => (entry.kind === "file" && entry.name === "a" ? { ...entry, size: 8 } : entry);
  t.equal(await compare(withEntries(at, load)), undefined);
});

t.test("extended attributes and other names of a file are proven by its ctime", async (t) => {
  const folder = makeFolder(t);
  execFileSync("setfattr", ["-n", "user.x", "-v", "1", join(folder, "a"), join(folder, "d")]);
  linkSync(join(folder, "z"), join(folder, "zz"));
  const at = await known(folder);
  t.match(await compare(at), { files: 7 });
  const changes: [string, () => void][] = [
    ["an attribute of a file", () => execFileSync("setfattr", ["-n", "user.x", "-v", "2", join(folder, "a")])],
    ["an attribute of a folder", () => execFileSync("setfattr", ["-x", "user.x", join(folder, "d")])],
    ["one name less", () => renameSync(join(folder, "zz"), join(folder, "d", "zz"))],
    ["another file's attribute", () => execFileSync("setfattr", ["-n", "user.y", join(folder, "f")])],
  ];
  for (const [what, change] of changes) {
    const before = await known(folder);
    change();
    t.equal(await compare(before), undefined, what);
  }
});

t.test("a time that is not older than the scan proves nothing", async (t) => {
  const folder = t.testdir({ a: "content", d: {} });
  const at = await known(folder);
  const { ctimeMs } = lstatSync(join(folder, "a"));
  for (const [scanStartedMs, isSame] of [
    [ctimeMs - 1000, false],
    [ctimeMs, false],
    [ctimeMs + 15, false],
    [ctimeMs + 25, true],
  ] as const)
    t.equal((await compare(at, { scanStartedMs })) !== undefined, isSame, `${scanStartedMs - ctimeMs} ms after`);
});

t.test("sockets and devices are as they were", { skip: !isRoot && "only root makes devices" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bak-socket-")); // a socket's path may not be long
  t.teardown(() => rmSync(folder, { recursive: true }));
  const listener = createServer().listen(join(folder, "socket"));
  await new Promise((resolve) => listener.once("listening", resolve));
  t.teardown(() => listener.close());
  t.match(await compare(await known(folder)), { files: 1, bytes: 0 });
  try {
    execFileSync("mknod", [join(folder, "null"), "c", "1", "3"], { stdio: "ignore" });
  } catch {
    return; // not even root, in some containers
  }
  t.match(await compare(await known(folder)), { files: 2, bytes: 0 });
});

t.test("a tree that is not at hand is told of", async (t) => {
  const at = await known(makeFolder(t));
  await t.rejects(compare(at, { objects: new Map() }), { message: /no tree/ });
});
