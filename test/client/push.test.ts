/** Pushes into a real store: what becomes a commit, what the index saves, and what a broken conversation costs. */
import { cpSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { readCommit } from "../../src/client/history.js";
import { readPushIndex } from "../../src/client/push-index.js";
import { noProgress, type PushOptions } from "../../src/client/push-options.js";
import { BakError } from "../../src/errors.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import type { Channel } from "../../src/protocol/channel.js";
import { decodeMessage } from "../../src/protocol/message-codec.js";
import type { MessageType } from "../../src/protocol/messages.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { settle, standstill, until, within } from "../helpers/deadline.js";
import { testProject } from "../helpers/small-commit.js";
import { openWorld, pathsIn, pushFolder, told, untilOld, type StoreWorld } from "./world.js";

interface Place {
  readonly world: StoreWorld;
  readonly source: string;
  readonly index: string;
  readonly at: string;
}

/** A store, and a folder whose files are old enough not to be doubted. */
async function placeOf(t: Test, content: Parameters<Test["testdir"]>[0] = {}): Promise<Place> {
  const at = t.testdir({ source: content });
  const source = join(at, "source");
  await untilOld(...pathsIn(source).map((path) => join(source, path)));
  return { world: await openWorld(t, join(at, "store")), source, index: `${source}.index`, at };
}

/** Another folder beside the source, with small files. */
async function folderBeside(place: Place, files: Record<string, string>): Promise<string> {
  const folder = join(place.at, "beside");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  await untilOld(...Object.keys(files).map((name) => join(folder, name)));
  return folder;
}

const logOf = async ({ world }: Pick<Place, "world">): Promise<ObjectId[]> =>
  (await world.store.readLog(testProject)).map(({ commit }) => commit);

const commitAt = async ({ world }: Place, id: ObjectId | undefined): ReturnType<typeof readCommit> =>
  readCommit(await world.connect(), id as ObjectId);

/** A channel that counts the frames that the client sends, by their type, and breaks where `isBroken` says so. */
function spied(
  channel: Channel,
  sent: MessageType[],
  isBroken: (type: MessageType, count: number) => boolean | Promise<boolean> = () => false,
): Channel {
  let hasBroken = false;
  return {
    peer: channel.peer,
    isLocal: channel.isLocal,
    close: () => channel.close(),
    receive: async () => {
      const frame = await channel.receive();
      if (hasBroken) throw new BakError("CONNECTION_LOST", "the connection broke");
      return frame;
    },
    send: async (frame, onSent) => {
      const { type } = decodeMessage(frame);
      if (hasBroken || (await isBroken(type, sent.filter((each) => each === type).length + 1))) {
        hasBroken = true;
        await channel.close();
        throw new BakError("CONNECTION_LOST", "the connection broke");
      }
      sent.push(type);
      return channel.send(frame, onSent);
    },
  };
}

t.test("a push makes a commit of what there is, and a second one of nothing makes none", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  const first = await pushFolder(place.world, place.source, { message: "why", tags: ["z", "ä", "a", "z"] });
  t.match(first.result, { isUpToDate: false, parent: undefined, filesRead: 2, bytesRead: 3 });
  t.match(first.result.upload, { objects: { blob: 2, tree: 2, commit: 1, list: 0 }, packs: 1 });
  t.strictSame(await logOf(place), [first.result.commit]);
  t.match(await commitAt(place, first.result.commit), {
    message: "why",
    tags: ["a", "z", "ä"],
    parent: undefined,
    project: "laptop",
    path: place.source,
    version: "0",
    counts: { files: 2, dirs: 1, bytes: 3, added: 3, changed: 0, removed: 0, unreadable: 0 },
  });
  const second = await pushFolder(place.world, place.source);
  t.match(second.result, { isUpToDate: true, commit: first.result.commit, parent: first.result.commit, filesRead: 0 });
  t.equal(second.progress.bytesSent, 0);
  t.strictSame(await logOf(place), [first.result.commit]);
});

