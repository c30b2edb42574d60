/** What differs between commits of real folders, and what is read for that. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { diffTrees } from "../../src/client/diff-trees.js";
import { readCommit } from "../../src/client/history.js";
import { TreeCache } from "../../src/client/tree-cache.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { readDirectory } from "../../src/objects/directory.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { encodeTree } from "../../src/objects/tree.js";
import { addNamesOfBytes, makeSampleFolder } from "../helpers/sample-folder.js";
import { dirEntry, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, object, sendObjects } from "../helpers/store-pack.js";
import { openWorld, pathsIn, pushFolder } from "./world.js";

const marks = { added: "+", removed: "-", changed: "M", kind: "T", metadata: "U" } as const;

async function worldOf(t: Test) {
  const at = t.testdir({});
  const source = join(at, "source");
  const world = await openWorld(t, join(at, "store"));
  const remote = await world.connect();
  const asked: number[] = [];
  const counted = {
    peer: remote.peer,
    hasMany: (ids: Uint8Array) => remote.hasMany(ids),
    trees: (root: ObjectId) => remote.trees(root),
    get: (ids: readonly ObjectId[]) => {
      asked.push(ids.length);
      return remote.get(ids);
    },
  };
  const push = async (): Promise<ObjectId> => {
    const { result } = await pushFolder(world, source, { isFull: true });
    return (await readCommit(remote, result.commit as ObjectId)).tree;
  };
  const diff = async (a: ObjectId | undefined, b: ObjectId | undefined, roomBytes?: number): Promise<string[]> => {
    asked.length = 0;
    const found: string[] = [];
    const trees = new TreeCache(counted, roomBytes === undefined ? {} : { roomBytes });
    for await (const { type, path } of diffTrees(trees, a, b)) found.push(`${marks[type]} ${path}`);
    return found;
  };
  return { source, push, diff, asked };
}

t.test("each change is told once, in order, both ways, whatever the cache holds", async (t) => {
  const { source, push, diff, asked } = await worldOf(t);
  makeSampleFolder(source, { many: 1500, nested: 60, before: 5 });
  addNamesOfBytes(source);
  mkdirSync(join(source, "was folder", "below"), { recursive: true });
  const a = await push();
  t.strictSame(await diff(a, a), []);
  t.equal(asked.length, 0, "nothing is read of what is the same");
  t.strictSame(
    (await diff(undefined, a)).map((line) => line.slice(2)).toSorted(),
    (await diff(a, undefined)).map((line) => line.slice(2)).toSorted(),
  );
  t.equal((await diff(undefined, a)).length, pathsIn(source).length - 1, "of which one has a line break in it");

  const many = (index: number): string => join(source, "many", `note-${index}.txt`);
  writeFileSync(many(700), "changed");
  unlinkSync(many(3));
  writeFileSync(join(source, "many", "zz new"), "");
  utimesSync(many(1400), 1, 1);
  chmodSync(join(source, "nested", "a1"), 0o700);
  unlinkSync(join(source, "odd", "link to a file"));
  symlinkSync("elsewhere", join(source, "odd", "link to a file"));
  rmSync(join(source, "was folder"), { recursive: true });
  writeFileSync(join(source, "was folder"), "a file now");
  writeFileSync(Buffer.from(`${source}/\xff\xfe`, "latin1"), "other bytes");
  const b = await push();
  const expected = [
    "U many",
    "- many/note-3.txt",
    "M many/note-700.txt",
    "U many/note-1400.txt",
    "+ many/zz new",
    "U nested/a1",
    "U odd",
    "M odd/link to a file",
    "T was folder",
    "- was folder/below",
    "M \xff\xfe",
  ];
  const inOrder = expected.toSorted((x, y) => (x.slice(2) < y.slice(2) ? -1 : 1));
  t.strictSame(await diff(a, b), inOrder);
  t.ok(asked.reduce((sum, count) => sum + count) < 40, `${asked.join(" + ")} trees are asked for`);
  t.strictSame(await diff(a, b, 1), inOrder, "with no room for what comes along");
  const swapped = { "+": "-", "-": "+" } as Readonly<Record<string, string>>;
  t.strictSame(
    await diff(b, a),
    inOrder.map((line) => `${swapped[line[0] as string] ?? line[0]}${line.slice(1)}`),
  );
});

t.test("what is lost of folders is named, and nothing is said that may be wrong", async (t) => {
  const content = blob("content");
  const other = blob("other");
  const file = (name: string, its = content) => fileEntry(name, its);
  const page = (...names: string[]) => treeOf(...names.map((name) => file(name)));
  const paged = (...pages: Made[]) => {
    const named = pages.map(({ id, bytes }) => ({
      id,
      firstName: [...readDirectory(id, () => bytes)][0]?.name as ByteString,
    }));
    return object("tree", encodeTree({ level: 1, pages: named }));
  };
  const gone = { old: treeOf(file("x")), new: treeOf(file("y")), alone: treeOf(file("z")) };
  const [first, middle, last] = [page("a", "b"), page("m", "n"), page("t")];
  const [newFirst, newMiddle] = [page("a", "c"), page("m", "o")];
  const [before, after] = [paged(first, middle, last), paged(newFirst, newMiddle, last)];
  const same = treeOf(file("s"));
  const changed = treeOf(file("s", other));
  const old = treeOf(dirEntry("d", gone.old), dirEntry("e", gone.alone), dirEntry("p", before), dirEntry("s", same));
  const now = treeOf(dirEntry("d", gone.new), dirEntry("p", after), dirEntry("s", changed));
  const world = await openWorld(t);
  const kept = [content, other, first, last, newFirst, newMiddle, before, after, same, changed, old, now];
  for (const each of kept) await sendObjects(world.store, [each]);
  for (const rights of [undefined, ["read" as const]]) {
    const remote = await world.connect(rights && { rights });
    const diff = async (a: Made, b: Made): Promise<string[]> => {
      const found: string[] = [];
      const trees = new TreeCache(remote, { isLossPassedOver: true });
      const onLost = (path: string, side: string): void => void found.push(`? ${path} ${side}`);
      for await (const { type, path } of diffTrees(trees, a.id, b.id, { onLost, isLossUnknown: true }))
        found.push(`${marks[type]} ${path}`);
      return found;
    };
    const lost = ["? d before", "? d after"];
    t.same(
      await diff(old, now),
      [...lost, "- e", "? e before", "? p before", "- p/b", "M s/s"],
      "c or m may have been there",
    );
    t.same(await diff(now, old), [...lost, "+ e", "? e after", "? p after", "+ p/b", "M s/s"]);
    t.same(await diff(gone.old, now), ["?  before"]);
  }
});

t.test("a tree that is lost is named", async (t) => {
  const { source, push, diff } = await worldOf(t);
  mkdirSync(source);
  writeFileSync(join(source, "a"), "");
  const a = await push();
  await t.rejects(diff(a, "ab".repeat(32) as ObjectId), { code: "NO_OBJECT" });
});
