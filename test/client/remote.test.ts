/** The client against stores that lie: what they say is refused, and never believed, waited for without end, or written. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { fetchObject, fetchObjects } from "../../src/client/fetch.js";
import { Remote } from "../../src/client/remote.js";
import { restore } from "../../src/client/restore.js";
import type { RestoreEvent } from "../../src/client/restore-options.js";
import { TreeSource } from "../../src/client/tree-source.js";
import { BakError, isBakError } from "../../src/errors.js";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { decodeCommit } from "../../src/objects/commit.js";
import { encodeList } from "../../src/objects/list.js";
import { compressMember } from "../../src/objects/member-gzip.js";
import { encodeMemberTar } from "../../src/objects/member-tar.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import { protocolVersion } from "../../src/protocol/limits.js";
import { decodeMessage, memberHeadroomBytes } from "../../src/protocol/message-codec.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import type { Message, MessageOf, Unnumbered } from "../../src/protocol/messages.js";
import { encodeLogLines } from "../../src/protocol/log-lines.js";
import { hexBytes } from "../helpers/arbitrary-bytes.js";
import { settle, within } from "../helpers/deadline.js";
import {
  commitOf,
  dirEntry,
  fileEntry,
  oneFile,
  plainAttributes,
  testProject,
  treeOf,
  type Made,
} from "../helpers/small-commit.js";
import { Speaker } from "../helpers/speaker.js";
import { blob, object } from "../helpers/store-pack.js";

const absent = "ab".repeat(32) as ObjectId;

const welcome: Unnumbered<MessageOf<"welcome">> = {
  type: "welcome",
  version: protocolVersion,
  agent: "evil/1",
  store: "store",
  head: undefined,
  maxPackBytes: 1 << 27,
  maxPackObjects: 1 << 18,
  trees: false,
  takes: ["gzip"],
  compression: "gzip",
  incomplete: false,
};

/** What a store by hand answers to a request; returning nothing, it stays silent. */
type Answer = (message: Message, speaker: Speaker) => Promise<void> | void;

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** A conversation with a store that says welcome, and then what the test wants. */
async function facing(t: Test, answer: Answer, changes: Partial<MessageOf<"welcome">> = {}): Promise<Remote> {
  const { client, server } = openMemoryChannel({ client: "client", server: "evil" });
  const speaker = new Speaker(server);
  const serving = (async () => {
    const { request } = await speaker.hear("hello");
    await speaker.say({ ...welcome, ...changes, request });
    for (;;) {
      const frame = await server.receive();
      if (frame === undefined) return;
      await answer(decodeMessage(frame), speaker);
    }
  })().catch((error: unknown) => {
    if (!isBakError(error, "CONNECTION_LOST")) throw error;
  });
  const hello = { project: testProject, agent: "test/1", wantTrees: false };
  const remote = await within(5000, "hello", Remote.open(client, hello));
  t.teardown(async () => {
    await remote.close();
    await serving;
  });
  return remote;
}

const memberOf = async (...objects: Made[]): Promise<Buffer> => compressMember(await encodeMemberTar(objects), 2);

/** Answers every request for objects with the same members. */
const sending =
  (...members: Uint8Array[]): Answer =>
  async ({ request }, speaker) => {
    await speaker.say({ type: "packBegin", request });
    for (const member of members) await speaker.say({ type: "packMember", request, member });
    await speaker.say({ type: "packEnd", request, pack: undefined });
  };

/** Answers as a store that has these objects, each in a member of its own, whatever it is asked. */
async function storeOf(...objects: Made[]): Promise<Answer> {
  const members = new Map<ObjectId, Buffer>();
  for (const each of objects) members.set(each.id, await memberOf(each));
  return (message, speaker) => {
    if (message.type !== "get") return sending(...members.values())(message, speaker);
    const ids = Array.from({ length: message.ids.length / 32 }, (_, index) => objectIdAt(message.ids, index * 32));
    return sending(...ids.flatMap((id) => members.get(id) ?? []))(message, speaker);
  };
}

