/** Clients that are silent, slow, greedy or mad, over real sockets: each costs a bounded amount, and the others are served. */
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import t from "tap";
import { WebSocket } from "ws";
import { Remote } from "../../src/client/remote.js";
import { objectIdBytes } from "../../src/objects/object-id.js";
import { subprotocol } from "../../src/protocol/limits.js";
import { decodeMessage, encodeMessage } from "../../src/protocol/message-codec.js";
import type { Message } from "../../src/protocol/messages.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { nodeDisk, type Disk } from "../../src/store/disk.js";
import { seededBytes } from "../helpers/arbitrary-bytes.js";
import { settle, standstill, until, within } from "../helpers/deadline.js";
import { handshake, pour, rawFrame, rawSocket, rawWebSocket } from "../helpers/raw-client.js";
import { serveStore, type Served } from "../helpers/served-store.js";
import { testProject } from "../helpers/small-commit.js";
import { hello } from "../helpers/speaker.js";
import { makePack, object, send } from "../helpers/store-pack.js";

const mib = 1 << 20;

/** What is sent to who should not take it. */
const flooded = 48 * mib;

/** The server's ends of the connections: the first that was opened stands first. */
const accepted: Socket[] = [];
subscribe("net.server.socket", (opened) => void accepted.push((opened as { socket: Socket }).socket));

/**
 * How much the server has read from the connection that was opened last. What the other end has written says less: the
 * system's buffers hold up to 36 MiB of it, or less, as it likes.
 */
const lastRead = (): number => accepted.at(-1)?.bytesRead ?? Number.NaN;

/** Somebody else is served all the while. */
async function isServed({ port }: Served): Promise<boolean> {
  const channel = await dialWebSocket(`ws://127.0.0.1:${port}`);
  const remote = await Remote.open(channel, { project: testProject, agent: "test/1", wantTrees: false });
  const projects = await within(5000, "an answer", remote.projects());
  await remote.close();
  return projects.length === 0;
}

t.test("who connects and says nothing, or half a handshake, is sent away", async (t) => {
  const served = await serveStore(t, t.testdir(), { timeouts: { handshakeMs: 400 } });
  for (const beginning of ["", "GET / HT", handshake.slice(0, -2)]) {
    const socket = await rawSocket(t, served.port);
    const closed = once(socket, "close");
    socket.write(beginning);
    await within(5000, `the end of '${beginning.slice(0, 8)}'`, closed);
  }
  t.ok(await isServed(served));
});

t.test("who does not say hello is told so and sent away, though he answers pings", async (t) => {
  const served = await serveStore(t, t.testdir(), { timeouts: { helloMs: 300, silenceMs: 200 } });
  const socket = new WebSocket(`ws://127.0.0.1:${served.port}`, subprotocol);
  const told = once(socket, "message") as Promise<[Buffer]>;
  const closed = once(socket, "close");
  const [frame] = await within(5000, "a word", told);
  t.match(decodeMessage(frame), { type: "error", request: 0, code: "PROTOCOL", message: "no hello came in time" });
  await within(5000, "the close", closed);
  t.ok(await isServed(served));
});

t.test("who falls silent within a frame, or after hello, is given up", async (t) => {
  const served = await serveStore(t, t.testdir(), { timeouts: { silenceMs: 300 } });
  for (const said of [
    Buffer.alloc(0),
    rawFrame(encodeMessage(hello)),
    rawFrame(Buffer.alloc(100), { length: 5000n }),
  ]) {
    const socket = await rawWebSocket(t, served.port);
    const closed = once(socket, "close");
    socket.write(said);
    await within(5000, "the end", closed);
  }
  await until(() => served.events.filter(({ type }) => type === "failed").length === 3, "the sessions' ends");
  for (const event of served.events) {
    if (event.type === "failed") t.match(event.error, { code: "CONNECTION_LOST", message: /nothing heard for 0.3 s/ });
  }
});

t.test("who has said hello may be silent for as long as pings are answered", async (t) => {
  const served = await serveStore(t, t.testdir(), { timeouts: { handshakeMs: 100, helloMs: 100, silenceMs: 100 } });
  const channel = await dialWebSocket(`ws://127.0.0.1:${served.port}`);
  const remote = await Remote.open(channel, { project: testProject, agent: "test/1", wantTrees: false });
  await sleep(1000); // ten times as long as anything may be waited for
  t.strictSame(await remote.projects(), []);
  await remote.close();
});

