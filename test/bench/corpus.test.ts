import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { corpusNames, makeCorpus } from "../../bench/corpus/corpora.js";
import { assertSameFolder, measureFolder } from "../../bench/folder.js";

/** The names and contents of all files in a folder, in one line. */
function sumOf(folder: string): string {
  const list = "find . -type f | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 b3sum | b3sum";
  const { stdout, stderr, status } = spawnSync("sh", ["-c", list], { cwd: folder, encoding: "utf8" });
  if (status !== 0 || stderr !== "") throw new Error(`b3sum failed: ${stderr}`);
  return stdout;
}

for (const name of corpusNames) {
  t.test(`the corpus '${name}' is the same whenever it is made`, async (t) => {
    const root = t.testdir({ one: {}, other: {} });
    const one = await makeCorpus(name, join(root, "one"), 0.001);
    const other = await makeCorpus(name, join(root, "other"), 0.001);
    t.equal(sumOf(one.folder), sumOf(other.folder));
    t.ok((await measureFolder(one.folder)).files > 0);
  });
}

t.test("the image is as large as it should be, and an edit changes it and can be taken back", async (t) => {
  const { folder, edit, reset } = await makeCorpus("image", t.testdir(), 0.001);
  t.strictSame(await measureFolder(folder), { files: 1, bytes: 2e6 });
  const original = sumOf(folder);
  edit?.();
  t.not(sumOf(folder), original);
  t.ok((await measureFolder(folder)).bytes > 2e6, "bytes were inserted");
  reset();
  t.equal(sumOf(folder), original);
  reset();
  t.equal(sumOf(folder), original, "reset twice");
});

t.test("a copy of a folder is the same folder, and no other is", async (t) => {
  const source = (t: Test): string =>
    t.testdir({ kept: { "a.txt": "one", "b.txt": "two", deeper: { "c.txt": "three" } }, gone: {} });
  const changes: Record<string, (copy: string) => void> = {
    "another size": (copy) => appendFileSync(join(copy, "a.txt"), "more"),
    "another content": (copy) => rewrite(join(copy, "a.txt"), "eno"),
    "another mode": (copy) => chmodSync(join(copy, "a.txt"), 0o600),
    "another modification time": (copy) => utimesSync(join(copy, "b.txt"), 1, 2),
    "it is missing": (copy) => {
      rmSync(join(copy, "deeper/c.txt"));
      touchLike(join(copy, "deeper"), join(copy, "../kept/deeper"));
    },
    "another kind": (copy) => {
      rmSync(join(copy, "a.txt"));
      mkdirSync(join(copy, "a.txt"));
    },
    "7 paths, not 4": (copy) => {
      for (const name of ["x", "y", "z"]) writeFileSync(join(copy, "deeper", name), "");
      touchLike(join(copy, "deeper"), join(copy, "../kept/deeper"));
    },
  };
  for (const [why, change] of Object.entries(changes)) {
    await t.test(why, async (t) => {
      const root = source(t);
      const [from, copy] = [join(root, "kept"), join(root, "copy")];
      spawnSync("cp", ["-a", from, copy]);
      await assertSameFolder(from, copy, "cp");
      change(copy);
      await t.rejects(assertSameFolder(from, copy, "cp"), { message: new RegExp(why) });
    });
  }
});

/** Other bytes, as many, in a file that is as old as before. */
function rewrite(path: string, content: string): void {
  const copy = `${path}.old`;
  spawnSync("cp", ["-a", path, copy]);
  writeFileSync(path, content);
  touchLike(path, copy);
  renameSync(copy, join(path, "../../gone.old"));
  touchLike(join(path, ".."), join(path, "../../kept"));
}

function touchLike(path: string, other: string): void {
  spawnSync("touch", ["-r", other, path]);
}