t.test("a commit of nothing is made where that is asked for", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const first = await pushFolder(place.world, place.source);
  const second = await pushFolder(place.world, place.source, { isEmptyAllowed: true, message: "still there" });
  t.match(second.result, { isUpToDate: false, parent: first.result.commit, filesRead: 0 });
  t.match(second.result.upload.objects, { blob: 0, tree: 0, commit: 1 });
  t.strictSame(await logOf(place), [first.result.commit, second.result.commit]);
  t.match(await commitAt(place, second.result.commit), { parent: first.result.commit, message: "still there" });
});

t.test("a change of the folder's own mode or time alone is a change", async (t) => {
  const place = await placeOf(t, { a: "1" });
  await pushFolder(place.world, place.source);
  writeFileSync(join(place.source, "x"), "");
  rmSync(join(place.source, "x"));
  const second = await pushFolder(place.world, place.source);
  t.match(second.result, { isUpToDate: false, filesRead: 0, counts: { added: 0, changed: 0, removed: 0 } });
  t.match(second.result.upload.objects, { blob: 0, tree: 0, commit: 1 });
});

t.test("a dry run tells what would change, and sends and keeps nothing", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const empty = await pushFolder(place.world, place.source, { isDryRun: true });
  t.match(empty.result, { isUpToDate: false, commit: undefined, filesRead: 0, upload: { packs: 0 } });
  t.strictSame(told(empty.events), ["added a"]);
  t.equal(readPushIndex(place.index), undefined);
  t.strictSame(await logOf(place), []);
  const first = await pushFolder(place.world, place.source);
  const same = await pushFolder(place.world, place.source, { isDryRun: true });
  t.match(same.result, { isUpToDate: true, commit: first.result.commit });
  writeFileSync(join(place.source, "b"), "2");
  const other = await pushFolder(place.world, place.source, { isDryRun: true });
  t.match(other.result, { isUpToDate: false, commit: first.result.commit, counts: { added: 1 } });
  t.strictSame(await logOf(place), [first.result.commit]);
});

t.test("a dry run sees what has changed in folders of folders that are as they were", async (t) => {
  const place = await placeOf(t, { d: { e: { f: "1" } } });
  await pushFolder(place.world, place.source);
  writeFileSync(join(place.source, "d", "e", "f"), "22");
  const dry = await pushFolder(place.world, place.source, { isDryRun: true });
  t.strictSame(told(dry.events), ["changed d/e/f"]);
  t.match(dry.result, { isUpToDate: false, counts: { changed: 1 } });
});

t.test("while the server does not answer, what there is to be told does not pile up", async (t) => {
  const files = 6000;
  const place = await placeOf(t, { a: "1" });
  await pushFolder(place.world, place.source);
  const deep = join(place.source, ...["b", "c", "d", "e"].map((name) => name.repeat(230)));
  mkdirSync(deep, { recursive: true });
  for (let index = 0; index < files; index += 1) writeFileSync(join(deep, `${index}`), "");
  const progress = noProgress();
  let answer: () => void = () => undefined;
  const silence = new Promise<void>((resolve) => (answer = resolve));
  const connect: PushOptions["connect"] = async (hello) => {
    await silence;
    return place.world.connect(hello);
  };
  const dry = pushFolder(place.world, place.source, { isDryRun: true, connect, progress });
  await until(() => progress.files > 3000, "most of the folder");
  await standstill(() => progress.files);
  t.ok(progress.files < 5000, `${progress.files} files`);
  answer();
  t.equal((await dry).events.length, files + 4, "and then all of it is told");
  const refused = pushFolder(place.world, place.source, {
    isDryRun: true,
    connect: async () => {
      await standstill(() => progress.files);
      throw new BakError("NO_SERVER", "nobody there");
    },
    progress,
  });
  await t.rejects(within(10_000, "giving up", refused), { code: "NO_SERVER" });
});

