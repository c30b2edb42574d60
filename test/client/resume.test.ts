/** Pushes that were broken off, and what the next one takes from their journal: what was read, is unchanged and is in the store. */
import { existsSync, lstatSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { Journal, journalFile } from "../../src/client/journal.js";
import { JournaledReader } from "../../src/client/journaled-reader.js";
import type { PushOptions } from "../../src/client/push-options.js";
import { sourceStatOf, statusOf } from "../../src/client/source-stat.js";
import { BakError } from "../../src/errors.js";
import { objectIdBytes, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import type { Channel } from "../../src/protocol/channel.js";
import { decodeMessage } from "../../src/protocol/message-codec.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { within } from "../helpers/deadline.js";
import { fastFolder } from "../helpers/fast-folder.js";
import { object, sendObjects } from "../helpers/store-pack.js";
import { openWorld, pathsIn, pushFolder, text, told, untilOld, type Pushed, type StoreWorld } from "./world.js";

interface Place {
  readonly world: StoreWorld;
  readonly source: string;
  readonly journal: string;
}

async function placeOf(t: Test, files: Record<string, Buffer | string>): Promise<Place> {
  const at = fastFolder(t);
  const source = join(at, "source");
  mkdirSync(source);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(source, name), bytes);
  await untilOld(...pathsIn(source).map((path) => join(source, path)));
  return { world: await openWorld(t, join(at, "store")), source, journal: journalFile(`${source}.index`) };
}

/** A channel that breaks where the client would send a message of this type. */
function brokenAt(channel: Channel, type: string): Channel {
  return {
    peer: channel.peer,
    isLocal: channel.isLocal,
    close: () => channel.close(),
    receive: () => channel.receive(),
    send: async (frame, onSent) => {
      if (decodeMessage(frame).type !== type) return channel.send(frame, onSent);
      await channel.close();
      throw new BakError("CONNECTION_LOST", "the connection broke");
    },
  };
}

/** Pushes up to the commit, which is not made; like a client that was killed there. */
async function interrupted({ world, source }: Place, options: Partial<PushOptions> = {}): Promise<void> {
  let connections = 0;
  const connect: PushOptions["connect"] = (hello) => {
    connections += 1;
    if (connections > 1) return Promise.reject(new BakError("NOT_ALLOWED", "once is enough"));
    return world.connect({ ...hello, wrap: (channel) => brokenAt(channel, "commit") });
  };
  const ended = pushFolder(world, source, { ...options, connect }).catch((error: unknown) => error);
  t.match(await within(60_000, "the push", ended), { code: "NOT_ALLOWED" });
}

const pushOf = ({ world, source }: Place, options: Partial<PushOptions> = {}): Promise<Pushed> =>
  within(60_000, "the push", pushFolder(world, source, options));

/** What a push of the same folder comes to in a store of its own, with no journal. */
async function treeOf(t: Test, { source }: Place): Promise<unknown> {
  const world = await openWorld(t, `${source}-store`);
  const { result } = await pushFolder(world, source, { indexFile: `${source}-index` });
  return (await readCommit(await world.connect(), result.commit as ObjectId)).tree;
}

t.test("what was read and has arrived is not read again, and the journal is gone with the commit", async (t) => {
  const place = await placeOf(t, { a: "1", b: "22", large: seededBytes(1, 6 << 20), "not ascii \xff": "333" });
  await interrupted(place);
  t.ok(existsSync(place.journal));
  const next = await pushOf(place);
  t.match(next.result, { isUpToDate: false, filesRead: 0, bytesRead: 0, counts: { files: 4, added: 4 } });
  t.match(next.result.upload.objects, { blob: 0, list: 0, commit: 1 });
  const { tree } = await readCommit(await place.world.connect(), next.result.commit as ObjectId);
  t.equal(tree, await treeOf(t, place));
  t.notOk(existsSync(place.journal));
  t.match((await pushOf(place)).result, { isUpToDate: true, filesRead: 0 });
});

t.test("what has changed since it was read is read again, also where size and mtime are the same", async (t) => {
  const place = await placeOf(t, { a: "1", b: "22", c: "333", d: "4444" });
  await interrupted(place);
  const path = join(place.source, "b");
  const { atimeMs, mtimeMs } = lstatSync(path);
  writeFileSync(path, "zz");
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
  writeFileSync(join(place.source, "c"), "longer than before");
  const next = await pushOf(place);
  t.match(next.result, { filesRead: 2, bytesRead: 20, upload: { objects: { blob: 2 } } });
  t.ok(place.world.store.has(objectIdOf(Buffer.from("zz"))));
});

t.test("only what is older than its reading, and stood still, is taken down", async (t) => {
  const file = join(t.testdir(), "journal");
  const of = { store: "store", folder: text("/home") };
  const journal = new Journal(file, of, () => undefined);
  const content = { blob: objectIdOf(Buffer.from("")) };
  const now = BigInt(Date.now()) * 1_000_000n + 1n;
  const ages: Record<string, bigint> = {
    "an hour": 3600n * 10n ** 9n,
    "a moment": 5_000_000n,
    "the future": -(10n ** 9n),
  };
  const stat = sourceStatOf(statusOf(lstatSync(t.testdirName, { bigint: true })));
  const reader = new JournaledReader({
    reader: {
      read: (path, found, done) => {
        const unsteady = path.endsWith("unsteady") ? "changed" : undefined;
        done({ type: "read", content, stat: found, unsteady });
        return undefined;
      },
      finish: () => Promise.resolve(),
    },
    journal,
    remote: { hasMany: () => Promise.reject(new Error("nothing is known")) },
    folderLength: of.folder.length,
  });
  for (const [name, age] of Object.entries(ages))
    for (const end of ["", " unsteady"])
      await reader.read(text(`/home/${name}${end}`), { ...stat, ctimeNs: now - age }, () => undefined);
  await reader.finish();
  journal.begin();
  journal.end();
  const next = new Journal(file, of, () => undefined);
  const known = Object.entries(ages).flatMap(([name, age]) =>
    ["", " unsteady"]
      .filter((end) => next.find(text(`/${name}${end}`), { ...stat, ctimeNs: now - age }) !== undefined)
      .map((end) => name + end),
  );
  t.strictSame(known, ["an hour"]);
});

t.test("what the store does not have any more is read again", async (t) => {
  const place = await placeOf(t, { a: "1", b: "22", large: seededBytes(2, 3 << 20) });
  await interrupted(place);
  const lost = objectIdOf(Buffer.from("22"));
  const connect: PushOptions["connect"] = async (hello) => {
    const remote = await place.world.connect(hello);
    const hasMany = remote.hasMany.bind(remote);
    remote.hasMany = async (ids) => {
      const isKnown = await hasMany(ids);
      return (index) => isKnown(index) && !objectIdBytes(lost).equals(ids.subarray(index * 32, index * 32 + 32));
    };
    return remote;
  };
  const next = await pushOf(place, { connect });
  t.match(next.result, { filesRead: 1, bytesRead: 2, upload: { objects: { blob: 1, list: 0 } } });
});

t.test(
  "a list in the store whose chunks are missing there costs a second look at everything, and no data",
  async (t) => {
    const place = await placeOf(t, { a: "1", large: seededBytes(3, 3 << 20) });
    const elsewhere = await openWorld(t, `${place.source}-store`);
    await interrupted({ ...place, world: elsewhere });
    // the journal, as it is, but of a store that has the list alone
    const stat = lstatSync(join(place.source, "large"), { bigint: true });
    const state = {
      size: Number(stat.size),
      ino: stat.ino,
      ctimeNs: stat.ctimeNs,
      mtimeSeconds: Number(stat.mtimeNs / 10n ** 9n),
      mtimeNanoseconds: Number(stat.mtimeNs % 10n ** 9n),
    };
    const fail = (error: unknown): never => {
      throw error;
    };
    const of = (store: string): Journal => new Journal(place.journal, { store, folder: text(place.source) }, fail);
    const content = of((await elsewhere.connect()).store).find(text("/large"), state);
    if (content === undefined || !("list" in content)) throw new Error("it is no list");
    const list = await elsewhere.store.readObject(content.list);
    await sendObjects(place.world.store, [object("list", list)]);
    const journal = of((await place.world.connect()).store);
    journal.begin();
    journal.add(text("/large"), { stat: state, content });
    journal.end();
    const next = await pushOf(place);
    t.equal(told(next.events).filter((each) => each === "lossFound").length, 1);
    t.match(next.result, { isUpToDate: false, filesRead: 2 });
    t.notOk(existsSync(place.journal));
  },
);

t.test("a push that reads everything takes nothing from a journal, and a dry run writes none", async (t) => {
  const place = await placeOf(t, { a: "1", b: "22" });
  await pushOf(place, { isDryRun: true });
  t.notOk(existsSync(place.journal));
  await interrupted(place);
  await pushOf(place, { isDryRun: true });
  t.ok(existsSync(place.journal));
  t.match((await pushOf(place, { isFull: true })).result, { filesRead: 2 });
  t.notOk(existsSync(place.journal));
});

t.test("many files are asked about in few questions", async (t) => {
  const files = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [`file ${index}`, `content ${index}`]));
  const place = await placeOf(t, files);
  await interrupted(place);
  let questions = 0;
  const connect: PushOptions["connect"] = async (hello) => {
    const remote = await place.world.connect(hello);
    const hasMany = remote.hasMany.bind(remote);
    remote.hasMany = (ids) => {
      questions += 1;
      return hasMany(ids);
    };
    return remote;
  };
  const next = await pushOf(place, { connect });
  t.match(next.result, { filesRead: 0, counts: { files: 9000 } });
  t.ok(questions <= 5, `${questions} questions`);
});
