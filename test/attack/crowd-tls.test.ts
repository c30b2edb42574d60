/** Many who are in the way of a server that speaks TLS: before a handshake, amid it, and behind it. */
import { once } from "node:events";
import { join } from "node:path";
import type { Socket } from "node:net";
import t, { type Test } from "tap";
import { encodeMessage } from "../../src/protocol/message-codec.js";
import { selfSignedIn } from "../../src/server/certificates.js";
import type { ListenOptions } from "../../src/server/listener.js";
import { until, within } from "../helpers/deadline.js";
import { end, honest, seesPushGoOn } from "../helpers/in-the-way.js";
import { handshake, rawFrame, rawSocket, rawTlsSocket, rawWebSocket } from "../helpers/raw-client.js";
import { hello } from "../helpers/speaker.js";
import { serveStore, type Served } from "../helpers/served-store.js";

const mib = 1 << 20;

/** The head of a ClientHello, which says that it is 512 bytes long, and a third of them. */
const halfHello = Buffer.alloc(170, 0x55);
halfHello.set([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

function serveTls(t: Test, folder: string, options: Partial<ListenOptions> = {}): Promise<Served> {
  return serveStore(t, folder, { tls: selfSignedIn(folder), ...options });
}

/** All that a socket is told until it is hung up on. */
async function allTold(socket: Socket, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => void pieces.push(piece));
  if (!socket.destroyed) await within(10_000, `the end of ${what}`, end(socket));
  return Buffer.concat(pieces);
}

t.test("an honest push goes on at half its speed at least while 200 others are in the way, over TLS", async (t) => {
  const served = await serveTls(t, t.testdir());
  await seesPushGoOn(t, served, ["nothing", "halfHello", "garbage", "tlsNothing", "tlsGarbage", "tlsHalf"]);
});

t.test("who says nothing, or only half of it, is hung up on in time at each stage of the way", async (t) => {
  const served = await serveTls(t, t.testdir(), { timeouts: { handshakeMs: 400, helloMs: 400, silenceMs: 300 } });
  const { port } = served;
  const said = async (socket: Socket, ...pieces: (Buffer | string)[]): Promise<Socket> => {
    for (const piece of pieces) socket.write(piece);
    return socket;
  };
  const half = rawFrame(Buffer.alloc(10), { length: 1000n });
  const stuck = {
    "a connection": await said(await rawSocket(t, port)),
    "half a ClientHello": await said(await rawSocket(t, port), halfHello),
    "TLS alone": await said(await rawTlsSocket(t, port)),
    "half a request": await said(await rawTlsSocket(t, port), handshake.slice(0, 60)),
    "a WebSocket": await said(await rawWebSocket(t, port, rawTlsSocket)),
    "half a message": await said(await rawWebSocket(t, port, rawTlsSocket), half),
  };
  await Promise.all(Object.entries(stuck).map(([what, socket]) => allTold(socket, what)));
  t.notOk(Object.values(stuck).some(({ closed }) => !closed));
  const remote = await honest(served);
  t.strictSame(await remote.projects(), []);
  await remote.close();
});

t.test(
  "garbage in place of a ClientHello is answered with nothing of bak, and ends the connection at once",
  async (t) => {
    const served = await serveTls(t, t.testdir());
    const bad = {
      ones: Buffer.alloc(4096, 0xff),
      zeros: Buffer.alloc(4096),
      "clear text": Buffer.from(handshake),
      "a record that is too long": Buffer.from([0x16, 3, 1, 0xff, 0xff, ...Buffer.alloc(0x4fff, 1)]),
      "a hello of nothing": Buffer.from([0x16, 3, 1, 0, 4, 1, 0, 0, 0]),
      "data before a key": Buffer.from([0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5]),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      const socket = await rawSocket(t, served.port);
      const told = allTold(socket, what);
      socket.write(bytes);
      const answer = (await told).toString("latin1");
      t.ok(answer.length < 16, `${what}: ${answer.length} bytes`); // an alert at most
      t.notMatch(answer, /HTTP|bak/, what);
    }
    t.strictSame(served.events, [], "which is nothing to be told of");
    await (await honest(served)).close();
  },
);

t.test("who has not finished TLS makes room for who comes, as who has not said hello does", async (t) => {
  const served = await serveTls(t, t.testdir(), { limits: { waiting: 6, waitingPerAddress: 4 } });
  const { port } = served;
  const first = [await rawSocket(t, port), await rawTlsSocket(t, port), await rawWebSocket(t, port, rawTlsSocket)];
  const word = allTold(first[2] as Socket, "the one that speaks WebSocket");
  for (let count = 0; count < 7; count += 1) {
    const socket = await rawSocket(t, port);
    if (count % 2 === 0) socket.write(halfHello);
  }
  for (const [at, socket] of first.entries()) if (!socket.closed) await within(5000, `the end of ${at}`, end(socket));
  t.match((await word).toString("latin1"), /LIMIT.*too many connections wait here/s, "and is told so where he can be");
  const remote = await honest(served);
  t.strictSame(await remote.projects(), []);
  await remote.close();
  t.match(
    served.events.filter(({ type }) => type === "crowded"),
    [{ what: "waiting", from: "127.0.0.1" }],
  );
});

t.test("sessions over TLS are as many as may be, in all and from one address", async (t) => {
  for (const [limits, status] of [
    [{ sessions: 2, sessionsPerAddress: 2 }, "503 Service Unavailable"],
    [{ sessions: 5, sessionsPerAddress: 2 }, "429 Too Many Requests"],
  ] as const) {
    const served = await serveTls(t, join(t.testdir(), status.slice(0, 3)), { limits });
    const inside = [await honest(served), await honest(served)];
    const waiting = await rawTlsSocket(t, served.port);
    const answer = once(waiting, "data");
    waiting.write(handshake);
    const [bytes] = (await within(5000, "an answer", answer)) as [Buffer];
    t.match(bytes.toString("latin1"), new RegExp(`^HTTP/1.1 ${status}\r\n[^]*Retry-After: 30\r\n`));
    await t.rejects(honest(served), { code: "NO_SERVER", message: /too many connections/ });
    await inside.pop()?.close();
    await until(() => served.events.some(({ type }) => type === "closed"), "the place");
    inside.push(await honest(served));
    await Promise.all(inside.map((remote) => remote.close()));
  }
});

t.test(
  "within TLS, no more of half a message is taken than a hello needs, and who is stuck goes when memory is",
  async (t) => {
    const served = await serveTls(t, t.testdir(), { limits: { heldBytes: 4 * mib } });
    const big = rawFrame(Buffer.alloc(0), { length: BigInt(9 * mib) });
    for (let count = 0; count < 10; count += 1) {
      const socket = await rawWebSocket(t, served.port, rawTlsSocket);
      const closed = end(socket);
      socket.write(Buffer.concat([big, Buffer.alloc(mib)]));
      await within(10_000, "the end", closed);
    }
    const stuck = await rawWebSocket(t, served.port, rawTlsSocket);
    stuck.write(rawFrame(encodeMessage(hello)));
    await until(() => served.events.some(({ type }) => type === "opened"), "hello");
    const remote = await honest(served);
    const closed = end(stuck);
    stuck.write(Buffer.concat([big, Buffer.alloc(8 * mib)]));
    await within(10_000, "the end of the one that is stuck", closed);
    t.match(
      served.events.filter(({ type }) => type === "letGo"),
      [{ why: "memory" }],
    );
    t.strictSame(await remote.projects(), []);
    await remote.close();
  },
);