t.test("a store of another version, or that does not say welcome, is refused", async (t) => {
  await t.rejects(
    facing(t, () => undefined, { version: 1 }),
    {
      code: "PROTOCOL",
      message: "'evil' speaks version 1 of the protocol, this bak 2",
    },
  );
  const { client, server } = openMemoryChannel({ client: "client", server: "evil" });
  const speaker = new Speaker(server);
  const opening = Remote.open(client, { project: testProject, agent: "test/1", wantTrees: false });
  const { request } = await speaker.hear("hello");
  await speaker.say({ type: "committed", request, receivedMs: 1 });
  await t.rejects(within(5000, "hello", opening), { code: "PROTOCOL" });
  t.equal(await server.receive(), undefined, "and the channel is closed");
});

t.test("answers of another type or shape are refused", async (t) => {
  const wrong = (message: Unnumbered): Answer => {
    return ({ request }, speaker) => speaker.say({ ...message, request });
  };
  const lines = encodeLogLines([absent, absent].map((commit) => ({ commit, receivedMs: 1 })));
  const cases: [Unnumbered, (remote: Remote) => Promise<unknown>][] = [
    [{ type: "committed", receivedMs: 1 }, (remote) => remote.hasMany(hexBytes(absent))],
    [{ type: "known", bitmap: Buffer.alloc(0) }, (remote) => remote.hasMany(hexBytes(absent))],
    [{ type: "known", bitmap: Buffer.alloc(2) }, (remote) => remote.hasMany(hexBytes(absent))],
    [{ type: "known", bitmap: Buffer.alloc(1) }, (remote) => remote.commit(absent, undefined)],
    [{ type: "known", bitmap: Buffer.alloc(1) }, (remote) => remote.projects()],
    [{ type: "known", bitmap: Buffer.alloc(1) }, (remote) => fetchObject(remote, absent)],
    [{ type: "packEnd", pack: undefined }, (remote) => fetchObject(remote, absent)],
    [{ type: "packMember", member: Buffer.alloc(9) }, (remote) => fetchObject(remote, absent)],
    [{ type: "logPage", lines, total: 2 }, (remote) => collect(remote.log({ limit: 1 }))],
    [{ type: "logPage", lines: lines.subarray(1), total: 2 }, (remote) => collect(remote.log())],
    [{ type: "packBegin" }, (remote) => remote.hasMany(hexBytes(absent))],
  ];
  for (const [answer, ask] of cases) {
    const remote = await facing(t, wrong(answer));
    const failure = await within(
      5000,
      "an answer",
      ask(remote).catch((error: unknown) => error),
    );
    t.ok(isBakError(failure, "PROTOCOL", "BAD_MESSAGE"), `${answer.type}: ${String(failure)}`);
  }
});

t.test("what a store claims to have kept must be what was sent", async (t) => {
  const remote = await facing(t, async (message, speaker) => {
    if (message.type !== "packEnd") return;
    await speaker.say({ type: "packKept", request: message.request, pack: absent, objects: 1, bytes: 1 });
  });
  const upload = await remote.upload();
  await upload.add(Buffer.concat([Buffer.alloc(memberHeadroomBytes), await memberOf(blob("a"))]), () => undefined);
  await t.rejects(upload.finish(), { code: "PROTOCOL", message: "'evil' kept another pack than was sent" });
});

t.test("a log that claims to go on, and does not, ends; names that are no project ids are dropped", async (t) => {
  const remote = await facing(t, (message, speaker) => {
    if (message.type === "projects")
      return speaker.say({ type: "projectList", request: message.request, projects: "a\n../b\n\n.\nc" });
    return speaker.say({ type: "logPage", request: message.request, lines: Buffer.alloc(0), total: 1e9 });
  });
  t.strictSame(await within(5000, "the log", collect(remote.log())), []);
  t.strictSame(await remote.projects(), ["a", "c"]);
});

