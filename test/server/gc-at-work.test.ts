/** Cleaning in a loop while clients push, forget and restore: what was acknowledged is whole, and nobody is disturbed. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { Remote } from "../../src/client/remote.js";
import { restore } from "../../src/client/restore.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { listen } from "../../src/server/listener.js";
import { openStore } from "../../src/store/open-store.js";
import { assertComplete } from "../../src/store/reachable.js";
import { differences, openWorld, pushFolder, text, type StoreWorld } from "../client/world.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { within } from "../helpers/deadline.js";
import { testProject } from "../helpers/small-commit.js";

const rounds = 6;
const clients = 3;

/** A store behind a server. */
async function serveWorld(t: Test, folder: string): Promise<StoreWorld> {
  const open = () => openStore(folder, { create: true });
  const listener = await listen(open, { host: "127.0.0.1", port: 0, agent: "store/1" });
  t.teardown(() => listener.close());
  const connect: StoreWorld["connect"] = async ({ project = testProject, have, wantTrees = false } = {}) =>
    Remote.open(await dialWebSocket(listener.url), { project, agent: "test/1", have, wantTrees });
  return { store: listener.store, folder, connect };
}

async function using<T>(world: StoreWorld, project: ProjectId, work: (remote: Remote) => Promise<T>): Promise<T> {
  const remote = await world.connect({ project });
  try {
    return await work(remote);
  } finally {
    await remote.close();
  }
}

/** Gets a commit back, and gives what differs from the folder that it was made of. */
async function compare(
  world: StoreWorld,
  project: ProjectId,
  { commit, folder, target }: { commit: ObjectId; folder: string; target: string },
): Promise<string> {
  await using(world, project, async (remote) => {
    const content = await readCommit(remote, commit);
    const progress = { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 };
    const options = { target: text(target), paths: [], onEvent: () => undefined, progress, threads: 0 };
    const result = await restore(remote, { id: commit, content }, options);
    if (result.failed > 0) throw new Error(`${result.failed} files not restored`);
  });
  const found = differences(folder, target);
  rmSync(target, { recursive: true });
  return found;
}

/** Changes some files, of which there are small ones that many have, and one that is large. */
function change(folder: string, seed: number): void {
  mkdirSync(join(folder, "sub"), { recursive: true });
  for (let file = 0; file < 12; file += 1) {
    if ((file + seed) % 3 === 0)
      writeFileSync(join(folder, file % 2 ? "sub" : ".", `${file}`), seededBytes(2000 + file, (seed + file) % 9));
  }
  writeFileSync(join(folder, "large"), Buffer.concat([seededBytes(700_000, 1), seededBytes(800_000, seed)]));
}

async function run(t: Test, world: StoreWorld, root: string): Promise<void> {
  const steady = { folder: join(root, "steady"), project: parseProjectId("steady") };
  change(steady.folder, 100);
  const connectFor = (project: ProjectId): StoreWorld => ({
    ...world,
    connect: (options) => world.connect({ ...options, project }),
  });
  const { result } = await pushFolder(connectFor(steady.project), steady.folder);
  const work = { isOver: false };
  let [collected, dropped] = [0, 0];
  const push = async (client: number): Promise<void> => {
    const [project, folder] = [parseProjectId(`client-${client}`), join(root, `client-${client}`)];
    const own = connectFor(project);
    for (let round = 0; round < rounds; round += 1) {
      change(folder, client * 10 + round);
      const pushed = await pushFolder(own, folder, { isFull: round % 2 === 1 });
      const commit = pushed.result.commit!;
      t.equal(await compare(world, project, { commit, folder, target: `${folder}-back` }), "");
      if (round % 2 === 0) continue;
      const log = await world.store.readLog(project);
      await using(world, project, (remote) =>
        remote.forget(
          log.slice(0, -1).map((line) => line.commit),
          { undo: false },
        ),
      );
    }
  };
  const readOn = async (): Promise<void> => {
    while (!work.isOver) {
      const options = { commit: result.commit!, folder: steady.folder, target: `${steady.folder}-back` };
      t.equal(await compare(world, steady.project, options), "");
    }
  };
  const cleanOn = async (): Promise<void> => {
    while (!work.isOver) {
      const done = await using(world, testProject, (remote) =>
        remote.collect({ graceMs: 0, isDryRun: false }, () => undefined),
      );
      collected += 1;
      dropped += done.objectsDropped;
    }
  };
  const pushing = Promise.all(Array.from({ length: clients }, (_, client) => push(client))).finally(
    () => (work.isOver = true),
  );
  await Promise.all([pushing, readOn(), cleanOn()]);
  t.ok(collected > 2 && dropped > 0, `cleaned ${collected} times, dropped ${dropped} objects`);
  for (const project of await world.store.projects()) {
    for (const { commit } of await world.store.readLog(project)) await assertComplete(world.store, commit, undefined);
  }
  // nobody holds anything any more
  const last = await using(world, testProject, (remote) =>
    remote.collect({ graceMs: 0, isDryRun: false }, () => undefined),
  );
  t.equal(last.packsWaiting, 0);
}

t.test("in one process", async (t) => {
  const root = t.testdir();
  await within(
    120_000,
    "all rounds",
    openWorld(t, join(root, "store")).then((world) => run(t, world, root)),
  );
});

t.test("over WebSockets", async (t) => {
  const root = t.testdir();
  await within(
    120_000,
    "all rounds",
    serveWorld(t, join(root, "store")).then((world) => run(t, world, root)),
  );
});
