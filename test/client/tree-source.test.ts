/** Trees of a commit: fetched when they are needed, and no others. */
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import type { Remote } from "../../src/client/remote.js";
import { TreeSource } from "../../src/client/tree-source.js";
import type { Commit } from "../../src/objects/commit.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { buildDirectory, fifo, numberedNames } from "../helpers/arbitrary-directories.js";
import { commitOf, dirEntry, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, sendObjects } from "../helpers/store-pack.js";
import { openWorld, text } from "./world.js";

interface Watched {
  readonly remote: Remote;
  readonly commit: Commit;
  readonly id: ObjectId;
  /** The ids that were asked for, in order. */
  readonly asked: ObjectId[];
}

/** A store with the objects, whose last is a commit; and a conversation whose questions are written down. */
async function watch(t: Test, ...objects: Made[]): Promise<Watched> {
  const world = await openWorld(t);
  await sendObjects(world.store, objects);
  const remote = await world.connect();
  const id = objects.at(-1)?.id as ObjectId;
  const commit = await readCommit(remote, id);
  const asked: ObjectId[] = [];
  const get = remote.get.bind(remote);
  remote.get = (ids) => {
    asked.push(...ids);
    return get(ids);
  };
  return { remote, commit, id, asked };
}

const content = blob("content");
const deep = treeOf(fileEntry("file", content));
const middle = treeOf(dirEntry("deep", deep), fileEntry("file", content));
const other = treeOf(fileEntry("other", content));
const root = treeOf(dirEntry("middle", middle), dirEntry("other", other), fileEntry("z", content));
const all = [content, deep, middle, other, root, commitOf(root)];

t.test("along a path only the trees on the way are fetched, each once", async (t) => {
  const { remote, commit, asked } = await watch(t, ...all);
  const trees = new TreeSource(remote);
  t.strictSame(await trees.fetchPath(commit, text("")), []);
  t.strictSame(asked, []);
  const found = await trees.fetchPath(commit, text("middle/deep/file"));
  t.strictSame(
    found.map(({ kind, name }) => `${kind} ${name}`),
    ["dir middle", "dir deep", "file file"],
  );
  t.strictSame(asked, [root.id, middle.id, deep.id]);
  t.match(await trees.fetchPath(commit, text("z")), [{ kind: "file", name: "z" }]);
  t.match(await trees.fetchPath(commit, text("middle/file")), [{ kind: "dir" }, { kind: "file" }]);
  t.equal(asked.length, 3, "nothing is fetched again");
});

t.test("a path that is not there is named as far as it goes wrong", async (t) => {
  const { remote, commit } = await watch(t, ...all);
  const trees = new TreeSource(remote);
  for (const [path, wrong] of [
    ["nothing", "nothing"],
    ["nothing/at/all", "nothing"],
    ["middle/nothing/here", "middle/nothing"],
    ["middle/file/beneath", "middle/file/beneath"],
  ] as const) {
    await t.rejects(trees.fetchPath(commit, text(path)), {
      code: "NO_PATH",
      message: `no path '${wrong}' in the commit`,
    });
  }
});

t.test("the entries of a folder need its own tree alone", async (t) => {
  const { remote, asked } = await watch(t, ...all);
  const trees = new TreeSource(remote);
  const names = (await trees.fetchEntries(root.id)).map(({ name }) => name);
  t.strictSame(names, ["middle", "other", "z"]);
  t.strictSame(asked, [root.id]);
});

t.test("all trees come at once, and then none has to be asked for", async (t) => {
  const { remote, commit, id, asked } = await watch(t, ...all);
  for (const from of [id, root.id]) {
    const trees = new TreeSource(remote);
    await trees.fetchAll(from);
    for (const tree of [root, middle, deep, other]) t.ok((await trees.fetchEntries(tree.id)).length > 0);
    t.equal((await trees.fetchPath(commit, text("middle/deep/file"))).length, 3);
    t.strictSame(asked, []);
  }
});

t.test("a folder of many pages is fetched level by level, and one name needs only one page", async (t) => {
  const names = numberedNames(5000);
  const { made, root: tree } = buildDirectory(names.map(fifo));
  const parent = treeOf(dirEntry("large", tree));
  const { remote, commit, asked } = await watch(
    t,
    ...Array.from(made, ([id, bytes]) => ({ kind: "tree" as const, id, bytes })),
    parent,
    commitOf(parent),
  );
  const one = new TreeSource(remote);
  const name = names[2500] as string;
  t.match(await one.fetchPath(commit, text(`large/${name}`)), [{ kind: "dir" }, { kind: "fifo", name }]);
  t.ok(asked.length < made.size, "not every page");
  const entries = await new TreeSource(remote).fetchEntries(tree);
  t.strictSame(
    entries.map((entry) => entry.name),
    [...names].toSorted(),
  );
});

t.test("a tree that the store lacks is named", async (t) => {
  const absent = "ab".repeat(32) as ObjectId;
  const { remote } = await watch(t, ...all);
  await t.rejects(new TreeSource(remote).fetchEntries(absent), { code: "NO_OBJECT", message: new RegExp(absent) });
});

t.test("trees that a limit has left out are fetched when they are needed", async (t) => {
  const { remote, commit, id, asked } = await watch(t, ...all);
  const trees = new TreeSource(remote, { limitBytes: 1 });
  await trees.fetchAll(id);
  t.strictSame(asked, []);
  const names = [...(await trees.openFolder(commit.tree))].map(({ name }) => name);
  t.strictSame(names, ["middle", "other", "z"]);
  t.strictSame(
    [...(await trees.openFolder(deep.id))].map(({ name }) => name),
    ["file"],
  );
  t.ok(asked.length > 0);
});
