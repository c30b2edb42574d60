/** The names of commits, and a project's history, against a real store. */
import { spawnSync } from "node:child_process";
import t, { type Test } from "tap";
import { findCommit, readCommit, readHistory, type LoggedCommit } from "../../src/client/history.js";
import type { Remote } from "../../src/client/remote.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import type { LogLine } from "../../src/protocol/log-lines.js";
import { oneFile, testProject } from "../helpers/small-commit.js";
import { sendObjects } from "../helpers/store-pack.js";
import { openWorld, type StoreWorld } from "./world.js";

/** A project of so many commits, oldest first. */
async function commitsIn(world: StoreWorld, count: number, project = testProject): Promise<ObjectId[]> {
  const made = Array.from({ length: count }, (_, index) => oneFile("text", { message: `commit ${index}`, project }));
  await sendObjects(
    world.store,
    made.flatMap(({ blob, tree, commit }) => [blob, tree, commit]),
  );
  const ids = made.map(({ commit }) => commit.id);
  for (const [index, id] of ids.entries()) await world.store.appendCommit(project, id, ids[index - 1]);
  return ids;
}

async function projectOf(t: Test, count: number): Promise<{ remote: Remote; ids: ObjectId[]; world: StoreWorld }> {
  const world = await openWorld(t);
  const ids = await commitsIn(world, count);
  return { world, ids, remote: await world.connect() };
}

/** As much of a remote as names need, with a log made by hand, newest first. */
function remoteOf(lines: LogLine[]): Remote {
  const part: Partial<Remote> = {
    head: lines[0]?.commit,
    peer: "the store",
    project: testProject,
    projects: () => Promise.resolve([]),
    log: async function* (options) {
      const { skip = 0, limit = Infinity } = options ?? {};
      yield* lines.slice(skip, skip + limit);
    },
  };
  return part as Remote;
}

const idOf = (prefix: string): ObjectId => prefix.padEnd(64, "0") as ObjectId;

async function drain(history: AsyncIterable<LoggedCommit>): Promise<LoggedCommit[]> {
  const commits: LoggedCommit[] = [];
  for await (const each of history) commits.push(each);
  return commits;
}

t.test("who may not see what was forgotten is told what is not there, and not that he may not see it", async (t) => {
  const { world, ids } = await projectOf(t, 2);
  const pusher = await world.connect({ rights: ["push"] });
  t.equal((await drain(readHistory(pusher))).length, 2);
  await world.store.forget(testProject, ids);
  await t.rejects(findCommit(pusher, "abcd"), { code: "NO_COMMIT", message: /^no commit 'abcd' in project/ });
  const later = await world.connect({ rights: ["push"] });
  await t.rejects(drain(readHistory(later)), { code: "NO_PROJECT", message: /^no project/ });
  const reader = await world.connect({ rights: ["read"] });
  await t.rejects(drain(readHistory(reader)), { code: "NO_PROJECT", message: /were forgotten/ });
  const admin = await world.connect({ rights: ["admin"] });
  await t.rejects(drain(readHistory(admin)), { code: "NO_PROJECT" });
});

t.test("a history is told from its end, with what each commit says", async (t) => {
  const { remote, ids, world } = await projectOf(t, 5);
  const history = await drain(readHistory(remote));
  t.strictSame(
    history.map(({ commit }) => commit),
    ids.toReversed(),
  );
  t.strictSame(
    history.map(({ content }) => content.message),
    [4, 3, 2, 1, 0].map((index) => `commit ${index}`),
  );
  const log = await world.store.readLog(testProject);
  t.strictSame(
    history.map(({ receivedMs }) => receivedMs),
    log.map(({ receivedMs }) => receivedMs).toReversed(),
  );
  t.equal((await drain(readHistory(remote, { limit: 2 }))).length, 2);
  t.equal((await readCommit(remote, ids[2] as ObjectId)).message, "commit 2");
});

t.test("a history that is longer than one batch comes whole and in order", async (t) => {
  const world = await openWorld(t);
  const { blob, tree, commit } = oneFile("text");
  await sendObjects(world.store, [blob, tree, commit]);
  for (let index = 0; index < 1030; index += 1)
    await world.store.appendCommit(testProject, commit.id, index === 0 ? undefined : commit.id);
  const history = await drain(readHistory(await world.connect()));
  t.equal(history.length, 1030);
  t.ok(history.every((each) => each.commit === commit.id && each.content.tree === tree.id));
});

t.test("head, and so many before it", async (t) => {
  const { remote, ids } = await projectOf(t, 4);
  for (const [name, index] of [
    ["head", 3],
    ["HEAD", 3],
    ["head~0", 3],
    ["head~1", 2],
    ["head~3", 0],
  ] as const)
    t.equal(await findCommit(remote, name), ids[index], name);
  for (const name of ["head~4", "head~999999999"])
    await t.rejects(findCommit(remote, name), { code: "NO_COMMIT", message: `no commit '${name}'` });
});

