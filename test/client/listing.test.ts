/** What a commit has at a path. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { listEntries } from "../../src/client/listing.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { addNamesOfBytes } from "../helpers/sample-folder.js";
import { openWorld, pathsIn, pushFolder, text } from "./world.js";

/** Lists paths of a commit that has been made of the folder. */
async function lister(t: Test, source: string): Promise<(path: string, isRecursive?: boolean) => Promise<string[]>> {
  const world = await openWorld(t, `${source}.store`);
  const { result } = await pushFolder(world, source);
  const remote = await world.connect();
  const commit = await readCommit(remote, result.commit as ObjectId);
  return async (path, isRecursive = false) => {
    const listed: string[] = [];
    for await (const each of listEntries(remote, commit, { path: text(path), isRecursive })) {
      listed.push(`${each.entry.kind} ${each.path}`);
    }
    return listed;
  };
}

t.test("a folder is listed in byte order, of any other entry itself", async (t) => {
  const at = t.testdir({ source: { b: "1", B: "2", d: { x: "3", e: { y: "4" } }, "d.txt": "5", empty: {} } });
  const source = join(at, "source");
  symlinkSync("d", join(source, "link"));
  const list = await lister(t, source);
  t.strictSame(await list(""), ["file B", "file b", "dir d", "file d.txt", "dir empty", "symlink link"]);
  t.strictSame(await list("d"), ["dir d/e", "file d/x"]);
  t.strictSame(await list("d/e"), ["file d/e/y"]);
  t.strictSame(await list("d/e/y"), ["file d/e/y"]);
  t.strictSame(await list("d/e/y", true), ["file d/e/y"]);
  t.strictSame(await list("link", true), ["symlink link"], "a link is not followed");
  t.strictSame(await list("empty"), []);
  t.strictSame(await list("empty", true), []);
});

t.test("all beneath a folder is listed, each folder before what is in it", async (t) => {
  const at = t.testdir({ source: { d: { x: "1", e: { y: "2" } }, "d.txt": "3", a: "4" } });
  const list = await lister(t, join(at, "source"));
  t.strictSame(await list("", true), ["file a", "dir d", "dir d/e", "file d/e/y", "file d/x", "file d.txt"]);
  t.strictSame(await list("d", true), ["dir d/e", "file d/e/y", "file d/x"]);
});

t.test("a path that the commit lacks is named", async (t) => {
  const at = t.testdir({ source: { d: { x: "1" } } });
  const list = await lister(t, join(at, "source"));
  for (const path of ["missing", "d/missing", "d/x/beneath"]) {
    await t.rejects(list(path), { code: "NO_PATH", message: `no path '${path}' in the commit` });
    await t.rejects(list(path, true), { code: "NO_PATH" });
  }
});

t.test("names that are not UTF-8, and folders of many names, are listed", async (t) => {
  const source = join(t.testdir({ source: {} }), "source");
  addNamesOfBytes(source);
  mkdirSync(join(source, "many"));
  for (let index = 0; index < 1500; index += 1) symlinkSync("x", join(source, "many", `link-${index}`));
  writeFileSync(join(source, "many", "last"), "");
  const list = await lister(t, source);
  t.strictSame(await list(""), ["file a\x80", "dir many", "file \xe9t\xe9", "symlink \xfd", "file \xff\xfe"]);
  const names = pathsIn(join(source, "many"));
  t.strictSame((await list("many")).map((line) => line.replace(/^\w+ many\//, "")).toSorted(), names);
  t.equal((await list("", true)).length, names.length + 5);
  t.strictSame(await list("many/link-1499"), ["symlink many/link-1499"]);
});
