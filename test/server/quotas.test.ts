/** A project keeps no more than it may, whoever pushes to it, and has room again once something is gone. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { fullAccess } from "../../src/server/access.js";
import { serveSession, type SessionOptions } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { cleanAll } from "../helpers/clean-all.js";
import { hello, Speaker } from "../helpers/speaker.js";
import { commitOf, fileEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { pushTo } from "../helpers/store-client.js";
import { makePack, object, type TestPack } from "../helpers/store-pack.js";

const [photos, notes] = [parseProjectId("photos"), parseProjectId("notes")];

/** A client that has said hello. */
async function greet(
  t: Test,
  store: Store,
  options: Partial<SessionOptions>,
  project = photos,
): Promise<Speaker & { leave: () => Promise<void> }> {
  const { client, server } = openMemoryChannel({ client: "the client", server: "the store" });
  const ended = serveSession(server, store, { agent: "store/1", ...options });
  const leave = async (): Promise<void> => {
    await client.close();
    await ended;
  };
  t.teardown(leave);
  const speaker = new Speaker(client);
  await speaker.ask({ ...hello, project }, "welcome");
  return Object.assign(speaker, { leave });
}

/** About so many bytes of packs, in members of 10,000. */
const packOf = async (seed: number, bytes: number): Promise<TestPack> =>
  makePack(...Array.from({ length: bytes / 10_000 }, (_, at) => [object("blob", seededBytes(seed + at, 10_000))]));

t.test(
  "a pack that goes beyond a project's quota is refused as soon as it does, and nothing of it is kept",
  async (t) => {
    const store = await openStore(t.testdir(), { create: true });
    t.teardown(() => store.close());
    const client = await greet(t, store, { projectQuotaBytes: 65_000 });
    await client.sendPack(3, await packOf(0, 40_000));
    await client.hear("packKept");
    await client.sendPack(5, await packOf(100, 40_000));
    t.strictSame(await client.hear("error"), {
      type: "error",
      request: 5,
      code: "LIMIT",
      message: "project 'photos' has no room for that: 63.5 kB of its quota of 65.0 kB are taken",
      hint: "'bak forget' and then 'bak gc' make room; or ask whoever runs the server for more",
    });
    t.strictSame(readdirSync(join(store.folder, "incoming")), []);
    t.equal((await store.stats()).packs, 1);
    await client.sendPack(7, await packOf(200, 10_000));
    t.match(await client.hear("packKept"), { request: 7 }, "which leaves no more than it would have");
    const others = await greet(t, store, { projectQuotaBytes: 65_000 }, notes);
    await others.sendPack(3, await packOf(100, 40_000));
    await others.hear("packKept");
  },
);

t.test("where a quota is used up, no pack begins, and what comes of one all the same is dropped", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const pack = await packOf(0, 40_000);
  const client = await greet(t, store, { projectQuotaBytes: 50_000 });
  await client.sendPack(3, pack);
  const { bytes } = await client.hear("packKept");
  const full = await greet(t, store, { projectQuotaBytes: bytes });
  await full.sendPack(3, await packOf(100, 40_000));
  t.match(await full.hear("error"), { request: 3, code: "LIMIT" });
  t.match(await full.ask({ type: "projects", request: 5 }, "projectList"), {}, "and no word more about it");
  await full.sendPack(7, pack);
  t.match(await full.hear("error"), { request: 7, code: "LIMIT" });
});

t.test("what comes in at the same time counts together, and is let go of when it is given up", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const [one, two] = [await packOf(0, 30_000), await packOf(100, 30_000)];
  const options = { projectQuotaBytes: 45_000 };
  const [first, second] = [await greet(t, store, options), await greet(t, store, options)];
  await first.say({ type: "packBegin", request: 3 });
  for (const member of one.members) await first.say({ type: "packMember", request: 3, member });
  await first.ask({ type: "projects", request: 5 }, "projectList"); // all of it has been taken in by now
  await second.sendPack(3, two);
  t.match(await second.hear("error"), { request: 3, code: "LIMIT" });
  await first.say({ type: "packEnd", request: 3, pack: two.id });
  t.match(await first.hear("error"), { request: 3, code: "BAD_PACK" });
  await second.sendPack(5, two);
  await second.hear("packKept");
});

