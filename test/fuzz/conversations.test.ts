/** Whole conversations with a peer that says anything at all: nothing but a BakError comes of it, at either end. */
import fc from "fast-check";
import t from "tap";
import { isBakError, type ErrorCode } from "../../src/errors.js";
import { fetchObjects } from "../../src/client/fetch.js";
import { readHead } from "../../src/client/head.js";
import { Remote } from "../../src/client/remote.js";
import { tryToken } from "../../src/client/try-token.js";
import { objectIdBytes, type ObjectId } from "../../src/objects/object-id.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import type { Message, MessageOf } from "../../src/protocol/messages.js";
import { protocolVersion } from "../../src/protocol/limits.js";
import type { Channel } from "../../src/protocol/channel.js";
import { decodeTokenLines } from "../../src/protocol/token-lines.js";
import { greet } from "../../src/server/greeting.js";
import { serveSession } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import { messagesOf, messageTypes } from "../helpers/arbitrary-messages.js";
import { seededNumbers } from "../helpers/arbitrary-bytes.js";
import { within } from "../helpers/deadline.js";
import { fuzz } from "../helpers/fuzz.js";
import { messagePack } from "../helpers/messagepack-shape.js";
import type { Shape } from "../helpers/mutations.js";
import { oneFile, testProject } from "../helpers/small-commit.js";
import { blob, makePack, sendObjects } from "../helpers/store-pack.js";

const { blob: content, tree, commit } = oneFile("text");
const ids = [content.id, tree.id, commit.id];
const pack = await makePack([content, tree, commit]);
const other = await makePack([blob("other")]);

/** Messages that mean something to a peer which has the objects above. */
const meaningful: Message[] = [
  { type: "has", request: 3, ids: Buffer.concat(ids.map(objectIdBytes)) },
  { type: "get", request: 3, ids: Buffer.concat(ids.map(objectIdBytes)) },
  { type: "get", request: 5, ids: objectIdBytes(content.id) },
  { type: "trees", request: 3, root: commit.id, have: undefined },
  { type: "trees", request: 3, root: tree.id, have: commit.id },
  { type: "trees", request: 3, root: content.id, have: content.id },
  { type: "packBegin", request: 3 },
  { type: "packBegin", request: 1 },
  { type: "packMember", request: 3, member: pack.members[0] as Buffer },
  { type: "packMember", request: 3, member: other.members[0] as Buffer },
  { type: "packMember", request: 1, member: pack.members[0] as Buffer },
  { type: "packEnd", request: 3, pack: other.id },
  { type: "packEnd", request: 3, pack: pack.id },
  { type: "packEnd", request: 3, pack: undefined },
  { type: "packEnd", request: 1, pack: undefined },
  { type: "packKept", request: 3, pack: pack.id, objects: 1, bytes: 2 },
  { type: "commit", request: 3, commit: commit.id, base: undefined },
  { type: "commit", request: 3, commit: tree.id, base: commit.id },
  { type: "log", request: 3, skip: 0, limit: 10 },
  { type: "projects", request: 3 },
  { type: "known", request: 3, bitmap: Buffer.of(7) },
  { type: "committed", request: 3, receivedMs: 5 },
];
const anything = messageTypes.flatMap((type) => fc.sample(messagesOf(type), { seed: 1, numRuns: 3 }));

/** A conversation as bytes: messages, each behind its length. Whatever comes of them is read as such again. */
const conversation = (...messages: Message[]): Buffer =>
  Buffer.concat(messages.map((message) => framed(encodeMessage(message))));

function framed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + bytes.readUInt16BE(at);
    frames.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return frames;
}

/** Messages come and go whole; now and then the inside of one is spoiled. */
const frames: Shape = {
  partsOf: (bytes) => {
    const starts: number[] = [];
    for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes.readUInt16BE(at)) starts.push(at);
    return starts;
  },
  disguise: (frame, next) => {
    const message = Buffer.from(frame.subarray(2));
    const parts = messagePack.partsOf(message);
    const from = parts[next() % Math.max(1, parts.length)] ?? 0;
    const to = parts.find((each) => each > from) ?? message.length;
    const part = messagePack.disguise?.(message.subarray(from, to), next) ?? message.subarray(from, to);
    return framed(Buffer.concat([message.subarray(0, from), part, message.subarray(to)]).subarray(0, 0xffff));
  },
};

