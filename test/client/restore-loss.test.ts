/** Restores from a store that has lost trees, or has them damaged: the folders are named, and all else comes back. */
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { encodeTree } from "../../src/objects/tree.js";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import { commitOf, dirEntry, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, object, sendObjects } from "../helpers/store-pack.js";
import { placeOf, restoreTo, type Kept } from "./restoring.js";
import { openWorld, pathsIn, text, told } from "./world.js";

const content = blob("content");
const file = (name: string) => fileEntry(name, content);
const deep = treeOf(file("z"));
const inner = treeOf(dirEntry("deep", deep), file("y"));
const whole = treeOf(file("x"));
const firstPage = treeOf(file("b"), file("c"));
const lastPage = treeOf(file("m"), file("n"));
const pages = [firstPage, lastPage].map(({ id }, index) => ({
  id,
  firstName: byteStringFromText(index === 0 ? "b" : "m"),
}));
const paged = object("tree", encodeTree({ level: 1, pages }));
const root = treeOf(file("a"), dirEntry("inner", inner), dirEntry("paged", paged), dirEntry("whole", whole));
const commit = commitOf(root);
const everything = [content, deep, inner, whole, firstPage, lastPage, paged, root, commit];

/** A store that has each object in a pack of its own, but for one that it never got. */
async function storeWithout(t: Test, folder: string, missing?: Made): Promise<Kept & { packs: Map<Made, string> }> {
  const world = await openWorld(t, folder);
  const packs = new Map<Made, string>();
  for (const each of everything.filter((object) => object !== missing)) {
    const { pack } = await sendObjects(world.store, [each]);
    packs.set(each, join(folder, "packs", pack.slice(0, 2), `${pack}.tar.gz`));
  }
  const remote = await world.connect();
  return { world, remote, packs, commit: { id: commit.id, content: await readCommit(remote, commit.id) } };
}

const paths = {
  all: ["a", "inner/deep/z", "inner/y", "paged/b", "paged/c", "paged/m", "paged/n", "whole/x"],
  /** What does not come back where a tree is lost, and the folder that is named for it. */
  lostBy: new Map<Made, { folder: string; lost: RegExp; why: RegExp }>([
    [deep, { folder: "inner/deep", lost: /^inner\/deep\//, why: /^what was in it is damaged or missing/ }],
    [inner, { folder: "inner", lost: /^inner\//, why: /^what was in it/ }],
    [firstPage, { folder: "paged", lost: /^paged\/[bc]/, why: /^a part of what was in it is damaged or missing/ }],
    [lastPage, { folder: "paged", lost: /^paged\/[mn]/, why: /^a part of what was in it/ }],
    [paged, { folder: "paged", lost: /^paged\//, why: /^what was in it/ }],
  ]),
};

const filesIn = (folder: string): string[] => pathsIn(folder).filter((path) => statSync(join(folder, path)).isFile());

const ways: Record<string, (t: Test, folder: string, tree: Made) => Promise<Kept>> = {
  missing: (t, folder, tree) => storeWithout(t, folder, tree),
  damaged: async (t, folder, tree) => {
    const kept = await storeWithout(t, folder);
    const pack = kept.packs.get(tree) as string;
    const bytes = readFileSync(pack);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0x55;
    chmodSync(pack, 0o600);
    writeFileSync(pack, bytes);
    return kept;
  },
  "cut short": async (t, folder, tree) => {
    const kept = await storeWithout(t, folder);
    const pack = kept.packs.get(tree) as string;
    chmodSync(pack, 0o600);
    writeFileSync(pack, readFileSync(pack).subarray(0, 40));
    return kept;
  },
};

for (const [how, storeOf] of Object.entries(ways)) {
  t.test(`of a commit with a tree that is ${how}, all else comes back`, async (t) => {
    for (const [tree, { folder, lost, why }] of paths.lostBy) {
      const { target, at } = placeOf(t);
      const kept = await storeOf(t, join(at, "store"), tree);
      const { result, events } = await restoreTo(kept, target, { deletion: { isSpared: () => false } });
      t.match(events, [{ type: "failed", path: folder, why }, { type: "deletedNothing" }]);
      const back = paths.all.filter((path) => !lost.test(path));
      t.strictSame(filesIn(target), back);
      t.match(result, { failed: 1, files: back.length });
      t.equal(statSync(join(target, folder)).mode & 0o777, 0o755, "the folder itself is made");
      const outside = await restoreTo(kept, join(at, "one"), { paths: [text("whole"), text("a")] });
      t.match(outside.result, { failed: 0, files: 2 });
      const within = await restoreTo(kept, join(at, "within"), { paths: [text("inner"), text("paged")] });
      t.match(within.result, { failed: 1, files: back.length - 2 });
    }
  });
}

t.test("a path to which the way is lost is named, and others come back", async (t) => {
  const { target, at } = placeOf(t);
  const kept = await storeWithout(t, join(at, "store"), inner);
  const restored = await restoreTo(kept, target, { paths: ["inner/deep/z", "a", "paged/m"].map(text) });
  t.strictSame(told(restored.events), ["failed inner/deep/z"]);
  t.strictSame(filesIn(target), ["a", "paged/m"]);
  await t.rejects(restoreTo(kept, target, { paths: ["whole/none"].map(text) }), { code: "NO_PATH" });
});

t.test("without the tree of the commit itself, nothing can be restored", async (t) => {
  const { target, at } = placeOf(t);
  const kept = await storeWithout(t, join(at, "store"), root);
  await t.rejects(restoreTo(kept, target), { code: "NO_OBJECT", hint: /bak check/ });
  t.strictSame(pathsIn(target), []);
});

t.test("many trees that are lost cost few requests", async (t) => {
  const { target, at } = placeOf(t);
  const world = await openWorld(t, join(at, "store"));
  const here = Array.from({ length: 200 }, (_, index) => treeOf(file(`f${index}`)));
  const gone = Array.from({ length: 10 }, (_, index) => treeOf(file(`g${index}`)));
  const dirs = [
    ...gone.map((tree, index) => dirEntry(`a${index}`, tree)),
    ...here.map((tree, i) => dirEntry(`b${1000 + i}`, tree)),
  ];
  const top = treeOf(...dirs);
  const made = commitOf(top);
  await sendObjects(world.store, [content, ...here, top, made]);
  const remote = await world.connect();
  let requests = 0;
  const get = remote.get.bind(remote);
  remote.get = (ids) => ((requests += 1), get(ids));
  const kept = { world, remote, commit: { id: made.id, content: await readCommit(remote, made.id) } };
  requests = 0;
  const { result } = await restoreTo(kept, target);
  t.match(result, { failed: 10, files: 200, dirs: 210 });
  t.ok(requests < 10, `${requests}`);
});
