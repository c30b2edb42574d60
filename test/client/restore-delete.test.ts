/** Restores that delete what the commit does not have, and those that only say what they would do. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { RestoreEvent, RestoreOptions } from "../../src/client/restore-options.js";
import { setModificationTime } from "../../src/platform/file-times.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { inode, keep, keepMore, placeOf, restoreTo, type Kept, type Restored } from "./restoring.js";
import { differences, makeFifo, pathsIn, text, told } from "./world.js";

const deletion = { isSpared: (): boolean => false };
const all = { made: true, left: true };

/** What a folder holds and how, with all times: two pictures are the same only if nothing was touched between them. */
function pictureOf(folder: string): string {
  return execFileSync("find", [".", "-printf", "%p %i %y %m %s %T@ %C@ %l\\0"], { cwd: folder, encoding: "latin1" })
    .split("\0")
    .toSorted()
    .join("\n");
}

/** Does it dry and for real; the first must touch nothing, and both must tell the same. */
async function bothWays(t: Test, kept: Kept, target: string, options: Partial<RestoreOptions> = {}): Promise<Restored> {
  const before = existsSync(target) ? pictureOf(target) : undefined;
  const dry = await restoreTo(kept, target, { ...options, tells: all, isDryRun: true });
  t.equal(existsSync(target) ? pictureOf(target) : undefined, before, "a dry run touches nothing");
  const real = await restoreTo(kept, target, { ...options, tells: all });
  t.strictSame(told(dry.events).toSorted(), told(real.events).toSorted(), "and tells what then happens");
  t.strictSame(dry.result, real.result);
  return real;
}

t.test("what the commit does not have goes, with all that is in it, and nothing else", async (t) => {
  const { source, target, at } = placeOf(t, { a: "1", dir: { b: "2", sub: { c: "3" } }, "z.d": {} });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  for (const folder of ["dir/more/of/it", "z", "z.d/y", "dir/sub/empty"])
    mkdirSync(join(target, folder), { recursive: true });
  for (const path of ["b", "dir/more/x", "dir/more/of/it/y", "dir/sub/d", "z.d/y/f"])
    writeFileSync(join(target, path), path);
  writeFileSync(join(at, "outside"), "theirs");
  mkdirSync(join(at, "folder outside"));
  writeFileSync(join(at, "folder outside", "file"), "theirs");
  symlinkSync(join(at, "outside"), join(target, "link"));
  symlinkSync(join(at, "folder outside"), join(target, "dir", "more", "link"));
  symlinkSync(at, join(target, "dir", "up"));
  makeFifo(join(target, "fifo"));
  addNamesOfBytes(join(target, "z.d", "y"));
  const { events, result } = await bothWays(t, kept, target, { deletion });
  t.equal(differences(source, target), "", "modes and times of the folders are right, too");
  t.ok(told(events).includes("deleted dir/more/of/it/y"), "each is named");
  t.equal(result.deleted, events.filter(({ type }) => type === "deleted").length);
  t.strictSame(readdirSync(join(at, "folder outside")), ["file"]);
  t.equal(readFileSync(join(at, "outside"), "utf8"), "theirs");
  const again = await restoreTo(kept, target, { deletion });
  t.match(again.result, { deleted: 0, left: 3, changed: 0, replaced: 0 });
});

t.test("of single paths, only what is within them goes", async (t) => {
  const { source, target } = placeOf(t, { a: { in: { x: "1" }, out: { y: "2" } }, file: "3" });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  const extras = ["extra", "a/extra", "a/in/extra", "a/out/extra"];
  for (const path of extras) writeFileSync(join(target, path), "mine");
  const { result } = await bothWays(t, kept, target, { deletion, paths: ["a/in", "file"].map(text) });
  t.equal(result.deleted, 1);
  t.strictSame(
    extras.filter((path) => !existsSync(join(target, path))),
    ["a/in/extra"],
  );
});

t.test("without being asked to, nothing is deleted", async (t) => {
  const { source, target } = placeOf(t, { a: "1" });
  mkdirSync(join(target, "more"), { recursive: true });
  const { result } = await bothWays(t, await keep(t, source), target);
  t.match(result, { deleted: 0, files: 1 });
  t.strictSame(readdirSync(target), ["a", "more"]);
});

t.test("where a folder is in the place of a file or a link, it goes with what is in it", async (t) => {
  const { source, target } = placeOf(t, { file: "1", d: { e: "2" } });
  symlinkSync("file", join(source, "link"));
  for (const path of ["file/a/b", "link/c", "d/e/f"]) mkdirSync(join(target, path), { recursive: true });
  writeFileSync(join(target, "file", "a", "x"), "mine");
  const { result, events } = await bothWays(t, await keep(t, source), target, { deletion });
  t.match(result, { deleted: 5, replaced: 3, files: 3, failed: 0 });
  t.ok(told(events).includes("replaced d/e"));
  t.equal(differences(source, target), "");
});