t.test("bytes that are not those of the id are refused", async (t) => {
  const liar: Made = { kind: "blob", id: absent, bytes: Buffer.from("not that") };
  const remote = await facing(t, sending(await memberOf(blob("a"), liar)));
  await t.rejects(fetchObject(remote, absent), { code: "BAD_PACK", message: /holds other bytes than its id says/ });
  t.equal(
    Buffer.from(await fetchObject(remote, blob("a").id)).toString(),
    "a",
    "what was not asked for is not looked at",
  );
});

t.test("a lie is told of though the store then says no more", async (t) => {
  const liar = await memberOf({ kind: "blob", id: absent, bytes: Buffer.from("not that") });
  const remote = await facing(t, async ({ request }, speaker) => {
    await speaker.say({ type: "packBegin", request });
    await speaker.say({ type: "packMember", request, member: liar });
  });
  await t.rejects(within(5000, "the failure", fetchObject(remote, absent)), { code: "BAD_PACK" });
});

t.test("objects that do not come are missed, also where others come in their place", async (t) => {
  const remote = await facing(t, sending(await memberOf(blob("other"))));
  await t.rejects(fetchObject(remote, absent), { code: "NO_OBJECT", message: new RegExp(absent) });
  await t.rejects(
    fetchObjects(remote, [blob("other").id, absent], () => undefined),
    { code: "NO_OBJECT" },
  );
  const empty = await facing(t, sending());
  await t.rejects(fetchObject(empty, absent), { code: "NO_OBJECT" });
});

t.test("a stream of what nobody asked for does not go on for ever", async (t) => {
  const member = await memberOf(blob("unasked"));
  let sent = 0;
  const remote = await facing(t, async ({ request }, speaker) => {
    await speaker.say({ type: "packBegin", request });
    for (; sent < 1_000_000; sent += 1) {
      await speaker.say({ type: "packMember", request, member });
      if (sent % 100 === 0) await settle(1); // as a network would, it lets others have their turn
    }
  });
  await t.rejects(within(10_000, "the failure", fetchObject(remote, absent)), {
    code: "PROTOCOL",
    message: "'evil' sent more than was asked for",
  });
  await remote.close();
  t.ok(sent < 1_000_000);
});

t.test("members that are no members are refused", async (t) => {
  const good = await memberOf(blob("a"));
  const spoiled = Buffer.from(good);
  spoiled[20] = (spoiled[20] as number) ^ 0xff;
  const bombs = [
    good.subarray(0, -1),
    Buffer.concat([good, good]),
    spoiled,
    Buffer.alloc(0),
    Buffer.alloc(100),
    compressMember(Buffer.alloc(9 << 20), 2),
    compressMember(Buffer.from("no tar"), 2),
  ];
  for (const [index, bomb] of bombs.entries()) {
    const remote = await facing(t, sending(bomb));
    await t.rejects(within(5000, "the failure", fetchObject(remote, blob("a").id)), { code: "BAD_PACK" }, `${index}`);
  }
});

