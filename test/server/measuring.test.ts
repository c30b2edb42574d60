/** How large a store's projects are, and what commits have added, beside what other programs count. */
import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, cpSync, linkSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { RemoteSizes } from "../../src/client/remote.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { decodeGrowth, decodeProjectSizes } from "../../src/protocol/size-lines.js";
import { openWorld, pathsIn, pushFolder, type StoreWorld } from "../client/world.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { testProject } from "../helpers/small-commit.js";

/** What a shell says, as a number. */
function count(folder: string, command: string): number {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const fileBytes = (folder: string): number =>
  count(folder, "find . -type f -printf '%s\\n' | awk '{ sum += $1 } END { print sum + 0 }'");
const packBytes = (store: string): number => fileBytes(join(store, "packs")) - count(join(store, "packs"), idxBytes);
const idxBytes = "find . -name '*.idx' -printf '%s\\n' | awk '{ sum += $1 } END { print sum + 0 }'";
/** Of the files in some folders, each content once. */
const uniqueBytes = (at: string): number =>
  count(
    at,
    "find . -type f -exec sha256sum {} + | sort | awk '!seen[$1]++ { print substr($0, 67) }' | tr '\\n' '\\0' | xargs -0 stat -c %s | awk '{ sum += $1 } END { print sum }'",
  );

const other = parseProjectId("other");

async function measure(world: StoreWorld, growth = 5): Promise<RemoteSizes> {
  return (await world.connect()).measure(growth, () => undefined);
}

/** A little is of no object: what ends a pack, and a member. */
const isAbout = (found: number, wanted: number): boolean => Math.abs(found - wanted) < 200 + wanted / 200;

t.test("sizes are those that others count, by project and by commit", async (t) => {
  const at = t.testdir({ source: { d: {} }, states: { mine: {}, other: {} } });
  const source = join(at, "source");
  const store = join(at, "store");
  const world = await openWorld(t, store);
  t.match(await measure(world), { projects: [], growth: [], contentBytes: 0, storedBytes: 0, isIncomplete: false });
  const commits: { id: ObjectId; stored: number }[] = [];
  let allBytes = 0;
  const push = async (change: () => void): Promise<void> => {
    change();
    const before = packBytes(store);
    const { result } = await pushFolder(world, source, { isFull: true });
    commits.push({ id: result.commit as ObjectId, stored: packBytes(store) - before });
    allBytes += fileBytes(source);
    cpSync(source, join(at, "states", "mine", `${commits.length}`), { recursive: true });
  };
  for (let file = 0; file < 300; file += 1)
    writeFileSync(join(source, "d", `${file}`), file % 3 === 0 ? "the same" : seededBytes(file, 200 + file));
  await push(() => writeFileSync(join(source, "large"), seededBytes(1, 5 << 20)));
  await push(() => writeFileSync(join(source, "text"), "a line that compresses\n".repeat(50_000)));
  await push(() => linkSync(join(source, "text"), join(source, "another name")));
  await push(() => writeFileSync(join(source, "more"), seededBytes(2, 700_000)));
  await push(() => rmSync(join(source, "large")));
  const theirs = join(at, "theirs");
  mkdirSync(theirs);
  for (const name of ["d", "text"]) cpSync(join(source, name), join(theirs, name), { recursive: true });
  appendFileSync(join(theirs, "d", "7"), "more");
  await pushFolder(world, theirs, { connect: (hello) => world.connect({ ...hello, project: other }) });
  cpSync(theirs, join(at, "states", "other", "1"), { recursive: true });

  const { signal } = new AbortController();
  const collect = (): Promise<unknown> =>
    world.store.collectGarbage({ graceMs: 0, isDryRun: false, onProgress: () => undefined, signal });
  await collect(); // what both have sent is kept twice until then
  const sizes = await measure(world, 2);
  const [mine, others] = sizes.projects;
  t.match(mine, { project: testProject, commits: 5, latestBytes: fileBytes(source), allBytes });
  t.equal(mine?.contentBytes, uniqueBytes(join(at, "states", "mine")));
  t.match(others, { project: other, commits: 1, latestBytes: fileBytes(theirs), allBytes: fileBytes(theirs) });
  t.equal(others?.contentBytes, uniqueBytes(theirs));
  t.equal(sizes.contentBytes, uniqueBytes(join(at, "states")));
  t.ok(isAbout(sizes.storedBytes, packBytes(store)), `${sizes.storedBytes} of ${packBytes(store)}`);
  const storedOfMine = commits.reduce((sum, { stored }) => sum + stored, 0);
  t.ok(isAbout(mine?.storedBytes ?? 0, storedOfMine), `${mine?.storedBytes} of ${storedOfMine}`);
  const largest = [commits[0], commits[3]];
  t.strictSame(
    sizes.growth.map(({ commit }) => commit),
    largest.map((commit) => commit?.id),
  );
  for (const [index, { storedBytes }] of sizes.growth.entries())
    t.ok(isAbout(storedBytes, largest[index]?.stored ?? 0), `${storedBytes} of ${largest[index]?.stored}`);
  t.equal(sizes.growth[1]?.contentBytes, 700_000);
  t.equal((await measure(world, 0)).growth.length, 0);
  t.equal((await measure(world, 1_000_000)).growth.length, 6);
  t.equal(sizes.isIncomplete, false);

  await (await world.connect()).forget([commits[0]?.id as ObjectId], { undo: false });
  const [while1, , while2] = await Promise.all([measure(world), collect(), measure(world)]);
  t.equal(while1.projects[0]?.commits, 4);
  t.strictSame(while2.contentBytes, while1.contentBytes, "cleaning and measuring wait for each other");
  t.equal(while1.growth.length, 5);
});

t.test("what is lost counts nowhere, and is said to be missing", async (t) => {
  const at = t.testdir({ source: { a: "1", d: { b: "22" } } });
  const source = join(at, "source");
  const first = await openWorld(t, join(at, "store"));
  await pushFolder(first, source);
  writeFileSync(join(source, "c"), seededBytes(1, 2000));
  const before = pathsIn(join(at, "store", "packs"));
  await pushFolder(first, source);
  const whole = await measure(first);
  t.equal(whole.contentBytes, 2003);
  await first.store.close();
  const packs = pathsIn(join(at, "store", "packs")).filter((path) => path.endsWith(".tar.gz"));
  for (const path of packs.filter((each) => !before.includes(each))) {
    chmodSync(join(at, "store", "packs", path), 0o600);
    truncateSync(join(at, "store", "packs", path), 30);
  }
  const second = await openWorld(t, join(at, "store"));
  const lost = await measure(second);
  t.match(lost, { isIncomplete: true, contentBytes: 3, projects: [{ commits: 2, latestBytes: 0, allBytes: 3 }] });
});

t.test("lines of sizes that are none are refused", (t) => {
  const id = "0".repeat(64);
  const sizes = ["a 1 2 3 4", "a 1 2 3 4 5 6", "a 1 2 3 4 -5", ".. 1 2 3 4 5", "a 1 2 3 4 1e3", "a 1 2 3 4 5\n"];
  for (const text of [...sizes, "a 1 2 3 4 9007199254740993"])
    t.throws(() => decodeProjectSizes(text), { code: "BAD_MESSAGE" }, text);
  for (const text of [`a ${id} 1 2`, "a x 1 2 3", `a/b ${id} 1 2 3`, `a ${id} 1 2 3 4`])
    t.throws(() => decodeGrowth(text), { code: "BAD_MESSAGE" }, text);
  t.strictSame(decodeProjectSizes(""), []);
  t.end();
});