t.test("if something of the commit is lost, nothing is deleted, and that is said", async (t) => {
  const { source, target } = placeOf(t, { first: "1" });
  writeFileSync(join(source, "lost"), seededBytes(1, 100_000));
  const before = await keep(t, source);
  const [pack] = packsOf(before);
  writeFileSync(join(source, "second"), "2");
  const kept = await keepMore(t, before.world, source);
  damage(pack as string);
  mkdirSync(join(target, "second"), { recursive: true });
  for (const path of ["extra", "second/mine"]) writeFileSync(join(target, path), "mine");
  const { events, result } = await restoreTo(kept, target, { deletion });
  t.match(result, { deleted: 0 });
  t.ok(told(events).includes("deletedNothing"));
  t.ok(told(events).includes("failed second"), "a folder that is in the way stays too, and is told of");
  t.strictSame(readdirSync(target), ["extra", "second"]);
});

function damage(pack: string): void {
  chmodSync(pack, 0o600);
  writeFileSync(pack, Buffer.alloc(lstatSync(pack).size));
}

const packsOf = ({ world }: Kept): string[] =>
  pathsIn(join(world.folder, "packs"))
    .filter((path) => path.endsWith(".tar.gz"))
    .map((path) => join(world.folder, "packs", path));

t.test("the store itself stays, and what is said to be spared, with the folders on the way there", async (t) => {
  const { source, target, at } = placeOf(t, { a: "1" });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  mkdirSync(join(target, "deep", "cache"), { recursive: true });
  mkdirSync(join(target, "deep", "store"));
  for (const path of ["deep/cache/index", "deep/other", "deep/store/pack"]) writeFileSync(join(target, path), "x");
  writeFileSync(join(target, "deep", "store", "config.json"), readFileSync(join(kept.world.folder, "config.json")));
  for (const folder of [".bak", "deep/.bak"]) {
    mkdirSync(join(target, folder));
    writeFileSync(join(target, folder, "config.json"), "{}");
  }
  const spared = lstatSync(join(target, "deep", "cache"), { bigint: true });
  const isSpared = (stats: { ino: bigint }): boolean => stats.ino === spared.ino;
  const { result } = await bothWays(t, kept, target, { deletion: { isSpared } });
  t.match(result, { deleted: 3, failed: 0 });
  t.ok(existsSync(join(target, ".bak", "config.json")), "what belongs to the folder, and to no commit");
  t.strictSame(pathsIn(join(target, "deep")), ["cache", "cache/index", "store", "store/config.json", "store/pack"]);
  for (const inStore of [`${source}.store`, join(`${source}.store`, "packs")])
    await t.rejects(restoreTo(kept, inStore, { deletion }), { code: "TARGET_FAILED", message: /the store itself/ });
  t.ok(existsSync(join(at, "source.store", "config.json")));
});

t.test("very many extra files, and folders that lie deep, take little memory and few descriptors", async (t) => {
  const { source, target } = placeOf(t, { keep: "1" });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  execFileSync("sh", ["-c", "seq 1 60000 | xargs touch"], { cwd: target });
  const deepest = join(target, ...Array.from({ length: 1000 }, () => "d"));
  mkdirSync(deepest, { recursive: true });
  writeFileSync(join(deepest, "f"), "x");
  globalThis.gc?.();
  const heapBytes = process.memoryUsage().heapUsed;
  let mostBytes = 0;
  let count = 0;
  const onEvent = (event: RestoreEvent): void => {
    count += event.type === "deleted" ? 1 : 0;
    if (count % 5000 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().heapUsed - heapBytes);
  };
  const { result } = await restoreTo(kept, target, { deletion, onEvent });
  t.equal(result.deleted, 61_001);
  t.ok(mostBytes > 0 && mostBytes < 48 << 20, `${mostBytes}`); // most of it is what this test remembers
  t.strictSame(readdirSync(target), ["keep"]);
});

