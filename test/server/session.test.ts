/** What the store's end of a conversation promises, over every channel, to clients that keep to it and to those that do not. */
import t, { type Test } from "tap";
import { inflateMember } from "../../src/objects/member-gzip.js";
import { codecOfMember } from "../../src/objects/member-codec.js";
import { decodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { maxUnacknowledgedPacks } from "../../src/protocol/limits.js";
import { decodeForgottenLines, decodeLogLines } from "../../src/protocol/log-lines.js";
import type { MessageOf } from "../../src/protocol/messages.js";
import { serveSession, type SessionEvent } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { pairs, type OpenPair } from "../helpers/channel-pairs.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { standstill, until, within } from "../helpers/deadline.js";
import { commitOf, dirEntry, fileEntry, oneFile, testProject, treeOf, type Made } from "../helpers/small-commit.js";
import { hello, Speaker } from "../helpers/speaker.js";
import { blob, makePack, makeZstdPack, object, send, sendObjects } from "../helpers/store-pack.js";

const absent = "ab".repeat(32) as ObjectId;

interface Session {
  store: Store;
  /** A client that has said nothing yet; `ended` is how its session ended. */
  open: () => Promise<{ client: Speaker; ended: Promise<unknown>; events: SessionEvent[] }>;
  /** A client that has said hello. */
  greet: (have?: Partial<MessageOf<"hello">>) => Promise<Speaker>;
}

const idsOf = (...objects: (Made | ObjectId)[]): Buffer =>
  Buffer.concat(objects.map((each) => objectIdBytes(typeof each === "string" ? each : each.id)));

async function idsIn(members: Uint8Array[]): Promise<string[]> {
  const tars = await Promise.all(members.map(inflateMember));
  return tars.flatMap((tar) => decodeMemberTar(tar).map(({ kind, id }) => `${kind}/${id}`));
}

const named = (...objects: Made[]): string[] => objects.map(({ kind, id }) => `${kind}/${id}`).toSorted();

function sessionContract(t: Test, openPair: OpenPair): void {
  const test = (name: string, work: (t: Test, session: Session) => Promise<void>): void => {
    void t.test(name, async (t) => {
      const store = await openStore(t.testdir(), { create: true });
      const open: Session["open"] = async () => {
        const { client, server } = await openPair(t);
        const events: SessionEvent[] = [];
        const serving = serveSession(server, store, { agent: "store/1", onEvent: (event) => void events.push(event) });
        const ended = serving.then(
          () => "in order",
          (error: unknown) => error,
        );
        t.teardown(async () => {
          await client.close();
          await ended;
        });
        return { client: new Speaker(client), ended, events };
      };
      const greet: Session["greet"] = async (changes = {}) => {
        const { client } = await open();
        await client.ask({ ...hello, ...changes }, "welcome");
        return client;
      };
      await within(30_000, name, work(t, { store, open, greet }));
      t.teardown(() => store.close());
    });
  };

  test("hello comes first, once, in a version that both speak", async (t, { open, store }) => {
    const { client, events } = await open();
    t.match(await client.ask({ type: "has", request: 1, ids: idsOf(absent) }, "error"), {
      code: "PROTOCOL",
      message: "the first message must be hello",
    });
    t.strictSame(await client.ask(hello, "welcome"), {
      type: "welcome",
      request: 1,
      version: 2,
      agent: "store/1",
      store: store.id,
      head: undefined,
      maxPackBytes: 128 << 20,
      maxPackObjects: 1 << 18,
      trees: false,
      takes: ["gzip", "zstd"],
      compression: "gzip",
      incomplete: false,
    });
    t.strictSame(events, [{ type: "opened", project: testProject, agent: "test/1" }]);
    t.match(await client.ask({ ...hello, request: 3 }, "error"), { code: "PROTOCOL" });
  });

  test("what a client was told is there stays while others clean the store, until it leaves", async (t, {
    open,
    greet,
    store,
  }) => {
    const made = oneFile("what nobody uses yet");
    await sendObjects(store, [made.blob]);
    const lost = blob("what nobody asks for");
    await sendObjects(store, [lost]);
    const { client } = await open();
    await client.ask(hello, "welcome");
    t.strictSame([...(await client.ask({ type: "has", request: 3, ids: idsOf(made.blob) }, "known")).bitmap], [1]);
    const cleaner = await greet();
    const collect = { type: "collect", request: 3, graceMs: 0, isDryRun: false } as const;
    t.match(await cleaner.askLong(collect, "collected"), { packs: 2, packsDeleted: 1, objectsDropped: 1 });
    await client.sendPack(5, await makePack([made.tree, made.commit]));
    await client.hear("packKept");
    await client.ask({ type: "commit", request: 7, commit: made.commit.id, base: undefined }, "committed");
    t.match(await cleaner.askLong({ ...collect, request: 5 }, "collected"), { packsDeleted: 0 });
    t.notOk(store.has(lost.id));
    t.ok(store.has(made.blob.id));
  });

  test("a client of another version is told so", async (t, { open }) => {
    const { client } = await open();
    t.match(await client.ask({ ...hello, version: 1 }, "error"), {
      code: "PROTOCOL",
      message: "the client speaks version 1 of the protocol, the server 2",
    });
    t.match(await client.ask({ type: "projects", request: 3 }, "error"), { code: "PROTOCOL" }, "which is no hello");
  });

  test("an answer that answers nothing is refused", async (t, { greet }) => {
    const client = await greet();
    t.match(await client.ask({ type: "known", request: 3, bitmap: Buffer.alloc(1) }, "error"), { code: "PROTOCOL" });
    t.match(await client.ask({ type: "committed", request: 3, receivedMs: 1 }, "error"), { code: "PROTOCOL" });
  });

  test("has tells bit by bit", async (t, { greet, store }) => {
    const there = Array.from({ length: 20 }, (_, index) => blob(`blob ${index}`));
    await sendObjects(
      store,
      there.filter((_, index) => index % 3 === 0),
    );
    const client = await greet();
    const { bitmap } = await client.ask({ type: "has", request: 3, ids: idsOf(...there) }, "known");
    t.strictSame([...bitmap], [0b01001001, 0b10010010, 0b0100]);
  });

  test("a pack is kept, and its objects are there", async (t, { greet, store }) => {
    const client = await greet();
    const pack = await makePack([blob("a"), blob("b")], [blob("c")]);
    await client.sendPack(3, pack);
    t.match(await client.hear("packKept"), { request: 3, pack: pack.id, objects: 3 });
    for (const text of ["a", "b", "c"]) t.ok(store.has(blob(text).id));
  });

  test("members that a client does not read are not sent to it", async (t, { greet, store }) => {
    await send(store, await makeZstdPack([blob("zstd")]));
    await sendObjects(store, [blob("gzip")]);
    const able = await greet();
    await able.say({ type: "get", request: 3, ids: idsOf(blob("zstd"), blob("gzip")) });
    await able.hear("packBegin");
    const members = [await able.hear("packMember"), await able.hear("packMember")];
    t.strictSame(members.map(({ member }) => codecOfMember(member)).toSorted(), ["gzip", "zstd"]);
    const unable = await greet({ reads: ["gzip"] });
    await unable.say({ type: "get", request: 3, ids: idsOf(blob("zstd")) });
    await unable.hear("packBegin");
    t.match(await unable.hear("error"), { request: 3, code: "NOT_SUPPORTED", message: /zstd/, hint: /zstd/ });
    await unable.say({ type: "get", request: 5, ids: idsOf(blob("gzip")) });
    await unable.hear("packBegin");
    await unable.hear("packMember");
    t.match(await unable.hear("packEnd"), { request: 5 }, "and it may ask for the rest");
  });

  test("a pack with a wrong hash in it is refused, and nothing of it kept", async (t, { greet, store }) => {
    const client = await greet();
    const liar: Made = { ...blob("another"), bytes: Buffer.from("not that") };
    await client.sendPack(3, await makePack([blob("a")], [liar], [blob("z")]));
    t.match(await client.hear("error"), { request: 3, code: "BAD_PACK" });
    await client.sendPack(5, await makePack([blob("b")]));
    t.match(await client.hear("packKept"), { request: 5 }, "of the refused pack no more is said");
    t.notOk(store.has(blob("a").id) || store.has(liar.id) || store.has(blob("z").id));
    t.ok(store.has(blob("b").id));
  });

  test("a pack with another id than its own is refused", async (t, { greet, store }) => {
    const client = await greet();
    await client.sendPack(3, { ...(await makePack([blob("a")])), id: absent });
    t.match(await client.hear("error"), { request: 3, code: "BAD_PACK" });
    t.notOk(store.has(blob("a").id));
  });

  test("packs that are empty, have no id, or were not begun are refused", async (t, { greet }) => {
    const client = await greet();
    await client.sendPack(3, await makePack());
    t.match(await client.hear("error"), { request: 3, code: "BAD_PACK" });
    await client.say({ type: "packBegin", request: 5 });
    t.match(await client.ask({ type: "packEnd", request: 5, pack: undefined }, "error"), { code: "PROTOCOL" });
    t.match(await client.ask({ type: "packEnd", request: 7, pack: absent }, "error"), { code: "PROTOCOL" });
    t.match(await client.ask({ type: "packMember", request: 7, member: Buffer.from("x") }, "error"), {
      code: "PROTOCOL",
    });
    await client.say({ type: "packBegin", request: 9 });
    t.match(await client.ask({ type: "packBegin", request: 9 }, "error"), { code: "PROTOCOL" });
    await client.say({ type: "packMember", request: 9, member: Buffer.alloc(0) });
    t.match(await client.ask({ type: "packEnd", request: 9, pack: absent }, "error"), { code: "BAD_PACK" });
  });

  test("not any number of packs can be open", async (t, { greet }) => {
    const client = await greet();
    for (let index = 0; index < maxUnacknowledgedPacks; index += 1)
      await client.say({ type: "packBegin", request: 3 + 2 * index });
    t.match(await client.ask({ type: "packBegin", request: 99 }, "error"), { code: "LIMIT" });
  });

  test("two packs can be sent at a time, member by member", async (t, { greet }) => {
    const client = await greet();
    const packs = [await makePack([blob("a")], [blob("b")]), await makePack([blob("c")], [blob("d")])] as const;
    for (const request of [3, 5]) await client.say({ type: "packBegin", request });
    for (const member of [0, 1]) {
      for (const [index, pack] of packs.entries())
        await client.say({ type: "packMember", request: 3 + 2 * index, member: pack.members[member] as Buffer });
    }
    for (const [index, pack] of packs.entries())
      await client.say({ type: "packEnd", request: 3 + 2 * index, pack: pack.id });
    const kept = [await client.hear("packKept"), await client.hear("packKept")];
    t.strictSame(kept.map(({ pack }) => pack).toSorted(), packs.map(({ id }) => id).toSorted());
  });

  test("a commit moves the head once all that it needs is there", async (t, { greet, open }) => {
    const client = await greet();
    const { blob: content, tree, commit } = oneFile("text");
    await client.sendPack(3, await makePack([tree, commit]));
    await client.hear("packKept");
    const incomplete = await client.ask({ type: "commit", request: 5, commit: commit.id, base: undefined }, "error");
    t.match(incomplete, { code: "INCOMPLETE_COMMIT", message: new RegExp(content.id) });
    t.match(await client.ask({ type: "commit", request: 7, commit: absent, base: undefined }, "error"), {
      code: "INCOMPLETE_COMMIT",
    });
    // the pack's acknowledgement need not be waited for
    await client.sendPack(9, await makePack([content]));
    await client.say({ type: "commit", request: 11, commit: commit.id, base: undefined });
    await client.hear("packKept");
    const before = Date.now();
    const { receivedMs } = await client.hear("committed");
    t.ok(Math.abs(receivedMs - before) < 10_000);
    const next = await open();
    t.match(await next.client.ask(hello, "welcome"), { head: commit.id, trees: false });
  });

  test("a commit on another head than the latest is refused", async (t, { greet, store }) => {
    const first = oneFile("one");
    await sendObjects(store, Object.values(first));
    const client = await greet();
    await client.ask({ type: "commit", request: 3, commit: first.commit.id, base: undefined }, "committed");
    const [a, b] = ["a", "b"].map((text) => oneFile(text, { parent: first.commit.id })) as [typeof first, typeof first];
    await sendObjects(store, [...Object.values(a), ...Object.values(b)]);
    await client.ask({ type: "commit", request: 5, commit: a.commit.id, base: first.commit.id }, "committed");
    t.match(await client.ask({ type: "commit", request: 7, commit: b.commit.id, base: first.commit.id }, "error"), {
      code: "HEAD_MOVED",
    });
    t.equal(await store.head(testProject), a.commit.id);
  });

  test("a commit of another project, or on another parent than it says, is refused", async (t, { greet, store }) => {
    const other = oneFile("a", { project: parseProjectId("other") });
    const child = oneFile("b", { parent: absent });
    await sendObjects(store, [...Object.values(other), ...Object.values(child)]);
    const client = await greet();
    for (const { commit } of [other, child]) {
      t.match(await client.ask({ type: "commit", request: 3, commit: commit.id, base: undefined }, "error"), {
        code: "PROTOCOL",
        message: /another project or parent/,
      });
    }
    t.equal(await store.head(testProject), undefined);
    t.strictSame(await store.projects(), []);
  });

  test("what is no commit cannot be one", async (t, { greet, store }) => {
    const { tree, blob: content } = oneFile("a");
    await sendObjects(store, [tree, content]);
    const client = await greet();
    for (const { id } of [tree, content]) {
      t.match(await client.ask({ type: "commit", request: 3, commit: id, base: undefined }, "error"), {
        code: "BAD_OBJECT",
      });
    }
  });

  test("get sends the members of what was asked for, and names what is not there", async (t, { greet, store }) => {
    await sendObjects(store, [blob("a"), blob("b")]);
    await sendObjects(store, [blob("c")]);
    const client = await greet();
    await client.say({ type: "get", request: 3, ids: idsOf(blob("c"), blob("a"), blob("b"), blob("a")) });
    const members = await client.hearPack(3);
    t.equal(members.length, 2, "each member once");
    t.strictSame((await idsIn(members)).toSorted(), named(blob("a"), blob("b"), blob("c")));
    await client.say({ type: "get", request: 5, ids: idsOf(blob("a"), absent) });
    t.match(await client.hear("error"), { request: 5, code: "NO_OBJECT", message: new RegExp(absent) });
    await client.say({ type: "get", request: 7, ids: idsOf(blob("c")) });
    t.equal((await client.hearPack(7)).length, 1, "and goes on");
  });

  test("trees come along with welcome, all or those that the client lacks", async (t, { greet, store, open }) => {
    const content = blob("content");
    const same = treeOf(fileEntry("same", content));
    const [before, after] = [treeOf(fileEntry("a", content)), treeOf(fileEntry("b", content))];
    const [rootBefore, rootAfter] = [before, after].map((tree) =>
      treeOf(dirEntry("differs", tree), dirEntry("same", same)),
    ) as [Made, Made];
    const first = commitOf(rootBefore);
    const second = commitOf(rootAfter, { parent: first.id });
    // each in a member of its own, so that what is sent is what was meant
    for (const each of [content, same, before, after, rootBefore, rootAfter, first, second])
      await sendObjects(store, [each]);
    const client = await greet();
    await client.ask({ type: "commit", request: 3, commit: first.id, base: undefined }, "committed");
    await client.ask({ type: "commit", request: 5, commit: second.id, base: first.id }, "committed");

    const asked = async (have: ObjectId | undefined): Promise<string[] | undefined> => {
      const { client } = await open();
      const { trees, head } = await client.ask({ ...hello, wantTrees: true, have }, "welcome");
      t.equal(head, second.id);
      return trees ? (await idsIn(await client.hearPack(1))).toSorted() : undefined;
    };
    t.strictSame(await asked(undefined), named(second, rootAfter, after, same));
    t.strictSame(await asked(first.id), named(second, rootAfter, after));
    t.strictSame(await asked(absent), named(second, rootAfter, after, same), "a commit that is not there");
    t.equal(await asked(second.id), undefined, "nothing, for who has the head");

    await client.say({ type: "trees", request: 7, root: first.id, have: undefined });
    t.strictSame((await idsIn(await client.hearPack(7))).toSorted(), named(first, rootBefore, before, same));
    await client.say({ type: "trees", request: 9, root: same.id, have: undefined });
    t.strictSame(await idsIn(await client.hearPack(9)), named(same), "of a tree alone");
    await client.say({ type: "trees", request: 11, root: absent, have: undefined });
    t.match(await client.hear("error"), { request: 11, code: "NO_OBJECT" });
  });

  test("trees of what is no tree are refused", async (t, { greet, store }) => {
    const content = blob("no tree");
    await sendObjects(store, [content]);
    const client = await greet();
    await client.say({ type: "trees", request: 3, root: content.id, have: undefined });
    await client.hear("packBegin");
    t.match(await client.hear("error"), { request: 3, code: "BAD_OBJECT" });
  });

  test("the log comes in pages, newest first", async (t, { greet, store }) => {
    const client = await greet();
    t.strictSame(await client.ask({ type: "log", request: 3, skip: 0, limit: 10 }, "logPage"), {
      type: "logPage",
      request: 3,
      lines: Buffer.alloc(0),
      total: 0,
    });
    const commits: ObjectId[] = [];
    for (let index = 0; index < 5; index += 1) {
      const made = oneFile("same", { parent: commits.at(-1), message: String(index) });
      await sendObjects(store, Object.values(made));
      await store.appendCommit(testProject, made.commit.id, commits.at(-1));
      commits.push(made.commit.id);
    }
    const newestFirst = commits.toReversed();
    for (const [skip, limit] of [
      [0, 10],
      [0, 2],
      [2, 2],
      [4, 2],
      [5, 2],
      [99, 2],
      [0, 0],
      [0, Number.MAX_SAFE_INTEGER],
      [Number.MAX_SAFE_INTEGER, 1],
    ] as const) {
      const page = await client.ask({ type: "log", request: 5, skip, limit }, "logPage");
      t.equal(page.total, 5);
      const wanted = newestFirst.slice(skip, skip + limit);
      t.strictSame(
        decodeLogLines(page.lines).map(({ commit }) => commit),
        wanted,
        `${limit} after ${skip}`,
      );
    }
  });

  test("commits are forgotten and brought back, and a push whose base is gone is told so", async (t, {
    open,
    store,
  }) => {
    const { client, events } = await open();
    await client.ask(hello, "welcome");
    const commits: ObjectId[] = [];
    for (let index = 0; index < 4; index += 1) {
      const made = oneFile("same", { parent: commits.at(-1), message: String(index) });
      await sendObjects(store, Object.values(made));
      if (index < 3) await store.appendCommit(testProject, made.commit.id, commits.at(-1));
      commits.push(made.commit.id);
    }
    const [one, two, three, four] = commits as [ObjectId, ObjectId, ObjectId, ObjectId];
    const forget = (request: number, undo: boolean, ...ids: ObjectId[]): Promise<MessageOf<"forgotten">> =>
      client.ask({ type: "forget", request, commits: idsOf(...ids), undo }, "forgotten");
    t.match(await forget(3, false, one), { count: 1 });
    t.match(await forget(5, false, three, absent, one), { count: 1 });
    t.equal(await store.head(testProject), two);
    const commit = { type: "commit", request: 7, commit: four, base: three } as const;
    t.match(await client.ask(commit, "error"), { code: "HEAD_MOVED" });

    const page = await client.ask({ type: "forgottenLog", request: 9, skip: 0, limit: 10 }, "forgottenPage");
    t.match(page, { total: 2, graceMs: 7 * 86_400_000 });
    t.strictSame(decodeForgottenLines(page.lines), (await store.readForgotten(testProject)).toReversed());
    const second = await client.ask({ type: "forgottenLog", request: 11, skip: 1, limit: 10 }, "forgottenPage");
    t.strictSame(
      decodeForgottenLines(second.lines).map((line) => line.commit),
      [one],
    );
    t.match(await client.ask({ type: "forgottenLog", request: 13, skip: 2, limit: 1 }, "forgottenPage"), {
      lines: Buffer.alloc(0),
      total: 2,
    });

    t.match(await forget(15, true, three, two), { count: 1 });
    t.equal(await store.head(testProject), three);
    t.match(await forget(17, true, absent), { count: 0 });
    t.match(await client.ask({ ...commit, request: 19 }, "committed"), {});
    t.match(events.slice(1), [
      { type: "forgotten", project: testProject, count: 1 },
      { type: "forgotten", project: testProject, count: 1 },
      { type: "broughtBack", project: testProject, count: 1 },
      { type: "committed" },
    ]);
    t.equal(events.length, 5);
  });

  test("projects are those that have a commit, sorted", async (t, { greet, store }) => {
    const client = await greet();
    t.equal((await client.ask({ type: "projects", request: 3 }, "projectList")).projects, "");
    for (const id of ["b", "a", "C"]) {
      const project = parseProjectId(id);
      const made = oneFile("x", { project });
      await sendObjects(store, Object.values(made));
      await store.appendCommit(project, made.commit.id, undefined);
    }
    t.equal((await client.ask({ type: "projects", request: 5 }, "projectList")).projects, "C\na\nb");
  });

  test("a client that vanishes within a pack leaves nothing, and the store serves the next", async (t, session) => {
    const { open, greet, store } = session;
    const { client, ended } = await open();
    await client.ask(hello, "welcome");
    const pack = await makePack([blob("a")], [blob("b")]);
    await client.say({ type: "packBegin", request: 3 });
    await client.say({ type: "packMember", request: 3, member: pack.members[0] as Buffer });
    await client.channel.close();
    t.equal(await ended, "in order");
    t.notOk(store.has(blob("a").id));
    const next = await greet();
    await next.sendPack(3, pack);
    t.match(await next.hear("packKept"), { pack: pack.id, objects: 2 });
  });

  test("a client that vanishes before its pack is acknowledged does no harm", async (t, { open, greet, store }) => {
    for (let index = 0; index < 10; index += 1) {
      const { client, ended } = await open();
      await client.ask(hello, "welcome");
      await client.sendPack(3, await makePack([blob(`pack ${index}`)]));
      await client.channel.close();
      await ended;
    }
    const client = await greet();
    await client.sendPack(3, await makePack([blob("the last")]));
    await client.hear("packKept");
    t.ok(store.has(blob("the last").id));
  });

  test("bytes that are no message end the session, and not the store", async (t, { open, greet }) => {
    const { client, ended } = await open();
    await client.channel.send(Buffer.from("c1", "hex"));
    t.match(await client.hear("error"), { request: 0, code: "BAD_MESSAGE" });
    t.match(await ended, { code: "BAD_MESSAGE" });
    await greet();
  });

  test("a reader that stops does not make the store read on", async (t, { store }) => {
    // The system's buffers of a socket may hold 36 MiB.
    const blobs = Array.from({ length: 70 }, (_, index) => object("blob", seededBytes(index, 1 << 20)));
    await send(store, await makePack(...blobs.map((each) => [each])));
    let read = 0;
    const counting = new Proxy(store, {
      get: (target, key: keyof Store) => {
        if (key === "readMember") read += 1;
        const value: unknown = target[key];
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    const { client, server } = await openPair(t);
    const serving = serveSession(server, counting, { agent: "store/1" });
    const speaker = new Speaker(client);
    await speaker.ask(hello, "welcome");
    await speaker.say({ type: "get", request: 3, ids: idsOf(...blobs) });
    await until(() => read > 3);
    await standstill(() => read);
    t.ok(read < 60, `${read} of 70 members`);
    t.equal((await speaker.hearPack(3)).length, 70);
    t.equal(read, 70);
    await client.close();
    await serving;
  });
}

for (const [name, openPair] of Object.entries(pairs)) {
  void t.test(name, (t) => {
    sessionContract(t, openPair);
    t.end();
  });
}