/** Restores a commit from a store by hand into a folder of its own, and gives what came of it. */
async function restored(
  t: Test,
  commit: Made,
  others: Made[],
): Promise<{ target: string; failure: unknown; events: RestoreEvent[] }> {
  const target = join(t.testdir({ target: {}, outside: {} }), "target");
  const remote = await facing(t, await storeOf(commit, ...others));
  const events: RestoreEvent[] = [];
  const options = {
    target: byteStringFromText(target),
    paths: [],
    onEvent: (event: RestoreEvent) => void events.push(event),
    progress: { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 },
  };
  const work = restore(remote, { id: commit.id, content: decodeCommit(commit.bytes) }, options);
  const failure = await within(
    20_000,
    "the restore",
    work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  return { target, failure, events };
}

t.test("a store by hand that is honest is restored from", async (t) => {
  const { blob: content, tree, commit } = oneFile("text");
  const { target, failure } = await restored(t, commit, [content, tree]);
  t.equal(failure, undefined);
  t.strictSame(readdirSync(target), ["file"]);
});

t.test("names that climb out of the target are refused", async (t) => {
  const content = blob("evil");
  for (const name of ["..", ".", "a/b", "../outside/file", "/etc/passwd", "a\0b", ""]) {
    // written by hand, since the encoder refuses them too
    const bytes = Buffer.from(name);
    const entry = Buffer.concat([
      hexBytes("99"),
      Buffer.from([0xc4, bytes.length]),
      bytes,
      hexBytes("00 cd01a4 00 00 00 00"),
      Buffer.from([content.bytes.length]),
      hexBytes("c420", content.id),
    ]);
    const tree = object("tree", Buffer.concat([hexBytes("93 01 00 91"), entry]));
    const { target, failure } = await restored(t, commitOf(tree), [tree, content]);
    t.ok(isBakError(failure, "BAD_OBJECT"), `${JSON.stringify(name)}: ${String(failure)}`);
    t.strictSame(readdirSync(target), []);
    t.strictSame(readdirSync(join(target, "..", "outside")), []);
  }
  const tree = treeOf(fileEntry("safe", content));
  t.equal((await restored(t, commitOf(tree), [tree, content])).failure, undefined, "by hand is not what is refused");
});

t.test("trees, lists and commits that are none are refused", async (t) => {
  const content = blob("content");
  const noTree = object("tree", Buffer.from("no tree at all"));
  const noList = object("list", Buffer.from("no list at all"));
  const listed = (size: number, list: Made): Made =>
    treeOf({
      name: byteStringFromText("file"),
      ...plainAttributes,
      kind: "file",
      size,
      content: { list: list.id, fileHash: absent },
    });
  const list = object("list", encodeList({ level: 0, children: [{ id: content.id, size: content.bytes.length }] }));
  const short = object("list", encodeList({ level: 0, children: [{ id: content.id, size: 3 }] }));
  const nested = object("list", encodeList({ level: 1, children: [{ id: list.id, size: 99 }] }));
  const deep = object("list", encodeList({ level: 2, children: [{ id: list.id, size: content.bytes.length }] }));
  const cases: [string, Made, Made[]][] = [
    ["a tree that is none", noTree, []],
    ["a folder that is none", treeOf(dirEntry("folder", noTree)), [noTree]],
    ["a folder that is a file's blob", treeOf(dirEntry("folder", content)), [content]],
    ["a folder that is not there", treeOf(dirEntry("folder", absent)), []],
    ["a list that is none", listed(100, noList), [noList]],
    ["a list of another size", listed(99, list), [list, content]],
    ["a chunk of another size", listed(3, short), [short, content]],
    ["a list within of another size", listed(99, nested), [nested, list, content]],
    ["a list within of another level", listed(content.bytes.length, deep), [deep, list, content]],
    ["a file of another size", treeOf({ ...fileEntry("file", content), size: 3 } as never), [content]],
  ];
  for (const [what, tree, others] of cases) {
    const { target, failure, events } = await restored(t, commitOf(tree), [tree, ...others]);
    const isTold = events.some((event) => event.type === "failed");
    t.ok(isTold || isBakError(failure, "BAD_OBJECT", "NO_OBJECT", "BAD_PACK"), `${what}: ${String(failure)}`);
    const left = readdirSync(target, { recursive: true, encoding: "utf8" });
    t.strictSame(
      left.filter((name) => name !== "folder"),
      [],
      `${what}: nothing is left`,
    );
  }
});

t.test("a folder within itself cannot be, since nobody can make its id", async (t) => {
  // the nearest thing: a tree under the id that it names itself by, which is then not the hash of its bytes
  const loop: Made = { kind: "tree", id: absent, bytes: treeOf(dirEntry("again", absent)).bytes };
  const { target, failure } = await restored(t, commitOf(absent), [loop]);
  t.match(failure, { code: "NO_OBJECT" });
  t.strictSame(readdirSync(target), []);
});

t.test("a commit of a tree that was left out is looked for, and not found", async (t) => {
  const { tree, commit } = oneFile("text");
  const remote = await facing(t, await storeOf(commit));
  const trees = new TreeSource(remote);
  await trees.fetchAll(commit.id);
  await t.rejects(trees.fetchEntries(tree.id), { code: "NO_OBJECT" });
  await t.rejects(trees.fetchPath(decodeCommit(commit.bytes), "file" as ByteString), BakError);
});