t.test("with no index, no file is read that has kept its size and an old mtime", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  const first = await pushFolder(place.world, place.source);
  t.equal(first.result.filesRead, 2);
  rmSync(place.index);
  const second = await pushFolder(place.world, place.source);
  t.match(second.result, { isUpToDate: true, filesRead: 0 });
  t.match(readPushIndex(place.index), { commit: first.result.commit, store: (await place.world.connect()).store });
  rmSync(place.index);
  writeFileSync(join(place.source, "c"), "333");
  const third = await pushFolder(place.world, place.source);
  t.match(third.result, { isUpToDate: false, filesRead: 1, bytesRead: 3, upload: { objects: { blob: 1, tree: 1 } } });
});

t.test("an index that is damaged, cut off or no file is as good as none", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  await pushFolder(place.world, place.source);
  const damages: (() => void)[] = [
    () => {
      const bytes = readFileSync(place.index);
      bytes[100] = (bytes[100] as number) ^ 1;
      writeFileSync(place.index, bytes);
    },
    () => truncateSync(place.index, 60),
    () => truncateSync(place.index, 0),
    () => {
      rmSync(place.index);
      symlinkSync(place.index, place.index);
    },
  ];
  for (const damage of damages) {
    damage();
    const again = await pushFolder(place.world, place.source);
    t.match(again.result, { isUpToDate: true, filesRead: 0 });
    t.ok(readPushIndex(place.index), "it was made anew");
  }
});

t.test("an index that cannot be written is told of, and the commit stands", async (t) => {
  const place = await placeOf(t, { a: "1" });
  mkdirSync(place.index);
  writeFileSync(join(place.index, "x"), "");
  const first = await pushFolder(place.world, place.source);
  t.strictSame(told(first.events), ["added a", "packKept", "indexNotKept"]);
  t.strictSame(await logOf(place), [first.result.commit]);
  t.strictSame(
    pathsIn(place.at).filter((path) => path.endsWith(".tmp")),
    [],
  );
  t.match((await pushFolder(place.world, place.source)).result, { isUpToDate: true });
});

t.test("with an index of its head the store sends no trees; without, it does", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  await pushFolder(place.world, place.source);
  const haves: unknown[] = [];
  const hasTrees: boolean[] = [];
  const connect: PushOptions["connect"] = async (hello) => {
    haves.push(hello.have);
    const remote = await place.world.connect(hello);
    const taken = remote.takeHeadTrees();
    hasTrees.push(taken !== undefined);
    remote.takeHeadTrees = () => taken;
    return remote;
  };
  const [head] = await logOf(place);
  await pushFolder(place.world, place.source, { connect });
  rmSync(place.index);
  await pushFolder(place.world, place.source, { connect });
  t.strictSame(haves, [head, undefined]);
  t.strictSame(hasTrees, [false, true]);
});

t.test("an index of another store does not keep anything from this one", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  const other = await openWorld(t, join(place.at, "other"));
  const first = await pushFolder(place.world, place.source);
  const second = await pushFolder(other, place.source);
  t.match(second.result, { isUpToDate: false, parent: undefined, filesRead: 2 });
  t.match(second.result.upload.objects, { blob: 2, tree: 2, commit: 1 });
  const back = await pushFolder(place.world, place.source);
  t.match(back.result, { isUpToDate: true, commit: first.result.commit, filesRead: 0 });
});

t.test("a store that was copied has the same commits, and its own id does not matter", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const first = await pushFolder(place.world, place.source);
  const index = readPushIndex(place.index);
  const folder = join(place.at, "fresh");
  const fresh = await openWorld(t, folder);
  await fresh.store.close();
  for (const part of ["packs", "projects"]) {
    cpSync(join(place.world.folder, part), join(folder, part), { recursive: true });
  }
  const world = await openWorld(t, folder);
  t.not((await world.connect()).store, index?.store);
  t.equal((await world.connect()).head, first.result.commit);
  writeFileSync(join(place.source, "b"), "2");
  const second = await pushFolder(world, place.source);
  t.match(second.result, { isUpToDate: false, parent: first.result.commit, filesRead: 1, counts: { added: 1 } });
});

