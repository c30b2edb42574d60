/** Many who want nothing but to be in the way: they cost little, are told of once, and who means it is served. */
import { once } from "node:events";
import { join } from "node:path";
import t from "tap";
import { encodeMessage } from "../../src/protocol/message-codec.js";
import { until, within } from "../helpers/deadline.js";
import { end, honest, seesPushGoOn } from "../helpers/in-the-way.js";
import { handshake, rawFrame, rawSocket, rawWebSocket } from "../helpers/raw-client.js";
import { hello } from "../helpers/speaker.js";
import { serveStore } from "../helpers/served-store.js";

const mib = 1 << 20;

const greeting = rawFrame(encodeMessage(hello));

t.test("an honest push goes on at half its speed at least while 200 others are in the way", async (t) => {
  await seesPushGoOn(t, await serveStore(t, t.testdir()), ["nothing", "garbage", "half"]);
});

t.test("of half a message that comes before hello, no more is taken than a hello needs", async (t) => {
  const served = await serveStore(t, t.testdir());
  const big = rawFrame(Buffer.alloc(0), { length: BigInt(9 * mib) });
  const sockets = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = await rawWebSocket(t, served.port);
      const closed = end(socket);
      socket.write(Buffer.concat([big, Buffer.alloc(mib)]));
      await within(10_000, "the end", closed);
      return socket;
    }),
  );
  t.equal(sockets.length, 50);
  const remote = await honest(served);
  await remote.close();
});

t.test("who waits makes room for who comes, first of the address that has most, and is told why", async (t) => {
  const limits = { waiting: 6, waitingPerAddress: 4 };
  const served = await serveStore(t, t.testdir(), { limits });
  const first = await rawWebSocket(t, served.port);
  const heard: Buffer[] = [];
  first.on("data", (bytes: Buffer) => void heard.push(bytes));
  const gone = end(first);
  for (let count = 0; count < 4; count += 1) await rawSocket(t, served.port);
  await within(5000, "the end of the first", gone);
  t.match(Buffer.concat(heard).toString("latin1"), /LIMIT.*too many connections wait here/s);
  for (let count = 0; count < 20; count += 1) await rawSocket(t, served.port);
  const remote = await honest(served);
  t.strictSame(await remote.projects(), []);
  await remote.close();
  t.equal(served.events.filter(({ type }) => type === "crowded").length, 1);
});

t.test(
  "sessions are as many as may be, in all and from one address, with a status and a time to come again",
  async (t) => {
    for (const [limits, status] of [
      [{ sessions: 2, sessionsPerAddress: 2 }, "503 Service Unavailable"],
      [{ sessions: 5, sessionsPerAddress: 2 }, "429 Too Many Requests"],
    ] as const) {
      const served = await serveStore(t, join(t.testdir(), status.slice(0, 3)), { limits });
      const inside = [await honest(served), await honest(served)];
      const waiting = await rawSocket(t, served.port);
      const answer = once(waiting, "data");
      waiting.write(handshake);
      const [bytes] = (await within(5000, "an answer", answer)) as [Buffer];
      t.match(bytes.toString("latin1"), new RegExp(`^HTTP/1.1 ${status}\r\n[^]*Retry-After: 30\r\n`));
      await t.rejects(honest(served), {
        code: "NO_SERVER",
        message: /too many connections/,
        hint: "try again in 30 s",
      });
      await inside.pop()?.close();
      await until(() => served.events.some(({ type }) => type === "closed"), "the place");
      inside.push(await honest(served));
      await Promise.all(inside.map((remote) => remote.close()));
      t.match(
        served.events.filter(({ type }) => type === "crowded"),
        [{ what: "sessions", from: "127.0.0.1" }],
      );
    }
  },
);

t.test("who asked before the last place was taken is refused at hello, and keeps nothing", async (t) => {
  const served = await serveStore(t, t.testdir(), { limits: { sessions: 1, sessionsPerAddress: 1 } });
  const late = await rawWebSocket(t, served.port);
  const remote = await honest(served);
  const answer = once(late, "data");
  late.write(greeting);
  const [bytes] = (await within(5000, "an answer", answer)) as [Buffer];
  t.match(bytes.toString("latin1"), /LIMIT.*too many sessions/s);
  await remote.close();
});

t.test("headers that are too long, and a page in a browser, are answered so", async (t) => {
  const served = await serveStore(t, t.testdir());
  for (const [header, status] of [
    [`X-Long: ${"x".repeat(9000)}`, "431"],
    [Array.from({ length: 600 }, (_, at) => `X-${at}: ${"y".repeat(10)}`).join("\r\n"), "431"],
    ["Origin: https://evil.example", "403"],
    ["Origin: null", "403"],
    ["Origin: ", "403"],
    ["Origin: http://127.0.0.1", "403"],
  ] as const) {
    const socket = await rawSocket(t, served.port);
    const answer = once(socket, "data");
    socket.write(handshake.replace("Host: x", `Host: x\r\n${header}`));
    const [bytes] = (await within(5000, status, answer)) as [Buffer];
    t.match(bytes.toString("latin1"), new RegExp(`^HTTP/1.1 ${status} `), header.slice(0, 30));
    socket.destroy();
  }
});

t.test("a session that holds memory and moves nothing goes when it is needed; one that moves stays", async (t) => {
  const served = await serveStore(t, t.testdir(), { limits: { heldBytes: 4 * mib } });
  const stuck = await rawWebSocket(t, served.port);
  stuck.write(greeting);
  await until(() => served.events.some(({ type }) => type === "opened"), "hello");
  const remote = await honest(served);
  const closed = end(stuck);
  stuck.write(Buffer.concat([rawFrame(Buffer.alloc(0), { length: BigInt(9 * mib) }), Buffer.alloc(8 * mib)]));
  await within(10_000, "the end of the one that is stuck", closed);
  t.match(
    served.events.filter(({ type }) => type === "letGo"),
    [{ why: "memory" }],
  );
  t.strictSame(await remote.projects(), []);
  await remote.close();
});

t.test("a session without a message for as long as that may be is let go of", async (t) => {
  const served = await serveStore(t, t.testdir(), { timeouts: { idleMs: 300 } });
  const socket = await rawWebSocket(t, served.port);
  const closed = end(socket);
  socket.write(greeting);
  await within(10_000, "the end", closed);
  await until(() => served.events.some(({ type }) => type === "letGo"), "a word about it");
  t.match(
    served.events.filter(({ type }) => type === "letGo"),
    [{ why: "idle" }],
  );
});
