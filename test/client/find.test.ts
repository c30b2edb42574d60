/** Names in all commits of a project, and the span of commits that each version lived in. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { findVersions } from "../../src/client/find.js";
import { readHistory } from "../../src/client/history.js";
import { matchPaths } from "../../src/client/path-pattern.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { encodeTree } from "../../src/objects/tree.js";
import { commitOf, dirEntry, fileEntry, testProject, treeOf, type Made } from "../helpers/small-commit.js";
import { blob, object, sendObjects } from "../helpers/store-pack.js";
import { openWorld, pushFolder, text, type StoreWorld } from "./world.js";

t.test("each version is found once, with the first and the last commit that have it", async (t) => {
  const at = t.testdir({ source: { a: "1", d: { a: "x", b: "y" } } });
  const source = join(at, "source");
  const world = await openWorld(t, join(at, "store"));
  const commits: ObjectId[] = [];
  const push = async (change: () => void): Promise<void> => {
    change();
    const { result } = await pushFolder(world, source, { isFull: true, isEmptyAllowed: true });
    commits.push(result.commit as ObjectId);
  };
  await push(() => undefined);
  await push(() => writeFileSync(join(source, "a"), "2"));
  await push(() => undefined);
  await push(() => rmSync(join(source, "a")));
  await push(() => writeFileSync(join(source, "a"), "2"));
  await push(() => renameSync(join(source, "d"), join(source, "e")));
  await push(() => (rmSync(join(source, "a")), mkdirSync(join(source, "a"))));
  const find = async (...patterns: string[]): Promise<string[]> => {
    const found: string[] = [];
    const remote = await world.connect();
    for await (const { path, entry, first, last, commits: count } of findVersions(
      remote,
      matchPaths(patterns, { isCaseIgnored: false }),
      (path) => t.fail(`lost ${path}`),
    )) {
      const at = [first, last].map(({ commit }) => commits.indexOf(commit));
      found.push(`${entry.kind} ${path} ${at.join("-")} ${count}`);
    }
    return found.toSorted();
  };
  t.strictSame(await find("a"), [
    "dir a 6-6 1",
    "file a 0-0 1",
    "file a 1-2 2",
    "file a 4-5 2",
    "file d/a 0-4 5",
    "file e/a 5-6 2",
  ]);
  t.strictSame(await find("d/*", "e"), ["dir e 5-6 2", "file d/a 0-4 5", "file d/b 0-4 5"]);
  t.strictSame(await find("nowhere"), []);
});

/** Writes over a part of a pack. */
function spoil({ folder }: StoreWorld, pack: string): void {
  const path = join(folder, "packs", pack.slice(0, 2), `${pack}.tar.gz`);
  const bytes = readFileSync(path);
  bytes.fill(0x55, 20, 40);
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

t.test("what the store has lost of folders is named once, and all else is found", async (t) => {
  const content = blob("content");
  const file = (name: string) => fileEntry(name, content);
  const same = treeOf(file("x"));
  const lost = treeOf(file("x"), file("y"));
  const later = treeOf(file("x"), file("z"));
  const pages = [treeOf(file("b")), treeOf(file("x"))];
  const names = pages.map(({ id }, index) => ({ id, firstName: text(index === 0 ? "b" : "x") }));
  const paged = object("tree", encodeTree({ level: 1, pages: names }));
  const roots = [
    treeOf(dirEntry("d", same), dirEntry("same", same)),
    treeOf(dirEntry("d", lost), dirEntry("paged", paged), dirEntry("same", same)),
    treeOf(dirEntry("d", lost), dirEntry("e", same), dirEntry("paged", paged), dirEntry("same", same)),
    treeOf(dirEntry("d", later), dirEntry("same", same)),
  ];
  const commits: Made[] = [];
  for (const root of roots) commits.push(commitOf(root, { parent: commits.at(-1)?.id }));
  const at = t.testdir();
  const world = await openWorld(t, join(at, "store"));
  const all = [content, same, lost, later, ...pages, paged, ...roots, ...commits];
  const packs = new Map<Made, string>();
  for (const each of all) packs.set(each, (await sendObjects(world.store, [each])).pack);
  for (const [index, { id }] of commits.entries())
    await world.store.appendCommit(testProject, id, commits[index - 1]?.id);
  for (const each of [lost, pages[0] as Made]) spoil(world, packs.get(each) as string);
  const told: string[] = [];
  const found: string[] = [];
  const which = (id: ObjectId): number => commits.findIndex((commit) => commit.id === id);
  const onLost = (path: string | undefined, commit: ObjectId): void => void told.push(`${path} ${which(commit)}`);
  const matches = matchPaths(["x", "z"], { isCaseIgnored: false });
  for await (const { path, first, last, commits: count } of findVersions(await world.connect(), matches, onLost))
    found.push(`${path} ${which(first.commit)}-${which(last.commit)} ${count}`);
  t.strictSame(told, ["d 2", "paged 2"]);
  t.strictSame(found.toSorted(), ["d/x 0-0 1", "d/x 3-3 1", "d/z 3-3 1", "e/x 2-2 1", "paged/x 1-2 2", "same/x 0-3 4"]);
});

t.test("a commit that the store has lost is named, and the others are looked into", async (t) => {
  const content = blob("content");
  const roots = [treeOf(fileEntry("x", content)), treeOf(fileEntry("y", content)), treeOf(fileEntry("x", content))];
  const commits: Made[] = [];
  for (const root of roots) commits.push(commitOf(root, { parent: commits.at(-1)?.id }));
  const world = await openWorld(t);
  await sendObjects(world.store, [content, ...roots]);
  for (const [index, commit] of commits.entries()) {
    const { pack } = await sendObjects(world.store, [commit]);
    await world.store.appendCommit(testProject, commit.id, commits[index - 1]?.id);
    if (index === 1) spoil(world, pack);
  }
  const which = (id: ObjectId): number => commits.findIndex((commit) => commit.id === id);
  for (const rights of [undefined, ["read" as const]]) {
    const remote = await world.connect(rights && { rights });
    const told: string[] = [];
    const found: string[] = [];
    const onLost = (path: string | undefined, id: ObjectId): void => void told.push(`${path} ${which(id)}`);
    const matches = matchPaths(["x", "y"], { isCaseIgnored: false });
    for await (const { path, first, last, commits: count } of findVersions(remote, matches, onLost))
      found.push(`${path} ${which(first.commit)}-${which(last.commit)} ${count}`);
    t.strictSame(told, ["undefined 1"]);
    t.strictSame(found, ["x 0-2 2"]);
    await t.rejects(
      readHistory(remote).next(),
      { code: /NO_OBJECT|BAD_PACK|STORE_DAMAGED/ },
      "unless that is not to be passed over",
    );
  }
});

t.test("patterns are those of a shell, of names or of paths", (t) => {
  const matching = (pattern: string, paths: string[], isCaseIgnored = false): string[] =>
    paths.filter((path) => matchPaths([pattern], { isCaseIgnored })(text(path)));
  const paths = ["a.txt", "b/a.txt", "b/c/a.txt", "A.TXT", "b/[x]", "ü", "b/c", "a+txt", "a\ntxt"];
  t.strictSame(matching("a.txt", paths), ["a.txt", "b/a.txt", "b/c/a.txt"]);
  t.strictSame(matching("b/*", paths), ["b/a.txt", "b/[x]", "b/c"]);
  t.strictSame(matching("/a.txt", paths), ["a.txt"]);
  t.strictSame(matching("b/**", paths), ["b/a.txt", "b/c/a.txt", "b/[x]", "b/c"]);
  t.strictSame(matching("**/a.txt", paths), ["a.txt", "b/a.txt", "b/c/a.txt"]);
  t.strictSame(matching("b/**/a.txt", paths), ["b/a.txt", "b/c/a.txt"]);
  t.strictSame(matching("?", paths), ["ü", "b/c"], "a char, not a byte");
  t.strictSame(matching("a?txt", paths), ["a.txt", "b/a.txt", "b/c/a.txt", "a+txt", "a\ntxt"]);
  t.strictSame(matching("[a-b].txt", paths), ["a.txt", "b/a.txt", "b/c/a.txt"]);
  t.strictSame(matching("[!b-z].txt", paths), ["a.txt", "b/a.txt", "b/c/a.txt"]);
  t.strictSame(matching("\\[x]", paths), ["b/[x]"]);
  t.strictSame(matching("[[]x[]]", paths), ["b/[x]"]);
  t.strictSame(matching("a.TXT", paths, true), ["a.txt", "b/a.txt", "b/c/a.txt", "A.TXT"]);
  t.strictSame(matching("Ü", paths, true), ["ü"]);
  t.ok(matchPaths(["\u00e9*"], { isCaseIgnored: false })("\xe9t\xe9" as never), "a name that is not UTF-8");
  t.throws(() => matchPaths(["[z-a]"], { isCaseIgnored: false }), { code: "USAGE", message: "not a pattern: '[z-a]'" });
  t.end();
});