t.test("a store that was put back from an older copy gets what it has lost", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  const first = await pushFolder(place.world, place.source);
  await place.world.store.close();
  cpSync(place.world.folder, join(place.at, "copy"), { recursive: true });
  const again = { ...place, world: await openWorld(t, place.world.folder) };
  mkdirSync(join(place.source, "e"));
  writeFileSync(join(place.source, "e", "new"), "new");
  writeFileSync(join(place.source, "a"), "changed");
  const second = await pushFolder(again.world, place.source);
  await again.world.store.close();
  const old = { ...place, world: await openWorld(t, join(place.at, "copy")) };
  const third = await pushFolder(old.world, place.source);
  t.match(third.result, { isUpToDate: false, parent: first.result.commit });
  t.strictSame(await logOf(old), [first.result.commit, third.result.commit]);
  const [was, is] = [
    await commitAt(again, second.result.commit).catch(() => undefined),
    await commitAt(old, third.result.commit),
  ];
  t.equal(was, undefined, "the later store is closed");
  t.match(is.counts, { files: 3, dirs: 2, added: 2, changed: 1 });
  const remote = await old.world.connect();
  for await (const member of remote.trees(third.result.commit as ObjectId))
    t.ok(member.length > 0, "all trees are there");
});

t.test("a project that another client pushed to before this one connected goes on from there", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const other = await folderBeside(place, { b: "2" });
  const first = await pushFolder(place.world, place.source);
  const second = await pushFolder(place.world, other);
  t.ok(second.events.some(({ type }) => type === "otherFolder"));
  t.strictSame(
    second.events.filter(({ type }) => type === "added" || type === "removed").map(({ type }) => type),
    ["removed", "added"],
  );
  const third = await pushFolder(place.world, place.source);
  t.equal(third.result.parent, second.result.commit);
  t.strictSame(await logOf(place), [first.result.commit, second.result.commit, third.result.commit]);
  const [one, three] = [await commitAt(place, first.result.commit), await commitAt(place, third.result.commit)];
  t.equal(three.tree, one.tree);
});

t.test("another project of the same store sends no blob again", async (t) => {
  const place = await placeOf(t, { a: "1", d: { b: "22" } });
  await pushFolder(place.world, place.source);
  const project = parseProjectId("desktop");
  const other = await pushFolder(place.world, place.source, {
    connect: (hello) => place.world.connect({ ...hello, project }),
    indexFile: join(place.at, "desktop.index"),
  });
  t.match(other.result, { isUpToDate: false, parent: undefined, filesRead: 2 });
  t.match(other.result.upload.objects, { blob: 0, tree: 0, commit: 1 });
});

t.test("a head that moved meanwhile is built upon, and no blob is sent twice", async (t) => {
  const place = await placeOf(t, { a: "1", b: "22" });
  const other = await folderBeside(place, { b: "22", z: "333" });
  let rival: ObjectId | undefined;
  let connections = 0;
  const connect: PushOptions["connect"] = async (hello) => {
    connections += 1;
    const remote = await place.world.connect(hello);
    if (connections === 1) rival = (await pushFolder(place.world, other)).result.commit;
    return remote;
  };
  const mine = await within(20_000, "the push", pushFolder(place.world, place.source, { connect }));
  t.equal(connections, 2);
  t.equal(told(mine.events).filter((each) => each === "headMoved").length, 1);
  t.equal(mine.result.parent, rival);
  t.match(mine.result.upload.objects, { blob: 0 });
  t.strictSame(await logOf(place), [rival, mine.result.commit]);
  t.match((await commitAt(place, mine.result.commit)).counts, { files: 2, removed: 1, added: 1 });
  t.equal(readPushIndex(place.index)?.commit, mine.result.commit);
});

