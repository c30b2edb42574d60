/** Names in all commits of a project, and the span of commits that each version lived in. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { findVersions } from "../../src/client/find.js";
import { matchPaths } from "../../src/client/path-pattern.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { openWorld, pushFolder, text } from "./world.js";

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
