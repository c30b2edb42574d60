/** Names of one file, restored as links of each other, into places where something else may be. */
import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readCommit } from "../../src/client/history.js";
import { restore } from "../../src/client/restore.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { commitOf, fileEntry, treeOf } from "../helpers/small-commit.js";
import { blob, sendObjects } from "../helpers/store-pack.js";
import { openPlace, pushPlace, restoreFolder } from "./restoring.js";
import { differences, pathsIn, text } from "./world.js";

const inode = (...path: string[]): number => lstatSync(join(...path)).ino;

/** Two groups, one of them of a large file, and a file that stands alone. */
function makeLinks(source: string): void {
  writeFileSync(join(source, "a"), "one");
  for (const name of ["b", "d/c", "e/x"]) linkSync(join(source, "a"), join(source, name));
  writeFileSync(join(source, "e", "large"), seededBytes(5, 3 << 20));
  linkSync(join(source, "e", "large"), join(source, "z"));
  writeFileSync(join(source, "alone"), "one");
}

t.test("all names of a file come back as one file", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  makeLinks(source);
  const id = await pushPlace(place);
  const first = await restoreFolder(world, id, target);
  t.equal(differences(source, target), "");
  t.match(first, { files: 7, failed: 0, replaced: 0, left: 0, filesFetched: 7, events: [] });
  const again = await restoreFolder(world, id, target);
  t.equal(differences(source, target), "");
  t.match(again, { files: 7, failed: 0, replaced: 0, left: 7, filesFetched: 0, events: [] });
  t.equal(first.bytes, again.bytes);
});

t.test("of those that are asked for, each other's", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  makeLinks(source);
  const paths = [text("d"), text("e/x"), text("z")];
  t.match(await restoreFolder(world, await pushPlace(place), target, { paths }), { files: 3, failed: 0 });
  t.equal(inode(target, "d/c"), inode(target, "e/x"));
  t.equal(lstatSync(join(target, "z")).nlink, 1);
  t.equal(lstatSync(join(target, "z")).size, 3 << 20);
});

t.test("what is in the place of a name is replaced, and told", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  makeLinks(source);
  const id = await pushPlace(place);
  mkdirSync(join(target, "d", "c"), { recursive: true }); // an empty folder
  mkdirSync(join(target, "e"));
  writeFileSync(join(target, "b"), "one"); // the right content, but a file of its own
  symlinkSync("/etc/passwd", join(target, "e", "x"));
  mkdirSync(join(target, "z"));
  writeFileSync(join(target, "z", "full"), "");
  const restored = await restoreFolder(world, id, target);
  t.strictSame(restored.events.toSorted(), ["failed z", "replaced b", "replaced d/c", "replaced e/x"]);
  t.match(restored, { files: 6, failed: 1, replaced: 3 });
  rmSync(join(target, "z"), { recursive: true });
  await restoreFolder(world, id, target);
  t.equal(differences(source, target), "");
});

t.test("files that are one in the target, and not in the commit, are parted", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  makeLinks(source);
  chmodSync(join(source, "alone"), 0o600);
  const id = await pushPlace(place);
  await restoreFolder(world, id, target);
  // one inode for everything that says "one", here and outside of the target
  for (const name of ["a", "b", "d/c", "alone"]) rmSync(join(target, name));
  for (const name of ["a", "b", "d/c", "alone", "../elsewhere"]) linkSync(join(target, "e", "x"), join(target, name));
  chmodSync(join(target, "alone"), 0o666);
  const restored = await restoreFolder(world, id, target);
  t.equal(restored.failed, 0);
  t.equal(differences(source, target), "");
  t.notOk(pathsIn(target).some((path) => path.includes(".bak-")));
});

t.test("two files of the commit that are one in the target are parted, too", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  for (const [first, second] of [
    ["a", "b"],
    ["x", "y"],
  ] as const) {
    writeFileSync(join(source, first), "the same");
    linkSync(join(source, first), join(source, second));
  }
  chmodSync(join(source, "x"), 0o600);
  const id = await pushPlace(place);
  mkdirSync(target);
  writeFileSync(join(target, "a"), "the same");
  for (const name of ["b", "x", "y"]) linkSync(join(target, "a"), join(target, name));
  await restoreFolder(world, id, target);
  t.equal(differences(source, target), "");
});

t.test("names that a commit says are one file, and that are not, are each restored", async (t) => {
  const { target, world } = await openPlace(t, { d: {}, e: {} });
  const [one, other] = [blob("one"), blob("other")];
  const entries = [
    { ...fileEntry("a", one), hardLinkGroup: 1 },
    { ...fileEntry("b", other), hardLinkGroup: 1 },
    { ...fileEntry("c", one), hardLinkGroup: 1 },
    { ...fileEntry("d", one), hardLinkGroup: 1, mode: 0o4777 },
  ];
  const tree = treeOf(...entries);
  const commit = commitOf(tree.id);
  await sendObjects(world.store, [one, other, tree, commit]);
  t.match(await restoreFolder(world, commit.id, target), { files: 4, failed: 0 });
  t.strictSame(
    ["a", "b", "c", "d"].map((name) => readFileSync(join(target, name), "utf8")),
    ["one", "other", "one", "one"],
  );
  t.equal(inode(target, "a"), inode(target, "c"));
  t.equal(new Set(["a", "b", "d"].map((name) => inode(target, name))).size, 3);
});

t.test("where the first name cannot be restored, the others are a file each", async (t) => {
  const place = await openPlace(t, { d: {}, e: {} });
  const { source, target, world } = place;
  makeLinks(source);
  const id = await pushPlace(place);
  mkdirSync(join(target, "a"), { recursive: true });
  writeFileSync(join(target, "a", "full"), "");
  const restored = await restoreFolder(world, id, target);
  t.strictSame(restored.events, ["failed a"]);
  t.match(restored, { failed: 1, files: 6 });
  for (const name of ["b", "d/c", "e/x"]) t.equal(readFileSync(join(target, name), "utf8"), "one");
  t.equal(
    lstatSync(join(target, "d"), { bigint: true }).mtimeNs,
    lstatSync(join(source, "d"), { bigint: true }).mtimeNs,
  );
});

t.test("nothing becomes a link to what is in the place of a file that is lost", async (t) => {
  const { target, world } = await openPlace(t, { d: {}, e: {} });
  const lost = blob("lost");
  const entries = ["a", "b"].map((name) => ({ ...fileEntry(name, lost), hardLinkGroup: 1 }));
  const tree = treeOf(...entries);
  const commit = commitOf(tree.id);
  await sendObjects(world.store, [lost, tree, commit]);
  const remote = await world.connect();
  const content = await readCommit(remote, commit.id);
  const get = remote.get.bind(remote);
  remote.get = async function* (ids) {
    const others = ids.filter((each) => each !== lost.id);
    if (others.length > 0) yield* get(others);
  };
  mkdirSync(target);
  writeFileSync(join(target, "a"), "else"); // as long as what is lost
  const progress = { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 };
  const onEvent = (): void => undefined;
  const options = { target: text(target), paths: [], progress, onEvent };
  t.match(await restore(remote, { id: commit.id, content }, options), { files: 0, failed: 2 });
  t.strictSame(pathsIn(target), ["a"]);
});
