/** Restores of real folders out of a real store, into places where something else may be. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import t from "tap";
import type { Remote } from "../../src/client/remote.js";
import type { RestoreEvent } from "../../src/client/restore-options.js";
import type { Entry } from "../../src/objects/entry.js";
import { encodeList } from "../../src/objects/list.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { setModificationTime } from "../../src/platform/file-times.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { commitOf, dirEntry, fileEntry, plainAttributes, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, object } from "../helpers/store-pack.js";
import { inode, keep, keepMore, keepObjects, placeOf, restoreTo, temporaries } from "./restoring.js";
import { differences, makeFifo, pathsIn, text, told } from "./world.js";

t.test("a folder comes back as it was", async (t) => {
  const { at, target } = placeOf(t);
  const source = join(at, "rich");
  makeSampleFolder(source, { many: 40, nested: 60, before: 3 });
  addNamesOfBytes(source);
  chmodSync(source, 0o751);
  const restored = await restoreTo(await keep(t, source), target);
  t.equal(differences(source, target), "");
  t.match(restored.result, { failed: 0, skipped: 0, replaced: 0, left: 0 });
  t.strictSame(restored.events, []);
  const dirs = pathsIn(source).filter((path) =>
    lstatSync(join(source, path), { throwIfNoEntry: false })?.isDirectory(),
  );
  t.equal(restored.result.dirs, dirs.length);
  t.equal(restored.progress.files, restored.result.files);
  t.equal(restored.progress.bytes, restored.result.bytes);
});

t.test("times come back to the nanosecond, before 1970 too, and modes with all their bits", async (t) => {
  const { source, target } = placeOf(t, { file: "1", old: "2", dir: { inner: "3" }, locked: { inner: "4" } });
  symlinkSync("file", join(source, "link"));
  chmodSync(join(source, "file"), 0o6751);
  chmodSync(join(source, "dir"), 0o3770);
  chmodSync(join(source, "locked", "inner"), 0o400);
  const times: [string, number, number][] = [
    ["file", 1_600_000_000, 123_456_789],
    ["old", -100, 1],
    ["dir/inner", 4_102_444_800, 999_999_999],
    ["link", 1_500_000_000, 7],
    ["dir", 1_400_000_000, 987_654_321],
    [".", 1_300_000_000, 3],
  ];
  for (const [path, seconds, nanoseconds] of times) setModificationTime(join(source, path), seconds, nanoseconds);
  chmodSync(join(source, "locked"), 0o500);
  await restoreTo(await keep(t, source), target);
  for (const path of [".", ...pathsIn(source)]) {
    const [was, is] = [source, target].map((each) => lstatSync(join(each, path), { bigint: true }));
    t.equal(is?.mtimeNs, was?.mtimeNs, `mtime of ${path}`);
    t.equal(is?.mode, was?.mode, `mode of ${path}`);
  }
  for (const [path, seconds, nanoseconds] of times) {
    const { mtimeNs } = lstatSync(join(target, path), { bigint: true });
    t.equal(mtimeNs, BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds), path);
  }
  for (const each of [source, target]) chmodSync(join(each, "locked"), 0o700); // or they could not be removed
});

t.test(
  "in a folder that is there, what is right stays, what is wrong is replaced and named, what is more stays",
  async (t) => {
    const { source, target } = placeOf(t, {
      right: "as it was",
      wrong: "as it was",
      mode: "m",
      dir: { longer: "short" },
    });
    symlinkSync("right", join(source, "right link"));
    symlinkSync("right", join(source, "wrong link"));
    mkdirSync(join(target, "dir"), { recursive: true });
    writeFileSync(join(target, "right"), "as it was");
    writeFileSync(join(target, "wrong"), "as it Was");
    writeFileSync(join(target, "mode"), "m", { mode: 0o600 });
    writeFileSync(join(target, "dir", "longer"), "shorter");
    writeFileSync(join(target, "dir", "more"), "mine");
    symlinkSync("right", join(target, "right link"));
    symlinkSync("elsewhere", join(target, "wrong link"));
    setModificationTime(join(target, "right"), ...secondsOf(join(source, "right")));
    setModificationTime(join(target, "right link"), 1, 1);
    const before = new Map(pathsIn(target).map((path) => [path, inode(join(target, path))]));
    const restored = await restoreTo(await keep(t, source), target);
    t.strictSame(told(restored.events).toSorted(), ["replaced dir/longer", "replaced wrong", "replaced wrong link"]);
    t.match(restored.result, { replaced: 3, left: 1, changed: 2, failed: 0, files: 6 });
    for (const path of ["right", "mode", "right link", "dir", "dir/more"])
      t.equal(inode(join(target, path)), before.get(path), path);
    for (const path of ["wrong", "dir/longer"]) t.not(inode(join(target, path)), before.get(path), path);
    t.equal(readFileSync(join(target, "dir", "more"), "utf8"), "mine");
    rmSync(join(target, "dir", "more"));
    setModificationTime(join(target, "dir"), ...secondsOf(join(source, "dir")));
    t.equal(differences(source, target), "");
  },
);

function secondsOf(path: string): [number, number] {
  const { mtimeNs } = lstatSync(path, { bigint: true });
  return [Number(mtimeNs / 1_000_000_000n), Number(mtimeNs % 1_000_000_000n)];
}

t.test("a second restore leaves every file, and sets times and modes right", async (t) => {
  const { source, target } = placeOf(t, { a: "1", d: { b: "2" }, empty: "" });
  writeFileSync(join(source, "large"), seededBytes(1, 3 << 20));
  const kept = await keep(t, source);
  await restoreTo(kept, target);
  const before = new Map(pathsIn(target).map((path) => [path, inode(join(target, path))]));
  utimesSync(join(target, "a"), 1, 1);
  chmodSync(join(target, "d"), 0o700);
  const again = await restoreTo(kept, target);
  t.match(again.result, { left: 3, changed: 1, files: 4, replaced: 0, failed: 0 });
  t.equal(again.progress.bytes, again.result.bytes);
  t.equal(differences(source, target), "");
  for (const [path, was] of before) t.equal(inode(join(target, path)), was, path);
});

t.test("a symlink in the place of a folder is replaced, and nothing is written through it", async (t) => {
  const { at, source, target } = placeOf(t, { dir: { file: "mine", sub: { deep: "2" } }, z: "3" });
  const outside = join(at, "outside");
  for (const folder of [target, outside]) mkdirSync(folder);
  writeFileSync(join(outside, "file"), "theirs");
  symlinkSync(outside, join(target, "dir"));
  const { mtimeNs } = lstatSync(outside, { bigint: true });
  const kept = await keep(t, source);
  for (const paths of [[], ["dir/sub/deep"], ["dir/file", "dir/sub"]]) {
    rmSync(target, { recursive: true });
    mkdirSync(target);
    symlinkSync(outside, join(target, "dir"));
    const restored = await restoreTo(kept, target, { paths: paths.map(text) });
    t.ok(told(restored.events).includes("replaced dir"));
    t.ok(lstatSync(join(target, "dir")).isDirectory());
    t.strictSame(pathsIn(outside), ["file"]);
    t.equal(readFileSync(join(outside, "file"), "utf8"), "theirs");
    t.equal(lstatSync(outside, { bigint: true }).mtimeNs, mtimeNs);
  }
});

t.test("a symlink in the place of a file is replaced, and what it leads to stays", async (t) => {
  const { at, source, target } = placeOf(t, { file: "mine", same: "same" });
  mkdirSync(target);
  for (const name of ["file", "same"]) {
    writeFileSync(join(at, `outside ${name}`), "same", { mode: 0o600 });
    symlinkSync(join(at, `outside ${name}`), join(target, name));
  }
  const restored = await restoreTo(await keep(t, source), target);
  t.strictSame(told(restored.events).toSorted(), ["replaced file", "replaced same"]);
  t.equal(differences(source, target), "");
  for (const name of ["file", "same"]) {
    t.equal(readFileSync(join(at, `outside ${name}`), "utf8"), "same");
    t.equal(lstatSync(join(at, `outside ${name}`)).mode & 0o777, 0o600);
  }
});

t.test("a file or a fifo where a folder or a file should be is replaced, and an empty folder too", async (t) => {
  const { source, target } = placeOf(t, { dir: { file: "1" }, other: { file: "2" }, a: "3", b: "4" });
  symlinkSync("a", join(source, "link"));
  mkdirSync(join(target, "a"), { recursive: true });
  mkdirSync(join(target, "link"));
  writeFileSync(join(target, "dir"), "a file");
  makeFifo(join(target, "other"));
  makeFifo(join(target, "b"));
  const restored = await restoreTo(await keep(t, source), target);
  t.strictSame(told(restored.events).toSorted(), [
    "replaced a",
    "replaced b",
    "replaced dir",
    "replaced link",
    "replaced other",
  ]);
  t.equal(differences(source, target), "");
});

t.test("a folder that is not empty stays where a file should be; that fails, and the rest is restored", async (t) => {
  const { source, target } = placeOf(t, { file: "1", y: { z: "2" } });
  symlinkSync("file", join(source, "link"));
  for (const name of ["file", "link"]) {
    mkdirSync(join(target, name), { recursive: true });
    writeFileSync(join(target, name, "precious"), "mine");
  }
  const restored = await restoreTo(await keep(t, source), target);
  t.strictSame(restored.events, [
    { type: "failed", path: "file", why: "a folder that is not empty is in its place" },
    { type: "failed", path: "link", why: "a folder that is not empty is in its place" },
  ]);
  t.match(restored.result, { failed: 2, files: 1, dirs: 1, replaced: 0 });
  t.strictSame(pathsIn(target), ["file", "file/precious", "link", "link/precious", "y", "y/z"]);
});

t.test("a folder that is filled while the files are fetched makes its file fail, and no other", async (t) => {
  const { source, target } = placeOf(t, { a: "1", b: "2", c: "3" });
  symlinkSync("a", join(source, "z"));
  mkdirSync(target);
  symlinkSync("x", join(target, "z"));
  const restored = await restoreTo(await keep(t, source), target, {
    onEvent: (event) => {
      if (!("path" in event) || event.path !== "z") return;
      mkdirSync(join(target, "b"));
      writeFileSync(join(target, "b", "precious"), "mine");
    },
  });
  t.strictSame(told(restored.events), ["replaced z", "failed b"]);
  t.match(restored.result, { failed: 1, files: 3 });
  t.strictSame(pathsIn(target), ["a", "b", "b/precious", "c", "z"]);
});

t.test("the target may be missing, with its parents, or be a link to a folder; a file it may not be", async (t) => {
  const { at, source } = placeOf(t, { d: { f: "1" } });
  const kept = await keep(t, source);
  await restoreTo(kept, join(at, "not", "there", "yet"));
  t.equal(differences(source, join(at, "not", "there", "yet")), "");
  mkdirSync(join(at, "real"));
  symlinkSync("real", join(at, "link"));
  await restoreTo(kept, join(at, "link"));
  t.equal(differences(source, join(at, "real")), "");
  t.equal(readlinkSync(join(at, "link")), "real");
  writeFileSync(join(at, "file"), "mine");
  symlinkSync("nowhere", join(at, "dangling"));
  for (const name of ["file", "file/beneath"])
    await t.rejects(restoreTo(kept, join(at, name)), { code: "TARGET_FAILED", message: /not a folder/ });
  await t.rejects(restoreTo(kept, join(at, "dangling")), { code: "TARGET_FAILED" });
  t.equal(readFileSync(join(at, "file"), "utf8"), "mine");
});

t.test("of single paths only these come, with the folders on the way to them as they were", async (t) => {
  const { source, target } = placeOf(t, {
    a: { b: { wanted: "1", other: "2" }, more: "3" },
    file: "4",
    not: "5",
    whole: { x: "6", y: { z: "7" } },
  });
  for (const path of ["a/b", "a", "whole/y", "whole"]) {
    chmodSync(join(source, path), 0o700);
    setModificationTime(join(source, path), 1_500_000_000, path.length);
  }
  const kept = await keep(t, source);
  const restored = await restoreTo(kept, target, { paths: ["whole", "a/b/wanted", "file"].map(text) });
  t.strictSame(pathsIn(target), ["a", "a/b", "a/b/wanted", "file", "whole", "whole/x", "whole/y", "whole/y/z"]);
  t.match(restored.result, { files: 4, dirs: 4, failed: 0 });
  for (const path of pathsIn(target)) {
    const [was, is] = [source, target].map((each) => lstatSync(join(each, path), { bigint: true }));
    t.equal(is?.mtimeNs, was?.mtimeNs, path);
    t.equal(is?.mode, was?.mode, path);
  }
});

t.test("paths that are named twice, or lie in others, are restored once", async (t) => {
  const { source, target } = placeOf(t, { d: { e: { f: "1" }, g: "2" }, "d.x": "3" });
  const restored = await restoreTo(await keep(t, source), target, {
    paths: ["d/e/f", "d", "d", "d/g", "d.x"].map(text),
  });
  t.match(restored.result, { files: 3, dirs: 2, left: 0 });
  t.strictSame(pathsIn(target), ["d", "d.x", "d/e", "d/e/f", "d/g"]);
});

t.test("for a path that the commit lacks, nothing is made", async (t) => {
  const { source, target } = placeOf(t, { d: { e: "1" }, f: "2", g: "3" });
  const kept = await keep(t, source);
  for (const path of ["missing", "d/missing", "f/beneath", "d/e/f"]) {
    await t.rejects(restoreTo(kept, target, { paths: ["g", path].map(text) }), {
      code: "NO_PATH",
      message: new RegExp(`'${path}'`),
    });
  }
  t.notOk(existsSync(target));
});

t.test("large files come back, with chunks that repeat in them and between them", async (t) => {
  const { source, target } = placeOf(t);
  const part = seededBytes(5, 6 << 20);
  writeFileSync(join(source, "repeats"), Buffer.concat([part, part, part]));
  writeFileSync(join(source, "zeros"), Buffer.alloc(20 << 20));
  writeFileSync(join(source, "shares"), Buffer.concat([seededBytes(6, 1 << 20), part]));
  writeFileSync(join(source, "whole"), seededBytes(7, 1 << 20));
  writeFileSync(join(source, "more"), seededBytes(8, (1 << 20) + 1));
  const restored = await restoreTo(await keep(t, source), target);
  t.equal(differences(source, target), "");
  t.match(restored.result, { files: 5, failed: 0 });
  t.equal(restored.progress.bytes, restored.result.bytes);
  t.strictSame(temporaries(target), []);
});

t.test("a restore that is aborted leaves no file half written, nor a temporary one", async (t) => {
  const { source, target } = placeOf(t);
  writeFileSync(join(source, "large"), seededBytes(9, 12 << 20));
  writeFileSync(join(source, "other"), seededBytes(10, 12 << 20));
  const kept = await keep(t, source);
  const stop = new AbortController();
  const reason = new Error("enough");
  let bytes = 0;
  let hadTemporaries = false;
  const progress = {
    files: 0,
    get bytes(): number {
      return bytes;
    },
    set bytes(value: number) {
      bytes = value;
      if (value < 4 << 20) return;
      hadTemporaries ||= temporaries(target).length > 0;
      stop.abort(reason);
    },
    filesFetched: 0,
    filesMended: 0,
  };
  const error = await restoreTo(kept, target, { signal: stop.signal, progress }).catch((failure: unknown) => failure);
  t.equal(error, reason);
  t.ok(hadTemporaries);
  t.strictSame(pathsIn(target), []);
});

t.test(
  "of a pack that is damaged on disk no wrong file is restored, and every other is, wherever the damage is",
  async (t) => {
    const { source, target } = placeOf(t, { small: "a small file", text: "text ".repeat(500) });
    writeFileSync(join(source, "random"), seededBytes(11, 200_000));
    writeFileSync(join(source, "large"), seededBytes(12, 2 << 20));
    const kept = await keep(t, source);
    const packs = join(kept.world.folder, "packs");
    const files = pathsIn(packs).filter((path) => path.endsWith(".tar.gz"));
    t.ok(files.length > 0);
    let failures = 0;
    let partly = 0;
    for (const file of files.map((each) => join(packs, each))) {
      const whole = readFileSync(file);
      for (let at = 40; at < whole.length - 40; at += Math.floor(whole.length / 12)) {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] as number) ^ 0x55;
        chmodSync(file, 0o600);
        writeFileSync(file, damaged);
        rmSync(target, { recursive: true, force: true });
        const remote = await kept.world.connect();
        const failed: string[] = [];
        const onEvent = (event: RestoreEvent): void => void (event.type === "failed" && failed.push(event.path));
        const error = await restoreTo({ ...kept, remote }, target, { onEvent }).then(
          ({ result }) => void t.equal(result.failed, failed.length),
          (reason: unknown) => reason,
        );
        if (error !== undefined || failed.length > 0) failures += 1;
        if (error !== undefined) t.match(error, { code: /^(BAD_PACK|BAD_OBJECT|STORE_DAMAGED)$/ }, "no tree");
        else if (failed.length > 0) partly += 1;
        const there = existsSync(target) ? readdirSync(target) : [];
        if (error === undefined)
          t.strictSame([...there, ...failed].toSorted(), ["large", "random", "small", "text"], `${at}`);
        for (const name of there)
          t.ok(readFileSync(join(target, name)).equals(readFileSync(join(source, name))), `${name}, ${at}`);
      }
      writeFileSync(file, whole);
    }
    t.ok(failures > 5, "the damage was noticed");
    t.ok(partly > 3, `the rest was restored ${partly} times`);
    rmSync(target, { recursive: true, force: true });
    await restoreTo({ ...kept, remote: await kept.world.connect() }, target);
    t.equal(differences(source, target), "", "and whole again, it restores");
  },
);

t.test("a file that is damaged in its pack costs none of those that lie in the same member", async (t) => {
  const { source, target } = placeOf(t);
  const contents = [1, 2, 3].map((seed) => seededBytes(seed, 20_000));
  for (const [index, content] of contents.entries()) writeFileSync(join(source, `file ${index}`), content);
  const kept = await keep(t, source);
  const packs = join(kept.world.folder, "packs");
  const holdsAll = (file: string): boolean => contents.every((content) => readFileSync(file).includes(content));
  const file = pathsIn(packs)
    .map((path) => join(packs, path))
    .find((path) => path.endsWith(".tar.gz") && holdsAll(path)) as string;
  const pack = readFileSync(file);
  const at = pack.indexOf(contents[1] as Buffer) + 500; // stored as it is, so that no other byte depends on it
  pack[at] = (pack[at] as number) ^ 1;
  chmodSync(file, 0o600);
  writeFileSync(file, pack);
  const failed: string[] = [];
  const onEvent = (event: RestoreEvent): void => void (event.type === "failed" && failed.push(event.path));
  await restoreTo({ ...kept, remote: await kept.world.connect() }, target, { onEvent });
  t.strictSame(failed, ["file 1"]);
  for (const index of [0, 2]) t.ok(readFileSync(join(target, `file ${index}`)).equals(contents[index] as Buffer));
});

t.test("of a pack that has been cut short, what is left is restored", async (t) => {
  const { source, target } = placeOf(t);
  for (let index = 0; index < 8; index += 1) writeFileSync(join(source, `f${index}`), seededBytes(index, 900_000));
  const { world } = await keep(t, source);
  const packs = join(world.folder, "packs");
  const [file] = pathsIn(packs).filter((path) => path.endsWith(".tar.gz"));
  writeFileSync(join(source, "last"), "in a pack of its own, with the tree");
  const kept = await keepMore(t, world, source);
  const whole = readFileSync(join(packs, file as string));
  writeFileSync(join(packs, file as string), whole.subarray(0, 3_000_000));
  const { result, events } = await restoreTo(kept, target);
  const failed = events.flatMap((event) => (event.type === "failed" ? [event.path] : []));
  t.ok(failed.length >= 4 && failed.length <= 6, failed.join(" "));
  t.match(result, { failed: failed.length, files: 9 - failed.length });
  for (const name of readdirSync(target))
    t.ok(readFileSync(join(target, name)).equals(readFileSync(join(source, name))), name);
  t.strictSame([...readdirSync(target), ...failed].toSorted(), pathsIn(source));
});

t.test("entries whose sizes are not those of their blobs and lists are refused, and leave nothing", async (t) => {
  const content = blob("some content");
  const list = object("list", encodeList({ level: 0, children: [{ id: content.id, size: content.bytes.length }] }));
  const wrongChild = object("list", encodeList({ level: 0, children: [{ id: content.id, size: 5 }] }));
  const file = fileEntry("file", content) as Extract<Entry, { kind: "file" }>;
  const wrong: Entry[] = [
    { ...file, size: 11 },
    { ...file, size: 13 },
    { ...file, size: 11, content: { list: list.id, fileHash: content.id } },
    { ...file, size: 5, content: { list: wrongChild.id, fileHash: content.id } },
  ];
  for (const [index, entry] of wrong.entries()) {
    const { target, at } = placeOf(t);
    const tree = treeOf(entry);
    const made = [content, list, wrongChild, tree, commitOf(tree)];
    const kept = await keepObjects(t, join(at, `store ${index}`), ...made);
    await t.rejects(restoreTo(kept, target), { code: "BAD_OBJECT" });
    t.strictSame(pathsIn(target), []);
  }
});

t.test("a commit by hand is restored: a file of lists of lists, one tree in two places", async (t) => {
  const { target, at } = placeOf(t);
  const parts = ["one ", "two ", "three"].map(blob);
  const children = parts.map(({ id, bytes }) => ({ id, size: bytes.length }));
  const [first, last] = [children.slice(0, 2), children.slice(2)].map((each) =>
    object("list", encodeList({ level: 0, children: each })),
  ) as [Made, Made];
  const upper = object(
    "list",
    encodeList({
      level: 1,
      children: [
        { id: first.id, size: 8 },
        { id: last.id, size: 5 },
      ],
    }),
  );
  const whole = blob("one two three");
  const large: Entry = {
    ...plainAttributes,
    name: text("large"),
    kind: "file",
    size: 13,
    content: { list: upper.id, fileHash: whole.id },
  };
  const inner = treeOf(large);
  const tree = treeOf(dirEntry("a", inner), dirEntry("b", inner));
  const kept = await keepObjects(t, join(at, "store"), ...parts, first, last, upper, inner, tree, commitOf(tree));
  await restoreTo(kept, target);
  for (const name of ["a", "b"]) t.equal(readFileSync(join(target, name, "large"), "utf8"), "one two three");
});

/** The ids that a restore asks for from now on. */
function watchGets(remote: Remote): ObjectId[] {
  const asked: ObjectId[] = [];
  const get = remote.get.bind(remote);
  remote.get = (ids) => {
    asked.push(...ids);
    return get(ids);
  };
  return asked;
}