t.test(
  "a message that takes longer than the limit of silence to come is taken, as long as something of it comes",
  async (t) => {
    const served = await serveStore(t, t.testdir(), { timeouts: { silenceMs: 300 } });
    const socket = await rawWebSocket(t, served.port);
    const frame = rawFrame(encodeMessage({ ...hello, agent: "slow/1".padEnd(200) }));
    for (let at = 0; at < frame.length; at += 20) {
      socket.write(frame.subarray(at, at + 20));
      await sleep(60); // of which some fifteen make 0.9 s
    }
    await until(() => served.events.some(({ type }) => type === "opened"), "hello");
  },
);

t.test("a frame that says that it is huge is refused before it comes", async (t) => {
  const served = await serveStore(t, t.testdir());
  const before = process.memoryUsage().arrayBuffers;
  for (const length of [9_502_785n, 1n << 32n, (1n << 63n) - 1n]) {
    const socket = await rawWebSocket(t, served.port);
    const closed = once(socket, "close");
    socket.write(rawFrame(Buffer.alloc(10), { length }));
    await within(5000, `the end of ${length}`, closed);
  }
  t.ok(process.memoryUsage().arrayBuffers - before < 4 * mib);
  t.ok(await isServed(served));
});

t.test("who asks, never reads the answers, and goes on sending is not read from any more", async (t) => {
  const served = await serveStore(t, t.testdir());
  const blobs = Array.from({ length: 30 }, (_, index) => object("blob", seededBytes(index, mib)));
  await send(served.store, await makePack(...blobs.map((each) => [each])));
  const get: Message = { type: "get", request: 3, ids: Buffer.concat(blobs.map(({ id }) => objectIdBytes(id))) };
  const floods: Record<string, Buffer> = {
    "empty frames": rawFrame(Buffer.alloc(0)),
    "short questions": rawFrame(encodeMessage({ type: "projects", request: 5 })),
    "long questions": rawFrame(encodeMessage({ type: "has", request: 5, ids: Buffer.alloc(32 * 65_536) })),
  };
  for (const [name, frame] of Object.entries(floods)) {
    const socket = await rawWebSocket(t, served.port);
    socket.pause();
    socket.write(rawFrame(encodeMessage(hello)));
    socket.write(rawFrame(encodeMessage(get)));
    await standstill(() => socket.bytesRead);
    const piece = Buffer.concat(Array<Buffer>(Math.ceil((1 << 16) / frame.length)).fill(frame));
    const pouring = pour(socket, Array<Buffer>(Math.ceil(flooded / piece.length)).fill(piece));
    await standstill(() => pouring.takenBytes);
    const read = lastRead();
    t.ok(read < 5 * mib, `${name}: ${read} of ${flooded} bytes were read`);
    t.ok(await isServed(served));
    socket.destroy();
  }
});

t.test("who sends pings, and never reads the pongs, is sent away", async (t) => {
  const served = await serveStore(t, t.testdir());
  const socket = await rawWebSocket(t, served.port);
  socket.pause();
  const pings = Buffer.concat(Array<Buffer>(10_000).fill(rawFrame(Buffer.alloc(125), { opcode: 9 })));
  while (!socket.destroyed && socket.bytesWritten < 300 * mib) {
    socket.write(pings);
    await settle(5);
  }
  t.ok(socket.destroyed, `${socket.bytesWritten} bytes`);
  t.ok(await isServed(served));
});

t.test("who sends faster than the disk can write is held back", async (t) => {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  let written = 0;
  const slow: Disk = {
    ...nodeDisk,
    createFile: async (path) => {
      const file = await nodeDisk.createFile(path);
      if (!path.includes("incoming")) return file;
      return {
        write: async (bytes) => {
          if (bytes.length > mib / 2) await gate;
          written += bytes.length;
          await file.write(bytes);
        },
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
  const served = await serveStore(t, t.testdir(), { store: { disk: slow } });
  const blobs = Array.from({ length: 100 }, (_, index) => object("blob", seededBytes(index, mib)));
  const pack = await makePack(...blobs.map((each) => [each]));
  const socket = await rawWebSocket(t, served.port);
  const members = pack.members.map((member): Message => ({ type: "packMember", request: 3, member }));
  const messages: Message[] = [hello, { type: "packBegin", request: 3 }, ...members];
  const end: Message = { type: "packEnd", request: 3, pack: pack.id };
  const pouring = pour(
    socket,
    [...messages, end].map((message) => rawFrame(encodeMessage(message))),
  );
  await standstill(() => pouring.takenBytes);
  const read = lastRead();
  t.ok(read < 8 * mib + 4 * mib + 3 * mib, `${read} bytes were read of ${100 * mib}`);
  t.ok(written < mib);
  t.ok(await isServed(served));
  open();
  await until(() => blobs.every(({ id }) => served.store.has(id)), "the pack", 60_000);
});
