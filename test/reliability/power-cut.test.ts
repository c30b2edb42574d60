/**
 * The power goes off at every point of a store's life, and the disk is left in every way that POSIX allows: the store opens
 * without help, what was acknowledged comes back to the last byte, and the next push goes on.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { nodeDisk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { pictureOf } from "../helpers/folder-picture.js";
import { exploreCuts } from "../helpers/power-cut-states.js";
import { recordDisk, type Step } from "../helpers/recorded-disk.js";
import { pushTo, restoreFrom } from "../helpers/store-client.js";

const photos = parseProjectId("photos");
const notes = parseProjectId("notes");

/** What must be there from a mark on, and what may be. */
interface Expected {
  readonly commits: ReadonlyMap<ProjectId, readonly ObjectId[]>;
}

/** A recorded life of a store: its steps, what was acknowledged by each mark, and what every commit looked like. */
interface Life {
  readonly steps: readonly Step[];
  readonly expected: readonly Expected[];
  readonly pictures: ReadonlyMap<ObjectId, string>;
  /** A folder that is pushed to whatever is left. */
  readonly next: string;
}

/** Memory, where there is a file system of that: the states are many, and none of them is kept. */
function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "bak-power-cut-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Lives through pushes of two projects, one of them with a large file, over two runs of the store. */
async function live(root: string): Promise<Life> {
  const { disk, steps } = recordDisk(root, nodeDisk);
  const expected: Expected[] = [{ commits: new Map() }];
  const pictures = new Map<ObjectId, string>();
  const source = join(root, "..", "source");
  const acknowledge = (commits: Expected["commits"]): void => {
    expected.push({ commits });
    steps.push({ op: "mark", mark: expected.length - 1 });
  };
  const pushAll = async (store: Store, project: ProjectId): Promise<void> => {
    const folder = join(source, project);
    const { commit } = await pushTo(store, project, { folder, indexFile: `${folder}.index` });
    if (commit === undefined) throw new Error("nothing was pushed");
    pictures.set(commit, pictureOf(folder));
    const last = expected.at(-1) as Expected;
    acknowledge(new Map(last.commits).set(project, [...(last.commits.get(project) ?? []), commit]));
  };
  const open = (): Promise<Store> => openStore(join(root, "store"), { create: true, disk, threads: 0 });

  makeFolders(source);
  const first = await open();
  await pushAll(first, photos);
  await pushAll(first, notes);
  writeFileSync(join(source, photos, "b.jpg"), seededBytes(20, 9000));
  rmSync(join(source, photos, "a.jpg"));
  await pushAll(first, photos);
  await first.close();
  const second = await open();
  writeFileSync(join(source, notes, "large"), Buffer.concat([seededBytes(9, 700_000), seededBytes(5, 700_000)]));
  await pushAll(second, notes);
  await second.close();
  writeFileSync(join(source, photos, "c.jpg"), seededBytes(30, 3000));
  return { steps, expected, pictures, next: join(source, photos) };
}

function makeFolders(source: string): void {
  mkdirSync(join(source, photos, "empty"), { recursive: true });
  for (const [at, name] of ["a", "b", "d", "e"].entries())
    writeFileSync(join(source, photos, `${name}.jpg`), seededBytes(at, 5000));
  mkdirSync(join(source, notes, "deep", "deeper"), { recursive: true });
  writeFileSync(join(source, notes, "deep", "deeper", "note.txt"), "a note\n".repeat(50));
  writeFileSync(join(source, notes, "copy of a.jpg"), seededBytes(0, 5000));
  chmodSync(join(source, notes, "copy of a.jpg"), 0o600);
  symlinkSync("deep", join(source, notes, "link"));
  writeFileSync(join(source, notes, "large"), seededBytes(5, 1_100_000));
}

/** What is wrong with what a cut has left. */
async function findWrong(life: Life, left: string, marks: number): Promise<string[]> {
  const wrong: string[] = [];
  const folder = join(left, "store");
  mkdirSync(left, { recursive: true });
  const store = await openStore(folder, { create: true, threads: 0 });
  try {
    if (store.damaged.length > 0) wrong.push(`damaged: ${JSON.stringify(store.damaged)}`);
    if (readdirSync(join(folder, "incoming")).length > 0) wrong.push("something is left in incoming");
    const { commits } = life.expected[marks] as Expected;
    const seen = new Set<ObjectId>();
    for (const project of await store.projects()) {
      const log = (await store.readLog(project)).map(({ commit }) => commit);
      const required = commits.get(project) ?? [];
      if (!required.every((commit) => log.includes(commit))) wrong.push(`${project}: ${log.length} commits in the log`);
      for (const commit of log) {
        seen.add(commit);
        await compare(life, store, { project, commit, target: join(left, commit) });
      }
    }
    for (const commit of [...commits.values()].flat()) if (!seen.has(commit)) wrong.push(`no commit ${commit}`);
    const { commit } = await pushTo(store, photos, { folder: life.next, indexFile: join(left, "index") });
    const target = join(left, "next");
    await restoreFrom(store, photos, { commit: commit as ObjectId, target });
    if (pictureOf(target) !== pictureOf(life.next)) wrong.push("the next push comes back otherwise");
  } finally {
    await store.close();
  }
  return wrong;
}

async function compare(
  { pictures }: Life,
  store: Store,
  { project, commit, target }: { project: ProjectId; commit: ObjectId; target: string },
): Promise<void> {
  const picture = pictures.get(commit);
  if (picture === undefined) throw new Error(`commit '${commit}' that nobody made`);
  await restoreFrom(store, project, { commit, target });
  if (pictureOf(target) !== picture) throw new Error(`commit '${commit}' comes back otherwise`);
}

t.test("whatever a power cut leaves, what was acknowledged is there", async (t) => {
  const folder = temporaryFolder(t);
  const root = join(folder, "life");
  mkdirSync(root);
  const life = await live(root);
  const states = join(folder, "states");
  const { steps } = life;
  const found = await exploreCuts({
    steps,
    folder: states,
    seed: 1,
    randomCuts: 10,
    findWrong: (left, marks) => findWrong(life, left, marks),
  });
  t.strictSame(found.wrong.slice(0, 20), [], `${found.wrong.length} states are wrong`);
  t.comment(`${found.states} states after ${steps.length} steps`);
  t.ok(found.states > 600, `${found.states} states`);
});
