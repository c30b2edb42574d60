/** Tags that are changed afterwards: another commit takes the old one's place, and nothing else does. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readHistory, type LoggedCommit } from "../../src/client/history.js";
import { assertTags, changeTags, tagCommits } from "../../src/client/tag.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { BakUser } from "../helpers/bak-process.js";
import { openWorld, pushFolder, type StoreWorld } from "./world.js";

interface Pushed {
  readonly world: StoreWorld;
  readonly folder: string;
  /** Oldest first. */
  readonly commits: readonly ObjectId[];
}

async function pushThree(t: Test): Promise<Pushed> {
  const root = t.testdir({ store: {}, folder: {} });
  const world = await openWorld(t, join(root, "store"));
  const folder = join(root, "folder");
  const commits: ObjectId[] = [];
  for (const name of ["a", "b", "c"]) {
    writeFileSync(join(folder, name), name);
    const { result } = await pushFolder(world, folder, { tags: ["old", name] });
    commits.push(result.commit as ObjectId);
  }
  return { world, folder, commits };
}

/** Oldest first. */
async function historyOf(world: StoreWorld): Promise<LoggedCommit[]> {
  const history: LoggedCommit[] = [];
  for await (const commit of readHistory(await world.connect())) history.unshift(commit);
  return history;
}

t.test("a commit with other tags stands where the old one stood", async (t) => {
  const { world, folder, commits } = await pushThree(t);
  const before = await historyOf(world);
  const remote = await world.connect();
  const { packs } = await remote.stats();
  const tagged = await tagCommits(remote, ["head~1", "head", "head"], { add: ["new"], remove: ["old", "none"] });
  t.equal((await remote.stats()).packs, packs + 1, "both came together");
  t.same(
    tagged.map(({ before: id, tags }) => ({ id, tags })),
    [
      { id: commits[1], tags: ["b", "new"] },
      { id: commits[2], tags: ["c", "new"] },
    ],
  );
  const after = await historyOf(world);
  t.same(
    after.map(({ commit }) => commit),
    [commits[0], tagged[0]?.after, tagged[1]?.after],
  );
  t.same(
    after.map(({ receivedMs }) => receivedMs),
    before.map(({ receivedMs }) => receivedMs),
  );
  for (const [at, { content }] of after.entries())
    t.same({ ...content, tags: [] }, { ...before[at]?.content, tags: [] });
  t.match((await pushFolder(world, folder)).result, { isUpToDate: true }, "the folder is still what the head says");
  writeFileSync(join(folder, "d"), "d");
  t.match((await pushFolder(world, folder)).result, { isUpToDate: false, counts: { added: 1, changed: 0 } });
});

t.test("what is so already stays as it is", async (t) => {
  const { world, commits } = await pushThree(t);
  const tagged = await tagCommits(await world.connect(), ["head"], { add: ["c"], remove: [] });
  t.same(tagged, [{ before: commits[2], after: commits[2], tags: ["c", "old"] }]);
  t.same((await historyOf(world)).length, 3);
});

t.test(
  "only a commit that differs in its tags alone is taken, and only in the place of one that is there",
  async (t) => {
    const { world, commits } = await pushThree(t);
    const [one, two, three] = commits as [ObjectId, ObjectId, ObjectId];
    const remote = await world.connect();
    await t.rejects(remote.replace(one, two), { code: "PROTOCOL", message: /more than its tags/ });
    await t.rejects(remote.replace(one, "ab".repeat(32) as ObjectId), { code: "INCOMPLETE_COMMIT" });
    await t.rejects(remote.replace("ab".repeat(32) as ObjectId, one), { code: "NO_OBJECT" });
    await remote.forget([three], { undo: false });
    t.equal(await remote.replace(three, three), false, "it is not in the log");
    const other = await world.connect({ project: "other" as never });
    await t.rejects(other.replace(one, one), { code: "PROTOCOL" }, "it is of another project");
    t.same(
      (await historyOf(world)).map(({ commit }) => commit),
      [one, two],
    );
  },
);

t.test("tags are set, then taken away, then added", (t) => {
  t.same(changeTags(["a", "b"], { add: [], remove: [] }), ["a", "b"]);
  t.same(changeTags(["a", "b"], { set: ["d", "c"], add: ["b"], remove: ["d"] }), ["b", "c"]);
  t.same(changeTags(["a"], { set: [], add: [], remove: [] }), []);
  t.throws(() => assertTags(Array.from({ length: 257 }, (_, number) => `${number}`)), { code: "USAGE" });
  for (const tag of ["", "x".repeat(257), "two\nlines", "\u001b[31m"])
    t.throws(() => assertTags([tag]), { code: "USAGE" });
  t.end();
});

t.test("bak tag", async (t) => {
  const user = new BakUser(t, t.testdir({ folder: { file: "x" } }));
  const store = ["-s", join(user.home, "store"), "-p", "x"];
  mkdirSync(join(user.home, "store"));
  await user.run(["push", join(user.home, "folder"), ...store, "-t", "first"]);
  const { code, stdout } = await user.run(["tag", "--add", "zweite", "--add", "é", ...store]);
  t.equal(code, 0);
  t.match(stdout, /^[0-9a-f]{12} is now [0-9a-f]{12} {2}\[first\] {2}\[zweite\] {2}\[é\]\nchanged 1 commit of 'x'\n$/);
  t.match((await user.run(["log", ...store])).stdout, /\[first\] \[zweite\] \[é\]/);
  t.match(await user.run(["tag", ...store]), { code: 2, stderr: /nothing says what tags/ });
  t.match(await user.run(["tag", "head~5", "--set", "", ...store]), { code: 1, stderr: /head~5/ });
});
