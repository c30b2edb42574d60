/** What the client asks a store to forget, and what is left to it afterwards. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { planForget, planForgetNamed, planUndo } from "../../src/client/forget.js";
import { findCommit, readHistory } from "../../src/client/history.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { testProject } from "../helpers/small-commit.js";
import { openWorld, pushFolder, type StoreWorld } from "./world.js";

interface Pushes {
  readonly world: StoreWorld;
  readonly folder: string;
  /** Oldest first. */
  readonly commits: readonly ObjectId[];
}

/** A folder that was pushed several times, with one more file each time; its first commit has the tags `a` and `b`. */
async function pushes(t: Test, count: number): Promise<Pushes> {
  const root = t.testdir({ store: {}, folder: {} });
  const world = await openWorld(t, join(root, "store"));
  const folder = join(root, "folder");
  const commits: ObjectId[] = [];
  for (let index = 0; index < count; index += 1) {
    writeFileSync(join(folder, `file-${index}`), `content ${index}`);
    const { result } = await pushFolder(world, folder, { tags: index === 0 ? ["a", "b"] : [] });
    commits.push(result.commit as ObjectId);
  }
  return { world, folder, commits };
}

t.test("a policy judges the commits of the store", async (t) => {
  const { world, commits } = await pushes(t, 3);
  const remote = await world.connect();
  const kept = async (policy: Parameters<typeof planForget>[1]): Promise<ObjectId[]> => {
    const judged = await planForget(remote, policy);
    t.strictSame(
      judged.map(({ line }) => line.commit),
      commits.toReversed(),
    );
    return judged.filter(({ reasons }) => reasons.length > 0).map(({ line }) => line.commit);
  };
  t.strictSame(await kept({ last: 2 }), [commits[2], commits[1]]);
  t.strictSame(await kept({ last: 1, tags: [["b", "a"]] }), [commits[2], commits[0]]);
  t.strictSame(await kept({ last: 0 }), [], "all go if that is said");
  const nothing = planForget(remote, { tags: [["typo"]] });
  await t.rejects(nothing, { code: "USAGE", message: /would keep no commit/, hint: /--keep-last 0/ });
  await t.rejects(planForget(await world.connect({ project: "other" as typeof testProject }), { last: 1 }), {
    code: "NO_PROJECT",
  });
});

t.test("commits are named as for a restore, and forgotten ones by their ids", async (t) => {
  const { world, commits } = await pushes(t, 4);
  const [one, two, , four] = commits as [ObjectId, ObjectId, ObjectId, ObjectId];
  const remote = await world.connect();
  const named = await planForgetNamed(remote, ["head", "head~2", two.slice(0, 20)]);
  t.strictSame(
    named.map(({ line }) => line.commit),
    [four, two],
  );
  await t.rejects(planForgetNamed(remote, ["head", "head~9"]), { code: "NO_COMMIT" });
  t.equal(await remote.forget([four, two, one], { undo: false }), 3);

  const back = async (...names: string[]): Promise<ObjectId[]> =>
    (await planUndo(remote, names)).map(({ commit }) => commit);
  t.strictSame(await back(), [four, two, one]);
  t.strictSame(await back(two.slice(0, 20), two), [two]);
  for (const name of ["head", "abc", "@2026-01-01"])
    await t.rejects(planUndo(remote, [name]), { code: "BAD_COMMIT_NAME", hint: /--forgotten/ });
  await t.rejects(planUndo(remote, ["f".repeat(64)]), { code: "NO_COMMIT", hint: /--forgotten/ });
  await t.rejects(findCommit(remote, two), { code: "NO_COMMIT", message: /was forgotten/, hint: /--undo/ });
});

t.test("head and its predecessors are those of the log, whatever the commits say of their parents", async (t) => {
  const { world, commits } = await pushes(t, 4);
  const [one, two, three, four] = commits as [ObjectId, ObjectId, ObjectId, ObjectId];
  await world.store.forget(testProject, [one, three]);
  const remote = await world.connect();
  t.equal(remote.head, four);
  t.equal(await findCommit(remote, "head~1"), two);
  const history: [ObjectId, ObjectId | undefined][] = [];
  for await (const { commit, content } of readHistory(remote)) history.push([commit, content.parent]);
  t.strictSame(history, [
    [four, three],
    [two, one],
  ]);
  await t.rejects(findCommit(remote, "head~2"), { code: "NO_COMMIT" });
});

t.test("a push whose last commit was forgotten makes one on the commit before", async (t) => {
  const { world, folder, commits } = await pushes(t, 3);
  const [, two, three] = commits as [ObjectId, ObjectId, ObjectId];
  await world.store.forget(testProject, [three]);
  const { result } = await pushFolder(world, folder);
  t.match(result, { parent: two, isUpToDate: false });
  t.match(result.counts, { files: 3, added: 1, changed: 0, removed: 0 });
  t.equal(await world.store.head(testProject), result.commit);
});

t.test("a push to a project of which all was forgotten begins it anew", async (t) => {
  const { world, folder, commits } = await pushes(t, 2);
  await world.store.forget(testProject, commits);
  const remote = await world.connect();
  await t.rejects(findCommit(remote, "head"), { code: "NO_PROJECT", message: /forgotten/, hint: /--undo/ });
  const { result } = await pushFolder(world, folder);
  t.match(result, { parent: undefined, isUpToDate: false, counts: { files: 2, added: 2 } });
  t.equal(await world.store.undoForget(testProject, commits), 2);
  t.equal(await world.store.head(testProject), result.commit, "what came later stays the head");
});

t.test("a push is made anew where the head is forgotten meanwhile", async (t) => {
  const { world, folder, commits } = await pushes(t, 2);
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "sub/new"), "new");
  rmSync(join(folder, "file-0"));
  let isForgotten = false;
  const { result, events } = await pushFolder(world, folder, {
    onEvent: (event) => {
      if (event.type !== "packKept" || isForgotten) return;
      isForgotten = true;
      void world.store.forget(testProject, [commits[1] as ObjectId]);
    },
  });
  t.ok(isForgotten);
  t.ok(events.some(({ type }) => type === "headMoved"));
  t.match(result, { parent: commits[0], counts: { files: 2, added: 3, removed: 1 } });
});
