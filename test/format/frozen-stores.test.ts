/** Stores of every version of the format, made by the bak of their time, are read by the bak of today. */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { projectFolder } from "../helpers/project.js";

const bak = fileURLToPath(new URL("bin/run.js", projectFolder));
const reader = fileURLToPath(new URL("test/format/read_store.py", projectFolder));
const fixtures = fileURLToPath(new URL("test/fixtures/stores", projectFolder));
const cache = t.testdir({});
const project = "laptop-docs";
/** Of every file in the frozen stores. */
const owner = 1000;

/** Runs a program to its end; the bytes of its stdout, or an error that has all it said. */
function run(program: string, args: readonly string[], cwd = "/"): Buffer {
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, maxBuffer: 64 << 20 });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${program} ${args.join(" ")}: exit code ${status}\n${String(stdout)}${String(stderr)}`);
  return stdout;
}

for (const version of ["v1", "v2"]) {
  t.test(`a store of format ${version}`, async (t) => {
    const frozen = join(fixtures, version);
    const home = t.testdir({});
    const store = join(home, "store");
    cpSync(join(frozen, "store"), store, { recursive: true });
    const runBak = (...args: string[]): Buffer => run(process.execPath, [bak, ...args, "-s", store, "-p", project]);

    const assertRestored = (t: Test, folder: string, commit: number, by: "bak" | "reader" = "bak"): void => {
      const sums = join(frozen, `${commit}.b3sum`);
      t.doesNotThrow(() => run("b3sum", ["--check", "--quiet", sums], folder), "every file has its content");
      // what ran as its owner does not run as us instead; only root can give it to its owner
      const isKept = by === "reader" || [0, owner].includes(process.getuid?.() ?? -1);
      const asOurs = (line: string): string => (isKept ? line : line.replace(/^f 4/, "f "));
      const expected = readFileSync(join(frozen, `${commit}.list`), "latin1")
        .split("\n")
        .map(asOurs)
        .toSorted();
      const found = run(join(fixtures, "list.sh"), [folder]).toString("latin1").split("\n").toSorted();
      t.same(found, expected, "the same names, with their kinds, modes, mtimes, sizes and targets");
      t.ok(found.length > 1100, "of more than a thousand names");
    };

    t.test("its first commit is restored", async (t) => {
      runBak("restore", "head~1", "--to", join(home, "first"));
      assertRestored(t, join(home, "first"), 1);
    });

    t.test("its second commit is restored", async (t) => {
      runBak("restore", "head", "--to", join(home, "second"));
      assertRestored(t, join(home, "second"), 2);
    });

    t.test("its history is as it was", async (t) => {
      const log = JSON.parse(runBak("log", "--json").toString()) as { message: string; tags: string[] }[];
      t.match(log, [
        { message: "the second", tags: [], host: "laptop", user: "user", counts: { added: 4, changed: 2, removed: 4 } },
        { message: "the first", tags: ["keep", "naïve"], counts: { files: 1108, dirs: 4, added: 1112 } },
      ]);
      const entries = JSON.parse(runBak("ls", "--json").toString()) as { path: string; kind: string }[];
      t.equal(entries.find(({ path }) => path === "pipe")?.kind, "fifo", "with what a restore leaves out");
    });

    t.test("the reader written from docs/format.md gets the second commit back", async (t) => {
      run("/usr/bin/python3", [reader, "restore", store, project, join(home, "by-reader")]);
      assertRestored(t, join(home, "by-reader"), 2, "reader");
      t.match(run("/usr/bin/python3", [reader, "compare", store]).toString(), /^\d+ objects$/m);
    });

    t.test("it takes a new commit", async (t) => {
      const folder = t.testdir({ new: "a file that came later\n" });
      writeFileSync(join(folder, "hello"), "hello\n");
      const config = readFileSync(join(store, "config.json"), "utf8");
      t.match(runBak("push", folder).toString(), /is the head of 'laptop-docs': 2 files/);
      t.equal(readFileSync(join(store, "config.json"), "utf8"), config, "which leaves it in its format");
      runBak("restore", "head~2", "--to", join(home, "later"));
      assertRestored(t, join(home, "later"), 1);
    });
  });
}
