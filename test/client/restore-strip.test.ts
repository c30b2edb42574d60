/** Restores that drop leading names of paths. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import t from "tap";
import { haveOwnPlaces, inTreeOrder } from "../../src/client/restore-places.js";
import type { RestoreEvent } from "../../src/client/restore-options.js";
import { selectBy } from "../../src/client/restore-selection.js";
import { setModificationTime } from "../../src/platform/file-times.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { inode, keep, placeOf, restoreTo } from "./restoring.js";
import { differences, makeFifo, pathsIn, text, told } from "./world.js";

const paths = (...all: string[]) => all.map(text);
const isSpared = () => false;
const failed = (events: readonly RestoreEvent[]) =>
  events.flatMap((event) => (event.type === "failed" ? [`${event.path}: ${event.why}`] : []));

t.test("names are dropped as tar does it, and what has no more is passed over", async (t) => {
  const { at } = placeOf(t);
  const source = join(at, "rich");
  mkdirSync(join(source, "one"), { recursive: true });
  makeSampleFolder(join(source, "one", "two"), { many: 20, nested: 70, before: 3 });
  addNamesOfBytes(join(source, "one", "two"));
  mkdirSync(join(source, "other", "empty"), { recursive: true });
  writeFileSync(join(source, "shallow"), "1");
  writeFileSync(join(source, "other", "less shallow"), "2");
  symlinkSync("nowhere", join(source, "other", "empty", "link"));
  const kept = await keep(t, source);
  const archive = join(at, "archive.tar");
  execFileSync("tar", ["-C", source, "-cf", archive, "--format=posix", "--sort=name", "one", "other", "shallow"]);
  for (const stripped of [1, 2, 3, 1000]) {
    const [into, byTar] = [join(at, `bak-${stripped}`), join(at, `tar-${stripped}`)];
    mkdirSync(byTar);
    const options = ["-x", "-p", `--strip-components=${stripped}`, "--delay-directory-restore", "-f", archive];
    execFileSync("tar", ["-C", byTar, ...options]);
    const dry = await restoreTo(kept, into, { stripped, isDryRun: true });
    t.notOk(existsSync(into));
    const { result } = await restoreTo(kept, into, { stripped });
    t.equal(result.failed, 0);
    t.strictSame(dry.result, result);
    for (const folder of [into, byTar]) setModificationTime(folder, 0, 0); // the target keeps its own
    t.equal(differences(byTar, into), "", `${stripped}`);
    const again = await restoreTo(kept, into, { stripped });
    t.equal(again.result.left, again.result.files);
  }
});

t.test("folders in one place become one; of all else the first in the commit's order has the place", async (t) => {
  const { source, target } = placeOf(t, {
    a: { dir: { same: "a's", mine: "a's" }, file: "a's", folderOfB: "a's", deep: { er: { x: "1" } } },
    "a-": { dir: { same: "a-'s", other: "a-'s", file: "1" }, file: "a-'s" },
    b: {
      dir: { other: "b's", last: "b's" },
      folderOfB: { lost: "b's" },
      deep: { er: { y: "2" }, x: "3" },
      fifo: "b's",
    },
  });
  symlinkSync("a's", join(source, "a", "link"));
  symlinkSync("b's", join(source, "b", "link"));
  makeFifo(join(source, "a", "fifo"));
  chmodSync(join(source, "a", "dir"), 0o500);
  for (const [at, folder] of ["a", "a-", "b"].entries()) {
    setModificationTime(join(source, folder, "dir"), 1000 + at, 0);
    if (folder !== "a-") setModificationTime(join(source, folder, "deep", "er"), 2000 + at, 0);
  }
  const kept = await keep(t, source);
  const dry = await restoreTo(kept, target, { stripped: 1, isDryRun: true });
  const { result, events } = await restoreTo(kept, target, { stripped: 1 });
  const taken = (path: string, place: string) =>
    `${path}: an earlier path of the commit has come to its place, '${place}'`;
  const failures = [
    taken("a-/dir/same", "dir/same"),
    taken("a-/file", "file"),
    taken("b/dir/other", "dir/other"),
    taken("b/fifo", "fifo"),
    taken("b/folderOfB", "folderOfB"),
    taken("b/link", "link"),
  ];
  t.strictSame(failed(events), failures);
  t.strictSame(failed(dry.events), failures);
  t.strictSame(dry.result, result);
  t.match(result, { failed: 6, dirs: 3, files: 12 });
  const contents = ["dir/same", "dir/mine", "dir/other", "dir/last", "file", "folderOfB"].map((path) =>
    readFileSync(join(target, path), "utf8"),
  );
  t.strictSame(contents, ["a's", "a's", "a-'s", "b's", "a's", "a's"]);
  t.strictSame(pathsIn(join(target, "deep")), ["er", "er/x", "er/y", "x"]);
  t.equal(lstatSync(join(target, "dir")).mode & 0o777, 0o500);
  t.equal(lstatSync(join(target, "dir")).mtimeMs, 1_000_000);
  t.equal(lstatSync(join(target, "deep", "er")).mtimeMs, 2_000_000);
  t.ok(lstatSync(join(target, "fifo")).isFIFO());
  const again = await restoreTo(kept, target, { stripped: 1 });
  t.match(again.result, { failed: 6, left: 12, replaced: 0, changed: 0 });
  chmodSync(join(source, "a", "dir"), 0o700); // or they could not be removed
  chmodSync(join(target, "dir"), 0o700);
});

t.test("which paths are asked for first makes no difference, and only what is wanted takes a place", async (t) => {
  const { source, at } = placeOf(t, { a: { f: "a's", g: "a's" }, b: { f: "b's", g: "b's" } });
  const kept = await keep(t, source);
  const asked = await restoreTo(kept, join(at, "asked"), { stripped: 1, paths: paths("b/f", "a/f", "b/g") });
  t.strictSame(told(asked.events), ["failed b/f"]);
  t.strictSame(
    ["f", "g"].map((name) => readFileSync(join(at, "asked", name), "utf8")),
    ["a's", "b's"],
  );
  const select = selectBy([], paths("/a/f"));
  const chosen = await restoreTo(kept, join(at, "chosen"), { stripped: 1, select });
  t.strictSame(told(chosen.events), ["failed b/g"]);
  t.strictSame(
    ["f", "g"].map((name) => readFileSync(join(at, "chosen", name), "utf8")),
    ["b's", "a's"],
  );
});

t.test(
  "hard links are links of each other where what is passed over, or has no place, was the first name",
  async (t) => {
    const { source, target } = placeOf(t, { first: "1", a: { one: "2" }, b: { one: { in: "3" } } });
    const names = ["a/x", "a/deep/y", "b/x", "b/z"];
    mkdirSync(join(source, "a", "deep"));
    for (const name of names) linkSync(join(source, "first"), join(source, name));
    linkSync(join(source, "b", "one", "in"), join(source, "a", "in"));
    const { result, events } = await restoreTo(await keep(t, source), target, { stripped: 1 });
    t.strictSame(told(events), ["failed b/one", "failed b/x"]);
    t.equal(result.failed, 2);
    t.strictSame(pathsIn(target), ["deep", "deep/y", "in", "one", "x", "z"]);
    t.equal(new Set(["deep/y", "x", "z"].map((name) => inode(join(target, name)))).size, 1);
    t.equal(readFileSync(join(target, "in"), "utf8"), "3");
  },
);

t.test("what is deleted is what the only folder that comes to a place does not have", async (t) => {
  const { source, target } = placeOf(t, {
    photos: { 2024: { a: "1", may: { b: "2" } }, 2025: { c: "3" } },
    docs: { d: "4" },
  });
  const kept = await keep(t, source);
  const options = { stripped: 2, paths: paths("photos/2024"), deletion: { isSpared } };
  await restoreTo(kept, target, options);
  for (const name of ["extra", "may/extra", "2025"]) writeFileSync(join(target, name), "mine");
  const dry = await restoreTo(kept, target, { ...options, isDryRun: true });
  const { result, events } = await restoreTo(kept, target, options);
  t.strictSame(dry.result, result);
  t.strictSame(told(events).toSorted(), ["deleted 2025", "deleted extra", "deleted may/extra"]);
  t.strictSame(pathsIn(target), ["a", "may", "may/b"]);
  writeFileSync(join(target, "extra"), "mine");
  await restoreTo(kept, target, { ...options, stripped: 1, paths: paths("photos/2024", "docs/d") });
  t.strictSame(pathsIn(target), ["2024", "2024/a", "2024/may", "2024/may/b", "a", "d", "extra", "may", "may/b"]);
  await t.rejects(restoreTo(kept, target, { stripped: 1, deletion: { isSpared } }));
  t.ok(existsSync(join(target, "extra")));
});

t.test("of some paths it is known beforehand that each comes to a place of its own", (t) => {
  const cases: [boolean, number, string[]][] = [
    [true, 0, []],
    [false, 1, []],
    [true, 1, ["a"]],
    [false, 2, ["a"]],
    [true, 2, ["a/b"]],
    [true, 1, ["a/x", "b/y", "a/z"]],
    [false, 1, ["a/x", "b/x"]],
    [false, 1, ["a/x", "b/x-", "c/x/y"]],
    [true, 1, ["a/x", "b/x-", "c/x.y"]],
    [false, 1, ["a", "b/x"]],
  ];
  for (const [is, stripped, all] of cases)
    t.equal(haveOwnPlaces(paths(...all), stripped), is, `${stripped} of ${all.join(" ")}`);
  const order = ["a", "a/b", "a/b/c", "a-", "a-/b", "a.b", "b"];
  t.strictSame(
    paths(...order)
      .toReversed()
      .toSorted(inTreeOrder),
    order,
  );
  t.end();
});
