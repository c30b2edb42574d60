/** What is seen of a name through its open folder is what lstat says of its path. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { NameLooker } from "../../src/client/name-looker.js";
import { namesIn } from "../../src/client/source-root.js";
import { statusOf } from "../../src/client/source-stat.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { loadLookAtName, type FileStatus } from "../../src/platform/statx.js";
import { addNamesOfBytes } from "../helpers/sample-folder.js";
import { makeFifo, take, text } from "./world.js";

const canTell = new NameLooker().tellsBareNames;
const isRoot = process.getuid?.() === 0;

function look(t: Test): NameLooker {
  const looker = new NameLooker();
  t.teardown(() => looker.close());
  return looker;
}

/** All that a status says, to be kept. */
function picture(status: FileStatus): object {
  const { mode, uid, gid, links, size, mtimeSeconds, mtimeNanoseconds, ctimeNs, ino, dev, rdev } = status;
  return { mode, uid, gid, links, size, mtimeSeconds, mtimeNanoseconds, ctimeNs, ino, dev, rdev };
}

function byPath(folder: ByteString, name: ByteString): object {
  return picture(statusOf(lstatSync(Buffer.from(`${folder}/${name}`, "latin1"), { bigint: true })));
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

t.test("this system can look at names in an open folder", { skip: process.platform !== "linux" }, (t) => {
  t.type(loadLookAtName(), "function");
  t.end();
});

t.test("every kind of file, size, time and name", async (t) => {
  const folder = realpathSync(t.testdir({ a: "content", empty: "", d: { x: "1" } }));
  linkSync(join(folder, "a"), join(folder, "second name"));
  symlinkSync("a", join(folder, "link"));
  symlinkSync("nowhere", join(folder, "lost"));
  writeFileSync(join(folder, "huge"), "");
  truncateSync(join(folder, "huge"), 5 * 2 ** 32 + 7);
  for (const [name, time] of [
    ["early", "1969-12-31T23:59:58.250000001Z"],
    ["epoch", "1970-01-01T00:00:00Z"],
    ["late", "2286-11-20T17:46:40.999999999Z"],
  ] as const) {
    execFileSync("touch", ["-d", time, join(folder, name)]);
  }
  chmodSync(join(folder, "empty"), 0o4751);
  if (isRoot) execFileSync("chown", ["4000000000:123456", join(folder, "a")]);
  makeFifo(join(folder, "fifo"));
  const server = createServer().listen(join(folder, "socket"));
  t.teardown(() => server.close());
  addNamesOfBytes(folder);
  const at = text(folder);
  const looker = look(t);
  const names = namesIn(at);
  t.ok(names.length > 14);
  for (const name of names) t.strictSame(picture(looker.look(at, name)), byPath(at, name), name);
  // devices have numbers
  for (const name of ["null", "tty", "ptmx"] as ByteString[])
    t.strictSame(picture(looker.look("/dev" as ByteString, name)), byPath("/dev" as ByteString, name), name);
});

t.test("what cannot be looked at is told as lstat tells it", (t) => {
  const at = text(realpathSync(t.testdir({ a: "", d: { b: "" } })));
  const looker = look(t);
  const name = "none" as ByteString;
  t.throws(() => looker.look(at, name), { code: "ENOENT", path: `${at}/none` });
  t.throws(() => looker.look(`${at}/none` as ByteString, name), { code: "ENOENT" });
  t.throws(() => looker.look(`${at}/a` as ByteString, name), { code: "ENOTDIR" });
  t.throws(() => looker.look(at, "n".repeat(300) as ByteString), { code: "ENAMETOOLONG" });
  t.equal(looker.look(at, "a" as ByteString).size, 0);
  t.end();
});

t.test(
  "one folder is held open at a time, and none that was let go of",
  { skip: process.platform !== "linux" },
  (t) => {
    const at = text(realpathSync(t.testdir({ a: "", d: { b: "" } })));
    const looker = new NameLooker();
    looker.look(at, "a" as ByteString);
    const open = openDescriptors();
    for (let round = 0; round < 3; round += 1) {
      looker.look(`${at}/d` as ByteString, "b" as ByteString);
      looker.look(at, "a" as ByteString);
    }
    t.equal(openDescriptors(), open);
    looker.close();
    looker.close();
    t.equal(openDescriptors(), open - 1);
    t.equal(looker.look(at, "a" as ByteString).size, 0, "it can be gone on with");
    looker.close();
    t.end();
  },
);

t.test(
  "a name with extended attributes is not bare, nor is one that was not looked at in the folder",
  { skip: !canTell },
  (t) => {
    const folder = realpathSync(t.testdir({ a: "", b: "", d: {} }));
    const at = text(folder);
    execFileSync("setfattr", ["-n", "user.x", "-v", "1", join(folder, "b")]);
    addNamesOfBytes(folder);
    symlinkSync("b", join(folder, "link"));
    const looker = look(t);
    t.equal(looker.isBare("a" as ByteString), false, "nothing was looked at");
    for (const name of namesIn(at)) {
      looker.look(at, name);
      t.equal(looker.isBare(name), name !== "b", name);
    }
    t.throws(() => looker.look(at, "none" as ByteString));
    t.equal(looker.isBare("a" as ByteString), false);
    for (let round = 0; round < 100; round += 1) {
      looker.look(at, "b" as ByteString);
      looker.isBare("b" as ByteString);
    }
    t.equal(looker.tellsBareNames, false, "where no name is, it is not asked any more");
    t.end();
  },
);

t.test("without the calls, or with one of them, a walk makes the same tree", async (t) => {
  const folder = realpathSync(t.testdir({ a: "content", d: { b: "more", e: {} } }));
  execFileSync("setfattr", ["-n", "user.x", "-v", "1", join(folder, "d", "b")]);
  symlinkSync("a", join(folder, "link"));
  makeFifo(join(folder, "d", "fifo"));
  addNamesOfBytes(folder);
  const lookAt = loadLookAtName();
  const made = [
    await take(folder),
    await take(folder, { looker: new NameLooker({ lookAt, isBare: undefined }) }),
    await take(folder, { looker: new NameLooker({ lookAt: undefined, isBare: undefined }) }),
  ];
  t.equal(new Set(made.map(({ snapshot }) => snapshot.tree)).size, 1);
  for (const { snapshot } of made.slice(1)) t.strictSame(snapshot.folders, made[0]?.snapshot.folders);
});

/** What readlink says is of the path, what is seen in an open folder is not. */
t.test("of a folder that was another for a moment, nothing false is proven", async (t) => {
  const root = realpathSync(t.testdir({ source: { p: {} }, other: {} }));
  const path = join(root, "source", "p");
  for (const [folder, target] of [
    [path, "old"],
    [join(root, "other"), "new"],
  ] as const) {
    makeFifo(join(folder, "a"));
    symlinkSync(target, join(folder, "l"));
    makeFifo(join(folder, "z"));
  }
  const swap = (from: string, to: string): void => {
    renameSync(path, join(root, from));
    renameSync(join(root, to), path);
  };
  const targets: string[] = [];
  const { snapshot } = await take(join(root, "source"), {
    onEvent: (event) => {
      if (!("path" in event)) return;
      if (event.path === "p/a") swap("away", "other");
      if (event.path === "p/l") swap("other", "away");
    },
  });
  const indexed = snapshot.folders.get("p" as ByteString);
  const load = (id: ObjectId): Uint8Array => snapshot.objects.get(id) as Uint8Array;
  for (const entry of indexed === undefined ? [] : readDirectory(indexed.tree, load))
    if (entry.kind === "symlink") targets.push(entry.target);
  t.equal(targets.length, 1);
  const { ino, ctimeNs } = lstatSync(join(path, "l"), { bigint: true });
  const isProven = indexed?.stats[2] === ctimeNs && indexed.stats[3] === ino;
  t.ok(targets[0] === "old" || !isProven, `'${targets[0]}' is kept, and ${isProven ? "" : "not "}proven`);
});

t.test("a folder that another has taken the place of", (t) => {
  const folder = realpathSync(t.testdir({ d: { a: "old" } }));
  const at = text(join(folder, "d"));
  const looker = look(t);
  looker.look(at, "a" as ByteString);
  renameSync(at, join(folder, "before"));
  mkdirSync(at);
  writeFileSync(join(at, "new"), "");
  t.equal(
    looker.look(at, "new" as ByteString).size,
    0,
    "what is not in the one that is held is looked for by its path",
  );
  rmSync(join(folder, "before"), { recursive: true });
  t.throws(() => looker.look(at, "a" as ByteString), { code: "ENOENT" });
  t.end();
});