t.test("a blob of many files is asked for once, and no object twice", async (t) => {
  const { source, target } = placeOf(t);
  for (let index = 0; index < 50; index += 1) writeFileSync(join(source, `same ${index}`), "the same in each");
  for (let index = 0; index < 50; index += 1) writeFileSync(join(source, `other ${index}`), `${index % 10}`);
  writeFileSync(join(source, "large"), Buffer.concat([seededBytes(20, 3 << 20), seededBytes(20, 3 << 20)]));
  const kept = await keep(t, source);
  const asked = watchGets(kept.remote);
  await restoreTo(kept, target);
  t.equal(differences(source, target), "");
  t.equal(new Set(asked).size, asked.length);
  t.ok(asked.length < 50, `${asked.length}`); // chunks of 3 MiB, some 20 of them, and 12 contents
});

t.test("with a table that is soon full, everything comes back all the same", async (t) => {
  const { source, target } = placeOf(t, { locked: { inner: "1" }, z: { y: { x: "2" } } });
  makeSampleFolder(join(source, "sample"), { many: 40, nested: 60, before: 0 });
  writeFileSync(join(source, "a large"), seededBytes(30, 20 << 20));
  writeFileSync(join(source, "z large"), seededBytes(31, 9 << 20));
  for (const path of ["locked", "sample", "z/y", "z"]) setModificationTime(join(source, path), 1_400_000_000, 77);
  chmodSync(join(source, "locked"), 0o500);
  const kept = await keep(t, source);
  for (const pieces of [1, 20]) {
    rmSync(target, { recursive: true, force: true });
    const capacity = { pieces, folders: 40, nameBytes: 64 << 10 };
    const restored = await restoreTo(kept, target, { capacity });
    t.equal(differences(source, target), "", `${pieces} pieces`);
    t.match(restored.result, { failed: 0, left: 0, replaced: 0 });
    t.equal(restored.progress.bytes, restored.result.bytes);
    const again = await restoreTo(kept, target, { capacity });
    t.match(again.result, { ...restored.result, left: Number });
    t.equal(differences(source, target), "", `${pieces} pieces, again`);
    writeFileSync(join(target, "a large"), seededBytes(32, 20 << 20));
    writeFileSync(join(target, "z", "y", "x"), "3");
    const repaired = await restoreTo(kept, target, { capacity });
    t.strictSame(told(repaired.events).toSorted(), ["replaced a large", "replaced z/y/x"]);
    t.equal(differences(source, target), "", `${pieces} pieces, repaired`);
    chmodSync(join(target, "locked"), 0o700); // or it could not be removed
  }
  chmodSync(join(source, "locked"), 0o700);
});

