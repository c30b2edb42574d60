/**
 * A store is what docs/format.md says: GNU tar and b3sum read its packs, and a reader that was written from that page alone
 * gets everything back. Nothing of bak's is used here to read what bak wrote.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, lutimesSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t from "tap";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { projectFolder } from "../helpers/project.js";

const bak = fileURLToPath(new URL("bin/run.js", projectFolder));
const reader = fileURLToPath(new URL("test/format/read_store.py", projectFolder));
const project = "format-test";

/** Runs a program to its end; stdout, or an error that has all it said. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const options = { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer: 64 << 20 } as const;
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit code ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** A folder with something of every kind that a store keeps and that needs no rights to make. */
function makeSource(folder: string): void {
  mkdirSync(join(folder, "a/b/c/d"), { recursive: true });
  mkdirSync(join(folder, "empty"));
  mkdirSync(join(folder, "many"));
  writeFileSync(join(folder, "empty-file"), "");
  writeFileSync(join(folder, "a/b/c/d/deep"), "deep\n");
  writeFileSync(join(folder, "exactly-1-mib"), seededBytes(1, 1 << 20));
  const text = Buffer.from("all work and no play makes a dull backup\n".repeat(52_429));
  writeFileSync(join(folder, "large"), Buffer.concat([seededBytes(2, 3 << 20), text, seededBytes(3, 1 << 20)]));
  for (let number = 0; number < 2000; number += 1) writeFileSync(join(folder, `many/IMG_${number}.jpg`), `${number}`);
  const odd = ["not UTF-8 \xff\xfe", "latin1 \xe9", "ends in newline\n", "*", "-rf", "\\", " "];
  for (const name of odd) writeFileSync(Buffer.from(join(folder, name), "latin1"), name);
  symlinkSync("a/b", join(folder, "link"));
  symlinkSync(Buffer.from("nowhere \xff", "latin1"), join(folder, "dangling"));
  for (const mode of [0o000, 0o400, 0o1644, 0o4755, 0o2755, 0o777]) {
    writeFileSync(join(folder, `mode-${mode.toString(8)}`), `${mode}`);
    chmodSync(join(folder, `mode-${mode.toString(8)}`), mode);
  }
  if (process.getuid?.() !== 0) chmodSync(join(folder, "mode-0"), 0o400);
  chmodSync(join(folder, "a/b"), 0o1770);
  utimesSync(join(folder, "a/b/c/d/deep"), -1.5, -86_400.25);
  utimesSync(join(folder, "empty"), 1e9, 4_294_967_296.125);
  lutimesSync(join(folder, "link"), 1e9, 1e9 + 0.5);
}

const home = t.testdir({ source: {}, extracted: {} });
const source = join(home, "source");
const store = join(home, "store");

const push = (): string => {
  const env = { XDG_CACHE_HOME: join(home, "cache"), XDG_DATA_HOME: join(home, "data") };
  return run(process.execPath, [bak, "push", source, "-s", store, "-p", project], env);
};

const packs = (): string[] =>
  readdirSync(join(store, "packs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tar.gz"))
    .map((name) => join(store, "packs", name));

makeSource(source);
t.match(push(), /2,\d{3} added, 0 changed, 0 removed/, "the first push");
writeFileSync(join(source, "many/IMG_1000.jpg"), "another");
writeFileSync(join(source, "many/IMG_1000b.jpg"), "one more");
t.match(push(), /1 added, 1 changed, 0 removed/, "the second push");
t.ok(packs().length >= 2, "two packs at least");

t.test("every file that GNU tar extracts has the hash that is its name", async (t) => {
  const extracted = join(home, "extracted");
  for (const pack of packs()) run("tar", ["xzf", pack, "-C", extracted]);
  const kinds = readdirSync(extracted).toSorted();
  t.same(kinds, ["blob", "commit", "list", "tree"], "objects of all kinds were written");
  const wrong: string[] = [];
  let count = 0;
  for (const kind of kinds) {
    const names = readdirSync(join(extracted, kind));
    const sums = run("b3sum", ["--no-names", ...names.map((name) => join(extracted, kind, name))])
      .trimEnd()
      .split("\n");
    count += names.length;
    wrong.push(...names.filter((name, index) => sums[index] !== name));
  }
  t.same(wrong, []);
  t.ok(count > 2000, "of thousands of objects");
});

t.test("a reader written from docs/format.md gets everything back", async (t) => {
  const target = join(home, "restored");
  run("/usr/bin/python3", [reader, "restore", store, project, target]);
  const difference = ["-rlptnic", "--delete", "--modify-window=-1"];
  t.equal(run("rsync", [...difference, `${source}/`, `${target}/`]), "", "rsync finds no difference");
  t.equal(run("rsync", [...difference, `${target}/`, `${source}/`]), "", "nor the other way");
  writeFileSync(join(target, "empty-file"), "x");
  t.match(run("rsync", [...difference, `${source}/`, `${target}/`]), /empty-file/, "where there is one, it does");
});

t.test("through the indexes it finds what tar finds", async (t) => {
  t.match(run("/usr/bin/python3", [reader, "compare", store]), /^\d{4,} objects$/m);
});

t.test("its rules for writers give the same trees and lists", async (t) => {
  t.match(run("/usr/bin/python3", [reader, "rewrite", store, project]), /^([2-9]|\d\d+) pages, [1-9]\d* lists$/m);
});