t.test("a folder that a link takes the place of while it is deleted from is not followed", async (t) => {
  const { source, target, at } = placeOf(t, { a: "1", kept: { x: "2" } });
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  const outside = join(at, "outside");
  for (const folder of [join(outside, "deep"), join(target, "more", "deep"), join(target, "kept", "deep")])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(outside, "deep", "precious"), "theirs");
  writeFileSync(join(outside, "precious"), "theirs");
  writeFileSync(join(target, "another"), "x");
  for (const folder of ["more", "kept"]) writeFileSync(join(target, folder, "deep", "file"), "x");
  let isSwapped = false;
  const onEvent = ({ type }: RestoreEvent): void => {
    if (type !== "deleted" || isSwapped) return;
    isSwapped = true;
    for (const folder of ["more", "kept"].filter((name) => existsSync(join(target, name)))) {
      renameSync(join(target, folder), join(at, `was ${folder}`));
      symlinkSync(outside, join(target, folder));
    }
  };
  await restoreTo(kept, target, { deletion, onEvent });
  t.ok(isSwapped);
  t.strictSame(pathsIn(outside), ["deep", "deep/precious", "precious"]);
});

t.test("folders that may not be written to are deleted from, and from within", async (t) => {
  const { source, target } = placeOf(t, { locked: { a: "1" } });
  chmodSync(join(source, "locked"), 0o500);
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  chmodSync(join(target, "locked"), 0o700);
  mkdirSync(join(target, "locked", "more"));
  for (const path of ["locked/b", "locked/more/c"]) writeFileSync(join(target, path), "x");
  for (const path of ["locked/more", "locked"]) chmodSync(join(target, path), 0o500);
  const { result } = await restoreTo(kept, target, { deletion });
  t.match(result, { deleted: 3, failed: 0 });
  t.equal(differences(source, target), "");
  for (const each of [source, target]) chmodSync(join(each, "locked"), 0o700); // or they could not be removed
});

t.test("a dry run tells of all that a restore then does, of each kind", async (t) => {
  const { source, target } = placeOf(t, {
    right: "1",
    time: "2",
    mode: "3",
    wrong: "4",
    missing: "5",
    dir: { inner: "6" },
    "new dir": { deep: { x: "7" } },
    file: "8",
  });
  makeSampleFolder(join(source, "sample"), { many: 20, nested: 20, before: 3 });
  writeFileSync(join(source, "large"), seededBytes(2, 3 << 20));
  writeFileSync(join(source, "large wrong"), seededBytes(3, 3 << 20));
  for (const name of ["link", "late link", "other link"]) symlinkSync("right", join(source, name));
  const kept = await keep(t, source);
  await t.test("into a place where nothing is", (t) =>
    bothWays(t, kept, join(target, "not", "there")).then(() => t.end()),
  );
  await t.test("of paths, into such a place", async (t) => {
    const paths = ["new dir/deep/x", "dir/inner", "sample/many", "right"].map(text);
    await bothWays(t, kept, join(target, "of paths"), { paths });
  });
  rmSync(target, { recursive: true });
  await restoreTo(kept, target);
  utimesSync(join(target, "time"), 1, 1);
  chmodSync(join(target, "mode"), 0o600);
  writeFileSync(join(target, "wrong"), "x");
  writeFileSync(join(target, "large wrong"), seededBytes(4, 3 << 20));
  for (const path of ["missing", "new dir", "dir", "file", "other link"])
    rmSync(join(target, path), { recursive: true });
  writeFileSync(join(target, "dir"), "a file");
  mkdirSync(join(target, "file", "not empty"), { recursive: true });
  writeFileSync(join(target, "other link"), "no link");
  setModificationTime(join(target, "late link"), 1, 1);
  const { result, events } = await bothWays(t, kept, target);
  t.match(result, { failed: 1, replaced: 4, changed: 3, deleted: 0 });
  const of = (type: string): string[] => told(events).filter((line) => line.startsWith(`${type} `));
  t.strictSame(of("failed"), ["failed file"]);
  t.strictSame(of("changed").toSorted(), ["changed late link", "changed mode", "changed time"]);
  t.strictSame(of("made").toSorted(), [
    "made dir/inner",
    "made missing",
    "made new dir",
    "made new dir/deep",
    "made new dir/deep/x",
  ]);
  t.strictSame(of("replaced").toSorted(), [
    "replaced dir",
    "replaced large wrong",
    "replaced other link",
    "replaced wrong",
  ]);
  t.ok(of("left").includes("left right"));
});

/** Several names of one file, of one fifo and of one link; a fifo, a socket's place, and extended attributes. */
function makeOddSource(source: string): void {
  for (const name of ["a", "c", "k", "p", "plain"]) writeFileSync(join(source, name), name);
  for (const [from, to] of ["ab", "cd", "kl", "pq"]) linkSync(join(source, from as string), join(source, to as string));
  makeFifo(join(source, "fifo"));
  makeFifo(join(source, "fifo 2"));
  symlinkSync("a", join(source, "link"));
  linkSync(join(source, "fifo 2"), join(source, "other fifo"));
  mkdirSync(join(source, "dir"));
  linkSync(join(source, "a"), join(source, "dir", "a"));
  writeFileSync(join(source, "attributes"), "x");
  writeFileSync(join(source, "attributes 2"), "x");
  for (const name of ["attributes", "attributes 2", "dir"]) attribute(join(source, name), "y");
}