t.test("nothing is sent for a head that the index takes for the store's, before it is known to be", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const other = await folderBeside(place, { z: "333" });
  await pushFolder(place.world, place.source);
  const rival = await pushFolder(place.world, other);
  for (let index = 0; index < 20; index += 1)
    writeFileSync(join(place.source, `random-${index}`), seededBytes(index, 600_000));
  const sent: MessageType[] = [];
  const asked: ("trees" | "has")[] = [];
  const connect: PushOptions["connect"] = async (hello) => {
    const remote = await place.world.connect({ ...hello, wrap: (channel) => spied(channel, sent) });
    const takeHeadTrees = remote.takeHeadTrees.bind(remote);
    const hasMany = remote.hasMany.bind(remote);
    remote.takeHeadTrees = () => {
      asked.push("trees");
      return takeHeadTrees();
    };
    remote.hasMany = (ids) => {
      asked.push("has");
      return hasMany(ids);
    };
    await settle(200); // time enough to read some of it
    return remote;
  };
  const mine = await within(30_000, "the push", pushFolder(place.world, place.source, { connect }));
  t.equal(mine.result.parent, rival.result.commit);
  t.match(mine.result.upload, { objects: { blob: 20 }, packs: 1 });
  const count = (type: MessageType): number => sent.filter((each) => each === type).length;
  t.equal(count("packBegin"), 1);
  t.equal(count("packEnd"), 1);
  t.equal(asked[0], "trees", "the head is taken in before anything is asked");
  t.match(told(mine.events).slice(0, 2), ["otherFolder"], "nor is anything told of it");
  t.equal(mine.progress.filesRead, mine.result.counts.files);
});

t.test("a head that moves again and again is pushed onto once it stands still", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const other = await folderBeside(place, { z: "333" });
  let connections = 0;
  const connect: PushOptions["connect"] = async (hello) => {
    connections += 1;
    const remote = await place.world.connect(hello);
    if (connections <= 11) await pushFolder(place.world, other, { isEmptyAllowed: true });
    return remote;
  };
  const pushed = await pushFolder(place.world, place.source, { connect });
  t.equal(connections, 12);
  t.ok((await logOf(place)).includes(pushed.result.commit as ObjectId));
  t.equal(pushed.events.filter(({ type }) => type === "headMoved").length, 11);
});

t.test("a connection that breaks is made again, and packs that were kept are not sent again", async (t) => {
  const place = await placeOf(t, {});
  for (let index = 0; index < 10; index += 1)
    writeFileSync(join(place.source, `random-${index}`), seededBytes(index, 8 << 20));
  const sent: MessageType[][] = [];
  let isKept = false;
  const connect: PushOptions["connect"] = (hello) =>
    place.world.connect({
      ...hello,
      wrap: (channel) => {
        const types: MessageType[] = [];
        sent.push(types);
        // the first pack has been kept, and the second is on its way
        return spied(channel, types, async (type, count) => {
          if (sent.length > 1 || type !== "packEnd" || count < 2) return false;
          await until(() => isKept, "the first receipt");
          return true;
        });
      },
    });
  const pushed = await within(
    60_000,
    "the push",
    pushFolder(place.world, place.source, { connect, onEvent: ({ type }) => (isKept ||= type === "packKept") }),
  );
  const types = told(pushed.events).filter((each) => !each.startsWith("added"));
  t.equal(sent.length, 2);
  t.strictSame(types, ["packKept", "reconnecting", "packKept"]);
  const lost = pushed.events.find((event) => event.type === "reconnecting");
  t.match(lost, { error: { code: "CONNECTION_LOST" } });
  t.ok(lost !== undefined && lost.waitMs >= 500 && lost.waitMs <= 1000, "a random part of a second");
  const [first, second] = sent.map((each) => each.filter((type) => type === "packMember").length) as [number, number];
  t.ok(first > 0 && second > 0);
  t.ok(pushed.result.upload.objectBytes < 30 << 20, "what the first pack held was not sent again");
  t.equal(pushed.progress.bytesSent, pushed.result.upload.packedBytes);
  t.match(await commitAt(place, pushed.result.commit), { counts: { files: 10, bytes: 80 << 20 } });
});