t.test("with threads it is the same, whether files are missing, right or wrong", async (t) => {
  const { source, target } = placeOf(t);
  for (let index = 0; index < 900; index += 1) {
    if (index % 100 === 0) mkdirSync(join(source, `${index / 100}`));
    writeFileSync(join(source, `${Math.floor(index / 100)}`, `ü ${index}`), seededBytes(index, index), {
      mode: index % 3 === 0 ? 0o600 : 0o664,
    });
  }
  addNamesOfBytes(source);
  writeFileSync(join(source, "large"), seededBytes(41, 30 << 20));
  const kept = await keep(t, source);
  const threads = 2;
  const restored = await restoreTo(kept, target, { threads });
  t.equal(differences(source, target), "");
  t.match(restored.result, { failed: 0, left: 0, replaced: 0 });
  t.equal(restored.progress.bytes, restored.result.bytes);
  t.equal(restored.progress.files, restored.result.files);
  writeFileSync(join(target, "3", "ü 350"), seededBytes(0, 350));
  rmSync(join(target, "4"), { recursive: true });
  mkdirSync(join(target, "5", "ü 505.not empty"));
  rmSync(join(target, "5", "ü 510"));
  mkdirSync(join(target, "5", "ü 510", "full"), { recursive: true });
  const again = await restoreTo(kept, target, { threads });
  t.strictSame(told(again.events).toSorted(), ["failed 5/ü 510", "replaced 3/ü 350"].map(text).toSorted());
  t.strictSame(temporaries(target), []);
});