const attribute = (path: string, value: string): Buffer =>
  execFileSync("setfattr", ["-n", "user.x", "-v", value, path]);

t.test("a dry run tells of special files, of names of one file and of attributes, too", async (t) => {
  const { source, target } = placeOf(t);
  makeOddSource(source);
  const kept = await keep(t, source);
  await t.test("where nothing is", (t) => bothWays(t, kept, target).then(() => t.end()));
  t.equal(differences(source, target), "");
  const same = await bothWays(t, kept, target);
  t.match(same.result, { left: same.result.files, changed: 0, replaced: 0, failed: 0 });
  // another content, of the first name and so of all; a file apart; one in a folder's place; a name of something else
  writeFileSync(join(target, "a"), "b");
  rmSync(join(target, "d"));
  writeFileSync(join(target, "d"), "c");
  rmSync(join(target, "l"));
  rmSync(join(target, "p"));
  linkSync(join(target, "plain"), join(target, "p"));
  attribute(join(target, "attributes"), "z");
  execFileSync("setfattr", ["-x", "user.x", join(target, "attributes 2")]);
  attribute(join(target, "link"), "followed, to what has another content anyway");
  chmodSync(join(target, "fifo"), 0o600);
  rmSync(join(target, "other fifo"));
  writeFileSync(join(target, "other fifo"), "no fifo");
  if (process.geteuid?.() === 0) execFileSync("chown", ["-h", "1:2", join(target, "link")]);
  const { result, events } = await bothWays(t, kept, target);
  const of = (type: string): string[] => told(events).filter((line) => line.startsWith(`${type} `));
  t.strictSame(of("replaced").toSorted(), [
    "replaced a",
    "replaced b",
    "replaced d",
    "replaced dir/a",
    "replaced other fifo",
    "replaced p",
    "replaced plain",
    "replaced q",
  ]);
  t.strictSame(of("made"), ["made l"]);
  t.ok(["attributes", "attributes 2", "fifo"].every((name) => of("changed").includes(`changed ${name}`)));
  t.match(result, { failed: 0, shortfalls: [] });
  t.equal(differences(source, target), "");
});

t.test("where a folder is in the place of any name of a file, that goes and all become one file", async (t) => {
  const { source, target } = placeOf(t);
  makeOddSource(source);
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  for (const name of ["a", "d", "k", "l", "fifo", "fifo 2"]) {
    rmSync(join(target, name));
    mkdirSync(join(target, name, "in it"), { recursive: true });
  }
  makeFifo(join(target, "more"));
  linkSync(join(target, "c"), join(target, "one more name"));
  const { result } = await bothWays(t, kept, target, { deletion });
  t.match(result, { failed: 0, replaced: 9, deleted: 8 });
  t.equal(differences(source, target), "");
  for (const [one, other] of [
    ["a", "b"],
    ["a", "dir/a"],
    ["c", "d"],
    ["k", "l"],
    ["fifo 2", "other fifo"],
  ])
    t.equal(inode(join(target, one as string)), inode(join(target, other as string)), `${one} and ${other}`);
});

t.test("a dry run refuses a target that a restore refuses", async (t) => {
  const { source, at } = placeOf(t, { a: "1" });
  const kept = await keep(t, source);
  writeFileSync(join(at, "file"), "mine");
  symlinkSync("nowhere", join(at, "dangling"));
  for (const name of ["file", "file/beneath", "dangling"])
    await t.rejects(restoreTo(kept, join(at, name), { isDryRun: true }), { code: "TARGET_FAILED" });
});

t.test("what is not restored in the end is not told as replaced", async (t) => {
  const { source, target } = placeOf(t);
  writeFileSync(join(source, "lost"), seededBytes(5, 100_000));
  const before = await keep(t, source);
  const [pack] = packsOf(before);
  writeFileSync(join(source, "second"), "2");
  const kept = await keepMore(t, before.world, source);
  damage(pack as string);
  mkdirSync(target);
  writeFileSync(join(target, "lost"), "mine");
  const { events, result } = await restoreTo(kept, target);
  t.strictSame(told(events), ["failed lost"]);
  t.match(result, { replaced: 0, failed: 1 });
  t.equal(readFileSync(join(target, "lost"), "utf8"), "mine");
});
