/** Projects' logs on disk: torn by crashes, damaged, and appended to through failures. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { Layout } from "../../src/store/layout.js";
import { formatLogLine } from "../../src/store/project-log.js";
import { Projects } from "../../src/store/projects.js";
import { failingDisk } from "../helpers/store-disks.js";

const project = parseProjectId("laptop");
const commits = ["1", "2", "3"].map((digit) => digit.repeat(64) as ObjectId);
const [one, two, three] = commits as [ObjectId, ObjectId, ObjectId];

function open(t: Test, disk: Disk = nodeDisk): { projects: Projects; layout: Layout } {
  const layout = new Layout(t.testdir({ projects: {} }));
  return { projects: new Projects(disk, layout), layout };
}

async function append(projects: Projects, commit: ObjectId, base: ObjectId | undefined): Promise<void> {
  await projects.append(project, { base, makeLine: () => ({ commit, receivedMs: 0 }) });
}

async function commitsOf(projects: Projects): Promise<ObjectId[]> {
  return (await projects.readLog(project)).map(({ commit }) => commit);
}

const text = (...ids: ObjectId[]): string => ids.map((id) => formatLogLine({ commit: id, receivedMs: 0 })).join("");

t.test("a torn line is ignored, and cut off before the next is appended", async (t) => {
  const { projects, layout } = open(t);
  await append(projects, one, undefined);
  appendFileSync(layout.log(project), two.slice(0, 40));
  t.strictSame(await commitsOf(projects), [one]);
  t.strictSame(await projects.list(), [project]);
  await append(projects, three, one);
  t.equal(readFileSync(layout.log(project), "latin1"), text(one, three));
});

t.test("a project of which only a torn line is left has no commit", async (t) => {
  const { projects, layout } = open(t);
  mkdirSync(layout.projectFolder(project));
  writeFileSync(layout.log(project), one.slice(0, 40));
  mkdirSync(join(layout.projects, "empty"));
  writeFileSync(join(layout.projects, "file"), "x".repeat(200));
  mkdirSync(join(layout.projects, "not an id"));
  t.strictSame(await projects.list(), []);
  await append(projects, one, undefined);
  t.equal(readFileSync(layout.log(project), "latin1"), text(one));
});

t.test("a damaged log is told of, and not appended to; other projects go on", async (t) => {
  const { projects, layout } = open(t);
  mkdirSync(layout.projectFolder(project));
  writeFileSync(layout.log(project), `${text(one)}?\n${text(two)}`);
  await t.rejects(projects.readLog(project), { code: "STORE_DAMAGED", message: /laptop\/log', line 2/ });
  await t.rejects(append(projects, three, two), { code: "STORE_DAMAGED" });
  t.equal(readFileSync(layout.log(project), "latin1"), `${text(one)}?\n${text(two)}`);
  const other = parseProjectId("other");
  await projects.append(other, { base: undefined, makeLine: () => ({ commit: one, receivedMs: 0 }) });
  t.strictSame(await projects.list(), [project, other]);
});

for (const name of ["appendFile", "write", "sync", "close"] as const) {
  t.test(`the head stays what it was where ${name} fails, even if that can't be undone`, async (t) => {
    let failing: string[] = [];
    const { projects, layout } = open(
      t,
      failingDisk(nodeDisk, (call) => (failing.includes(call.name) ? "EIO" : undefined)),
    );
    for (const alsoFailing of [[], ["truncate"]]) {
      const before = await commitsOf(projects);
      failing = [name, ...alsoFailing];
      await t.rejects(append(projects, two, before.at(-1)), { code: "EIO" });
      failing = [];
      t.strictSame(await commitsOf(projects), before);
      await append(projects, one, before.at(-1));
    }
    t.equal(readFileSync(layout.log(project), "latin1"), text(one, one));
  });
}