t.test("a store that was never reached is not waited for; nor is one that refuses", async (t) => {
  const place = await placeOf(t, { a: "1" });
  for (const code of ["NO_SERVER", "NOT_ALLOWED"] as const) {
    let connections = 0;
    const failure = new BakError(code, "no");
    const connect = (): Promise<never> => {
      connections += 1;
      return Promise.reject(failure);
    };
    const error = await pushFolder(place.world, place.source, { connect }).catch((reason: unknown) => reason);
    t.equal(error, failure);
    t.equal(connections, 1);
  }
});

t.test("a server that goes before it has said welcome is waited for: it is being restarted", async (t) => {
  const place = await placeOf(t, { a: "1" });
  const tries: PushOptions["connect"][] = [
    () => Promise.reject(new BakError("CONNECTION_LOST", "the server ended")),
    () => Promise.reject(new BakError("NO_SERVER", "connection refused")),
    (hello) => place.world.connect(hello),
  ];
  const connect: PushOptions["connect"] = (hello) => (tries.shift() as PushOptions["connect"])(hello);
  const pushed = await pushFolder(place.world, place.source, { connect });
  t.equal(tries.length, 0);
  t.strictSame(await logOf(place), [pushed.result.commit]);
});

t.test("an abort ends a push with its reason, also while it waits to connect again", async (t) => {
  const place = await placeOf(t, { a: "1", b: "2" });
  const reason = new BakError("INTERRUPTED", "enough");
  const during = new AbortController();
  const error = await pushFolder(place.world, place.source, {
    signal: during.signal,
    onEvent: ({ type }) => (type === "added" ? during.abort(reason) : undefined),
  }).catch((failure: unknown) => failure);
  t.equal(error, reason);
  t.strictSame(await logOf(place), []);
  const waiting = new AbortController();
  const connect: PushOptions["connect"] = (hello) =>
    place.world.connect({ ...hello, wrap: (channel) => spied(channel, [], (type) => type === "has") });
  const stopped = pushFolder(place.world, place.source, {
    connect,
    signal: waiting.signal,
    onEvent: ({ type }) => (type === "reconnecting" ? waiting.abort(reason) : undefined),
  }).catch((failure: unknown) => failure);
  t.ok((await within(900, "the abort", stopped)) instanceof Error);
});

t.test("the store that fails stops the push, and the folder's failures do not", async (t) => {
  const place = await placeOf(t, { a: "1", b: "2" });
  const connect: PushOptions["connect"] = async (hello) => {
    const remote = await place.world.connect(hello);
    remote.hasMany = () => Promise.reject(new BakError("STORE_FULL", "no space left"));
    return remote;
  };
  await t.rejects(pushFolder(place.world, place.source, { connect }), { code: "STORE_FULL" });
  t.strictSame(await logOf(place), []);
  await t.rejects(pushFolder(place.world, join(place.source, "missing")), { code: "SOURCE_FAILED" });
});

t.test("a file that has the very bytes of a tree is kept beside it, and what changed is told once", async (t) => {
  const place = await placeOf(t, { d: { x: "1" } });
  const first = await pushFolder(place.world, place.source);
  const index = readPushIndex(place.index);
  const tree = index?.objects.get(index.folders.get("d" as never)?.tree as ObjectId) as Uint8Array;
  t.ok(first.result.commit);
  const other = await openWorld(t, join(place.at, "other"));
  writeFileSync(join(place.source, "a"), tree);
  await untilOld(join(place.source, "a"));
  await pushFolder(other, place.source);
  rmSync(place.index);
  writeFileSync(join(place.source, "b"), "new");
  const second = await pushFolder(other, place.source);
  t.match(second.result.counts, { added: 1, changed: 0, removed: 0 });
  t.strictSame(told(second.events), ["added b", "packKept"]);
});