t.test("a quota for all that somebody may see counts all of that", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const sees = (project: ProjectId): boolean => project !== parseProjectId("another");
  const access = { ...fullAccess, name: "laptop", seesAll: false, sees, quotaBytes: 60_000 };
  const mays = { authorize: async () => access };
  const inAnother = await greet(t, store, {}, parseProjectId("another"));
  await inAnother.sendPack(3, await packOf(0, 50_000));
  await inAnother.hear("packKept");
  const [inPhotos, inNotes] = [await greet(t, store, mays), await greet(t, store, mays, notes)];
  await inPhotos.sendPack(3, await packOf(100, 40_000));
  await inPhotos.hear("packKept");
  await inNotes.sendPack(3, await packOf(200, 40_000));
  t.match(await inNotes.hear("error"), { code: "LIMIT", message: /^token 'laptop' has no room for that: / });
  const unbound = await greet(t, store, {}, notes);
  await unbound.sendPack(3, await packOf(200, 40_000));
  await unbound.hear("packKept");
});

t.test("forgetting and cleaning make room; cleaning needs none", async (t) => {
  const folder = t.testdir();
  const store = await openStore(folder, { create: true });
  const client = await greet(t, store, { projectQuotaBytes: 80_000 });
  const push = async (at: number, parent: Made | undefined): Promise<Made> => {
    const content = object("blob", seededBytes(at, 30_000));
    const tree = treeOf(fileEntry("file", content));
    const commit = commitOf(tree, { parent: parent?.id, project: photos, message: `${at}` });
    await client.sendPack(100 * at + 1, await makePack([content], [tree, commit]));
    await client.hear("packKept");
    await client.ask({ type: "commit", request: 100 * at + 3, commit: commit.id, base: parent?.id }, "committed");
    return commit;
  };
  const first = await push(1, undefined);
  const second = await push(2, first);
  await client.sendPack(301, await packOf(300, 30_000));
  t.match(await client.hear("error"), { code: "LIMIT" });
  await client.ask({ type: "forget", request: 303, commits: Buffer.from(first.id, "hex"), undo: false }, "forgotten");
  await client.leave();
  t.match(await store.collectGarbage(cleanAll), { packsDeleted: 1 });
  await store.close();
  const reopened = await openStore(folder, { create: false });
  t.teardown(() => reopened.close());
  const again = await greet(t, reopened, { projectQuotaBytes: 80_000 });
  await again.sendPack(3, await packOf(300, 30_000));
  await again.hear("packKept");
  t.equal(await reopened.head(photos), second.id);
});

t.test("many tiny packs count as what they take of the disk, each with its index", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  t.teardown(() => store.close());
  const client = await greet(t, store, { projectQuotaBytes: 100_000 });
  for (let pack = 0; pack < 12; pack += 1) {
    await client.sendPack(3 + 2 * pack, await makePack([object("blob", `${pack}`)]));
    await client.hear("packKept"); // each takes two blocks
  }
  await client.sendPack(101, await makePack([object("blob", "one more")]));
  t.match(await client.hear("error"), { code: "LIMIT", message: /98\.3 kB of its quota of 100 kB are taken$/ });
  const files = readdirSync(join(store.folder, "packs"), { recursive: true, encoding: "utf8" });
  const taken = files.map((file) => statSync(join(store.folder, "packs", file))).filter((file) => file.isFile());
  t.equal(taken.length, 24);
  t.ok(taken.reduce((sum, { blocks }) => sum + 512 * blocks, 0) <= 100_000, "no more is on the disk");
});

t.test("a push says that the quota is used up, and takes it for no fault of a file", async (t) => {
  const root = t.testdir();
  const folder = join(root, "folder");
  mkdirSync(folder);
  for (let at = 0; at < 5; at += 1) writeFileSync(join(folder, `${at}`), seededBytes(at, 40_000));
  const store = await openStore(join(root, "store"), { create: true });
  t.teardown(() => store.close());
  const paths = { folder, indexFile: join(root, "index") };
  const refused = {
    code: "LIMIT",
    message: /^project 'photos' has no room for that: .* of its quota of 100 kB are taken$/,
  };
  await t.rejects(pushTo(store, photos, paths, { projectQuotaBytes: 100_000 }), refused);
  t.equal(await store.head(photos), undefined);
  await t.rejects(pushTo(store, photos, paths, { projectQuotaBytes: 100_000 }), refused);
  t.match(await pushTo(store, photos, paths, { projectQuotaBytes: 300_000 }), { commit: /./ });
});