const hello: Message = {
  type: "hello",
  request: 1,
  version: protocolVersion,
  agent: "fuzz/1",
  project: testProject,
  token: undefined,
  have: undefined,
  wantTrees: true,
  reads: ["gzip", "zstd"],
};
const welcome: MessageOf<"welcome"> = {
  type: "welcome",
  request: 1,
  version: protocolVersion,
  agent: "fuzz/1",
  store: "V1StGXR8_Z5jdHi6B-myT",
  head: commit.id,
  maxPackBytes: 128 << 20,
  maxPackObjects: 1 << 18,
  trees: true,
  takes: ["gzip"],
  compression: "gzip",
  incomplete: false,
};

const tokenLine = "laptop Uakgb_J5m9g-0JDMbcJqL laptop-*,notes push,read 1793608200000 - - - 500000000000";

/** Conversations of a few messages each, always the same. */
function conversations(first: readonly Message[], others: readonly Message[], count: number): Buffer[] {
  const next = seededNumbers(3);
  return Array.from({ length: count }, () => {
    const drawn = Array.from({ length: next() % 12 }, () => others[next() % others.length] as Message);
    return conversation(...first, ...drawn);
  });
}

/** What an end may find fault with in the other. */
const codes: readonly ErrorCode[] = ["BAD_MESSAGE", "PROTOCOL", "BAD_PACK", "BAD_OBJECT", "NO_OBJECT"];

/** Throws what a conversation ended with, unless it is only that the other end is gone. */
function throwUnlessGone(error: unknown): void {
  if (error !== undefined && !isBakError(error, "CONNECTION_LOST")) throw error;
}

const endOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

t.test("a store, and a client that says anything", async (t) => {
  const store = await openStore(t.testdir(), { create: true });
  await sendObjects(store, [content, tree]);
  /** Says it all, hears whatever comes of it, and closes. */
  const converse = async (bytes: Buffer): Promise<string | undefined> => {
    const { client, server } = openMemoryChannel({ client: "client", server: "server" });
    let told: Message | undefined;
    const hear = async (): Promise<void> => {
      for (let frame = await client.receive(); frame !== undefined; frame = await client.receive()) {
        const message = decodeMessage(frame);
        if (message.type === "error" && message.code === "INTERNAL") told = message;
      }
    };
    const ended = endOf(serveSession(server, store, { agent: "store/1" }));
    const heard = endOf(hear());
    for (const frame of framesOf(bytes)) await client.send(frame).catch(() => undefined);
    await client.close();
    await within(20_000, "the session's end", Promise.all([ended, heard]));
    if (told !== undefined) return `answered ${JSON.stringify(told)}`;
    throwUnlessGone(await ended);
    return undefined;
  };
  await fuzz(t, "serveSession", {
    seeds: conversations([hello], meaningful, 60),
    material: conversations([hello], anything, 60),
    shape: frames,
    codes,
    allocatedBytes: 64 << 20,
    judge: converse,
    count: 3000,
  });
  await store.close();
});

t.test("a server, and whoever comes and says anything before hello", async (t) => {
  const line = decodeTokenLines(tokenLine)[0];
  const asked: Message = { type: "tokenTry", request: 1, token: "bak_x" };
  const converse = async (bytes: Buffer): Promise<string | undefined> => {
    const { client, server } = openMemoryChannel({ client: "client", server: "server" });
    const letIn = () => Promise.resolve("in");
    const greeted = endOf(greet(server, { letIn, tryToken: () => Promise.resolve(line), timeoutMs: 20_000 }));
    for (const frame of framesOf(bytes)) await Promise.race([endOf(client.send(frame)), greeted]);
    await client.close();
    throwUnlessGone(await within(20_000, "the greeting's end", greeted));
    return undefined;
  };
  await fuzz(t, "greet", {
    seeds: [[asked, hello], [hello], [asked, asked], [{ type: "projects", request: 3 } as const, hello]].map(
      (messages) => conversation(...messages),
    ),
    material: conversations([asked], anything, 30),
    shape: frames,
    codes: [...codes, "LIMIT"],
    allocatedBytes: 16 << 20,
    judge: converse,
    count: 2000,
  });
});