t.test("a link that takes the place of a folder during the restore is not followed", async (t) => {
  const { at, source, target } = placeOf(t, { a: { sub: { one: "1", two: "2" } }, b: { three: "3" }, z: "4" });
  symlinkSync("there", join(source, "z link"));
  const outside = join(at, "outside");
  mkdirSync(join(outside, "sub"), { recursive: true });
  mkdirSync(target);
  symlinkSync("not there", join(target, "z link"));
  const kept = await keep(t, source);
  // the walk is over when it comes to the link, and nothing has been fetched
  const restored = await restoreTo(kept, target, {
    onEvent: (event) => {
      if (!("path" in event) || event.path !== "z link") return;
      for (const name of ["a", "b"]) {
        renameSync(join(target, name), join(at, `was ${name}`));
        symlinkSync(outside, join(target, name));
      }
    },
  });
  t.strictSame(pathsIn(outside), ["sub"]);
  t.equal(lstatSync(join(target, "a")).isSymbolicLink(), true);
  t.equal(readFileSync(join(target, "z"), "utf8"), "4");
  const failed = restored.events.filter(({ type }) => type === "failed");
  t.ok(
    failed.length >= 3 && failed.every((event) => "why" in event && /taken the place/.test(event.why)),
    "are told of",
  );
  t.strictSame(temporaries(target), []);
});