t.test("a prefix of an id, in small letters or large, if only one commit has it", async (t) => {
  const { remote, ids } = await projectOf(t, 3);
  for (const id of ids) {
    for (const length of [8, 12, 64]) t.equal(await findCommit(remote, id.slice(0, length)), id);
    t.equal(await findCommit(remote, id.slice(0, 10).toUpperCase()), id);
  }
  await t.rejects(findCommit(remote, "0".repeat(64)), { code: "NO_COMMIT" });
  const line = (prefix: string): LogLine => ({ commit: idOf(prefix), receivedMs: 1 });
  const similar = remoteOf([line("abcd1"), line("abcd2"), line("abcd1"), line("ffff")]);
  t.equal(await findCommit(similar, "abcd1"), idOf("abcd1"), "the same commit twice is one");
  t.equal(await findCommit(similar, "ffff"), idOf("ffff"));
  await t.rejects(findCommit(similar, "abcd"), {
    code: "AMBIGUOUS_COMMIT",
    message: "'abcd' is the beginning of 2 commits",
    hint: "give more digits: abcd10000000, abcd20000000",
  });
  const many = remoteOf([1, 2, 3, 4, 5].map((digit) => line(`abcd${digit}`)));
  await t.rejects(findCommit(many, "abcd"), { code: "AMBIGUOUS_COMMIT", hint: /, …$/ });
});

t.test("a moment stands for the last commit before it, in local time unless it says otherwise", async (t) => {
  const at = (local: string): number => new Date(local).getTime();
  const lines = ["2026-11-03T10:00:00", "2026-11-02T00:00:00", "2026-11-01T18:30:00", "2026-11-01T12:00:00.500"].map(
    (local, index) => ({ commit: idOf(`abc${4 - index}`), receivedMs: at(local) }),
  );
  const remote = remoteOf(lines);
  const found: [string, string][] = [
    ["@2026-11-04", "abc4"],
    ["@2026-11-03", "abc3"],
    ["@2026-11-02", "abc2"],
    ["@2026-11-02T00:00:01", "abc3"],
    ["@2026-11-01T18:30", "abc1"],
    ["@2026-11-01T18:31", "abc2"],
    ["@2026-11-01 18:31", "abc2"],
    ["@2026-11-01T12:00:00.501", "abc1"],
    [`@${new Date(at("2026-11-01T18:30:00.001")).toISOString()}`, "abc2"],
    [`@${new Date(at("2026-11-01T18:30:00")).toISOString()}`, "abc1"],
  ];
  for (const [name, prefix] of found) t.equal(await findCommit(remote, name), idOf(prefix), name);
  await t.rejects(findCommit(remote, "@2026-11-01"), { code: "NO_COMMIT", hint: /none before/ });
  await t.rejects(findCommit(remote, "@1999-01-01"), { code: "NO_COMMIT" });
  t.equal(await findCommit(remote, "@2026-11-05T00:00+14:00"), idOf("abc4"));
});

t.test("local time is that of the user's zone, in summer and in winter", async (t) => {
  const script = `
    import { findCommit } from "./src/client/history.js";
    const lines = [["b", "2026-07-01T10:30:00Z"], ["a", "2026-01-01T10:30:00Z"]].map(([digit, time]) => ({
      commit: digit.repeat(64), receivedMs: Date.parse(time) }));
    const remote = { head: lines[0].commit, log: async function* () { yield* lines; } };
    const names = ["@2026-07-01T12:30", "@2026-07-01T12:31", "@2026-01-01T11:31", "@2026-07-01T10:31Z"];
    for (const name of names) console.log((await findCommit(remote, name)).slice(0, 1));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, "--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, TZ: "Europe/Berlin" },
    cwd: new URL("../..", import.meta.url),
  });
  t.equal(stdout, "a\nb\na\nb\n", stderr);
});

t.test("what is no name of a commit is refused before the store is asked", async (t) => {
  const remote = { head: undefined } as Remote;
  const bad = ["", "abc", "HEAD^", "head~", "head~-1", "head~1234567890", "xyzw", "12345g", "a".repeat(65), "latest"];
  for (const name of bad) await t.rejects(findCommit(remote, name), { code: "BAD_COMMIT_NAME" }, `'${name}'`);
  const dates = [
    "@",
    "@yesterday",
    "@2026",
    "@2026-11",
    "@2026-13-01",
    "@2026-02-29",
    "@2026-11-31",
    "@2026-11-01T25:00",
  ];
  for (const name of [...dates, "@2026-11-01T12", "@2026-11-01T12:61", "@20261101", "@2026-11-01T12:00 Z"])
    await t.rejects(findCommit(remote, name), { code: "BAD_COMMIT_NAME", message: /not a date/ }, name);
});

t.test("a project without commits is no project, and the others are named", async (t) => {
  const world = await openWorld(t);
  await t.rejects(findCommit(await world.connect(), "head"), { code: "NO_PROJECT", hint: /none yet .* push/ });
  await t.rejects(drain(readHistory(await world.connect())), { code: "NO_PROJECT" });
  const names = ["a", "b", "c", "d", "e"].map((name) => parseProjectId(name));
  for (const name of names) await commitsIn(world, 1, name);
  const remote = await world.connect();
  await t.rejects(findCommit(remote, "head"), {
    code: "NO_PROJECT",
    message: "no project 'laptop' in 'the store'",
    hint: "it has: a, b, c, d, e; choose with --project",
  });
  await commitsIn(world, 1, parseProjectId("f"));
  await t.rejects(findCommit(remote, "abcd"), {
    code: "NO_PROJECT",
    hint: "it has: a, b, c, d, e, …; choose with --project",
  });
});
