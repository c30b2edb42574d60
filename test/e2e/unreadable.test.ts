/** Files and folders that cannot be read: each is named and counted, the rest is kept, and the store is not blamed. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { join, relative } from "node:path";
import t from "tap";
import { BakUser, differences, type Finished, type PushAnswer } from "../helpers/bak-process.js";
import { seededBytes, seededNumbers } from "../helpers/arbitrary-bytes.js";
import { within } from "../helpers/deadline.js";

/** Files of the kernel, of which some answer every read with EIO or EINVAL. */
const kernelFolder = "/sys/class/net/lo/";

/** Paths in a folder that fail to be read, whoever asks; links are not followed. */
function failing(folder: string): string[] {
  const found = spawnSync("find", [".", "-type", "f"], { cwd: folder, encoding: "utf8" });
  if (found.status !== 0) return [];
  const paths = found.stdout.trimEnd().split("\n");
  return paths.filter((path) => !isReadable(join(folder, path))).map((path) => relative(".", path));
}

function isReadable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

const expected = failing(kernelFolder);

t.test(
  "files that the disk does not give are named and left out, and the others are kept",
  { skip: expected.length === 0 && "this kernel has no such files" },
  async (t) => {
    const user = new BakUser(t, t.testdir());
    const server = await user.serve(join(user.home, "store"));
    const pushed = await user.run(["push", kernelFolder, "-s", server.url, "-p", "x", "--json"]);
    t.equal(pushed.code, 3);
    const answer = JSON.parse(pushed.stdout) as PushAnswer;
    t.strictSame(answer.unreadable.map(({ path }) => path).toSorted(), expected.toSorted());
    for (const { path, why } of answer.unreadable) {
      t.ok(pushed.stderr.includes(`bak: cannot read '${path}': ${why}\n`));
      t.match(why, /^[a-z][^:]*$/, "words, and not the name of an error");
    }
    t.match(pushed.stderr, new RegExp(`bak: ${expected.length} paths? could not be read\n$`));
    t.ok(answer.counts.files > 20, `${answer.counts.files} files`);
    t.notMatch(pushed.stderr, /lost the connection|store/);
  },
);

/** What may come in the place of something. */
const others: ((path: string) => void)[] = [
  (path) => writeFileSync(path, "a file"),
  (path) => mkdirSync(path),
  (path) => symlinkSync("/etc", path),
  () => undefined,
];

/** Replaces files and folders by other things, and back again, until the work has ended; how often. */
async function shuffleDuring(folder: string, work: Promise<Finished>): Promise<number> {
  const over = work.then(() => true);
  const next = seededNumbers(3);
  const names = readdirSync(folder);
  let changes = 0;
  for (; !(await Promise.race([over, nextTurn(false)])); changes += 1) {
    const path = join(folder, names[next() % names.length] as string);
    renameSync(path, `${folder}-aside`);
    others[next() % others.length]?.(path);
    await nextTurn();
    rmSync(path, { recursive: true, force: true });
    renameSync(`${folder}-aside`, path);
  }
  return changes;
}

t.test(
  "whatever takes the place of files and folders while they are read, the push ends well, or names them",
  async (t) => {
    const user = new BakUser(t, t.testdir({ source: {} }));
    const source = join(user.home, "source");
    for (let folder = 0; folder < 20; folder += 1) {
      mkdirSync(join(source, `d${folder}`));
      for (let file = 0; file < 100; file += 1)
        writeFileSync(join(source, `d${folder}`, `f${file}`), seededBytes(file, 3000));
      writeFileSync(join(source, `file ${folder}`), seededBytes(folder, folder < 3 ? 3 << 20 : 20_000));
    }
    const server = await user.serve(join(user.home, "store"));
    for (let round = 0; round < 4; round += 1) {
      const push = user.run(["push", source, "--full", "-s", server.url, "-p", "x", "--json"]);
      const changes = await within(60_000, "the push", shuffleDuring(source, push));
      const { code, stdout, stderr } = await push;
      t.ok(changes > 5, `${changes} changes`);
      const { unreadable } = JSON.parse(stdout) as PushAnswer;
      t.equal(code, unreadable.length > 0 ? 3 : 0, stderr);
      t.notMatch(stderr, /lost the connection|lost\b.*reading everything/);
      for (const { path } of unreadable) t.ok(relative(source, join(source, path)) === path, path);
    }
    t.match(await user.json<PushAnswer>(["push", source, "-s", server.url, "-p", "x"]), { unreadable: [] });
    const copy = join(user.home, "copy");
    t.equal((await user.run(["restore", "--to", copy, "-s", server.url, "-p", "x"])).code, 0);
    t.equal(differences(source, copy), "");
  },
);