t.test("who asks what a token is good for, and a server that answers anything", async (t) => {
  const converse = async (bytes: Buffer): Promise<string | undefined> => {
    const { client, server } = openMemoryChannel({ client: "client", server: "server" });
    const asking = endOf(tryToken(client, "bak_x"));
    for (const frame of framesOf(bytes)) await Promise.race([endOf(server.send(frame)), asking]);
    await server.close();
    throwUnlessGone(await within(20_000, "the client", asking));
    return undefined;
  };
  const [told, ...others] = [tokenLine, undefined, "", `${tokenLine}\n${tokenLine}`].map((line): Message => {
    return { type: "tokenTried", request: 1, line };
  }) as [Message, ...Message[]];
  await fuzz(t, "tryToken", {
    seeds: [conversation(told)],
    material: conversations([], [...others, ...anything], 30),
    shape: frames,
    // what a server tells of itself comes out as its own error
    codes: [...codes, "LIMIT"],
    allocatedBytes: 16 << 20,
    judge: converse,
    count: 2000,
  });
});

/** What a store answers to the client below. */
const honest: Message[] = [
  { type: "packBegin", request: 1 },
  { type: "packMember", request: 1, member: pack.members[0] as Buffer },
  { type: "packEnd", request: 1, pack: undefined },
  { type: "known", request: 3, bitmap: Buffer.of(7) },
  { type: "logPage", request: 5, lines: Buffer.concat([objectIdBytes(commit.id), Buffer.alloc(8)]), total: 1 },
  { type: "projectList", request: 7, projects: "laptop\nother" },
  { type: "packBegin", request: 9 },
  { type: "packMember", request: 9, member: pack.members[0] as Buffer },
  { type: "packEnd", request: 9, pack: undefined },
  { type: "committed", request: 11, receivedMs: 1 },
  { type: "packKept", request: 13, pack: pack.id, objects: 3, bytes: 1 },
];

t.test("a client, and a store that answers anything", async (t) => {
  const trust = async (channel: Channel): Promise<void> => {
    const remote = await Remote.open(channel, { project: testProject, agent: "fuzz/1", wantTrees: true });
    try {
      await readHead(remote, undefined, "/home/user" as ByteString);
      await remote.hasMany(Buffer.concat(ids.map(objectIdBytes)));
      for await (const line of remote.log()) line.commit satisfies ObjectId;
      await remote.projects();
      await fetchObjects(remote, ids, () => undefined);
      await remote.commit(commit.id, undefined);
    } finally {
      await remote.close();
    }
  };
  const converse = async (bytes: Buffer): Promise<string | undefined> => {
    const { client, server } = openMemoryChannel({ client: "client", server: "server" });
    const trusting = endOf(trust(client));
    // what the client says is not listened to, and so the store has said all before it closes
    for (const frame of framesOf(bytes)) await Promise.race([endOf(server.send(frame)), trusting]);
    await server.close();
    throwUnlessGone(await within(20_000, "the client", trusting));
    return undefined;
  };
  await fuzz(t, "Remote", {
    seeds: [conversation(welcome, ...honest), conversation({ ...welcome, trees: false, head: undefined })],
    material: [conversation(welcome, ...honest, ...meaningful), ...conversations([welcome], anything, 30)],
    shape: frames,
    // what a store tells of itself comes out as its own error
    codes: [...codes, "LIMIT"],
    allocatedBytes: 64 << 20,
    judge: converse,
    count: 6000,
  });
});