t.test("where a blob never comes, its file is named, and nothing is left of it", async (t) => {
  const { source, target } = placeOf(t);
  writeFileSync(join(source, "large"), seededBytes(50, 6 << 20));
  const kept = await keep(t, source);
  const get = kept.remote.get.bind(kept.remote);
  let isList = true;
  kept.remote.get = async function* (ids) {
    const lacking: Uint8Array[] = []; // what the first lies in, with others
    if (!isList) for await (const member of get(ids.slice(0, 1))) lacking.push(Uint8Array.from(member));
    if (!isList) t.ok(lacking.length > 0);
    for await (const member of get(ids)) if (!lacking.some((each) => Buffer.compare(each, member) === 0)) yield member;
    isList = false;
  };
  const { result, events } = await restoreTo(kept, target);
  t.match(result, { files: 0, failed: 1 });
  t.match(events, [{ type: "failed", path: "large", why: /damaged or missing in the store/ }]);
  t.strictSame(pathsIn(target), []);
});

t.test("members that come twice, or that nobody asked for, change nothing", async (t) => {
  const { source, target } = placeOf(t, { a: "1", b: "2" });
  const kept = await keep(t, source);
  const get = kept.remote.get.bind(kept.remote);
  kept.remote.get = async function* (ids) {
    for await (const member of get(ids)) yield* [member, member].map((each) => Uint8Array.from(each));
    yield* get([kept.commit.id]);
  };
  const restored = await restoreTo(kept, target);
  t.equal(differences(source, target), "");
  t.match(restored.result, { files: 2, failed: 0 });
});

t.test("modes are exact in a folder that gives its files others", async (t) => {
  const { source, target } = placeOf(t, { first: "1", second: "2", third: "3" });
  for (const [name, mode] of [
    ["first", 0o600],
    ["second", 0o644],
    ["third", 0o666],
  ] as const)
    chmodSync(join(source, name), mode);
  const kept = await keep(t, source);
  mkdirSync(target);
  const { status } = spawnSync("setfacl", ["-d", "-m", "u::rwx,g::r-x,o::---", target]);
  if (status !== 0) t.comment("no ACLs here");
  await restoreTo(kept, target);
  t.equal(differences(source, target), "");
});
