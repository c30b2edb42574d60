/** The channel over a WebSocket, with real sockets, and peers that do not keep to the rules. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import { maxFrameBytes, subprotocol } from "../../src/protocol/limits.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { channelContract } from "../helpers/channel-contract.js";
import { acceptChannels, pairs } from "../helpers/channel-pairs.js";
import { settle, until, within } from "../helpers/deadline.js";

channelContract(t, pairs["over a WebSocket"]!);

/** A client that is no channel: what it does is up to the test. */
async function rawClient(t: Test, url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, subprotocol);
  socket.on("error", () => undefined);
  t.teardown(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

t.test("text frames are refused, and end the connection", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  client.send("hello");
  const [code] = (await once(client, "close")) as [number];
  t.equal(code, 1003);
  await t.rejects(server.receive(), { code: "CONNECTION_LOST", message: /sent text/ });
});

t.test("a peer that is gone without a word is a lost connection", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  const reading = server.receive();
  client.terminate();
  await t.rejects(within(5000, "reading", reading), { code: "CONNECTION_LOST" });
  await t.rejects(server.send(Buffer.from("a")), { code: "CONNECTION_LOST" });
  await within(5000, "closing", server.close());
});

t.test("a frame beyond the limit is refused before it is there", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  client.send(Buffer.alloc(maxFrameBytes + 1));
  const [code] = (await within(5000, "the close", once(client, "close"))) as [number];
  t.equal(code, 1009);
  await t.rejects(server.receive(), { code: "CONNECTION_LOST" });
});

t.test("the largest frame there may be goes through", async (t) => {
  const listener = await acceptChannels(t);
  const client = await dialWebSocket(listener.url);
  const server = await listener.next();
  await client.send(Buffer.alloc(maxFrameBytes, 9));
  t.equal((await server.receive())?.length, maxFrameBytes);
  await client.close();
});

t.test(
  "a close for another reason than the work's end is a lost connection, and its words stay on one line",
  async (t) => {
    const listener = await acceptChannels(t);
    const client = await rawClient(t, listener.url);
    const server = await listener.next();
    client.close(4000, "\u001b[2Jgone\nbak: all is well");
    await t.rejects(server.receive(), {
      code: "CONNECTION_LOST",
      // eslint-disable-next-line no-control-regex
      message: /^lost the connection to '[^']+': [^\u0000-\u001f]*gone bak: all is well$/,
    });
  },
);

t.test("a reader that stops is not sent more than the queues hold, on the wire too", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  client.pause();
  let sent = 0;
  const writing = (async () => {
    for (; sent < 200; sent += 1) await server.send(Buffer.alloc(1 << 20));
  })();
  await settle(300);
  t.ok(sent < 24, `${sent} MiB`);
  let got = 0;
  client.on("message", () => (got += 1));
  client.resume();
  await writing;
  await until(() => got === 200, "all 200 frames");
  client.close(1000);
  t.equal(await server.receive(), undefined);
});

t.test("a writer whose reader stops is not read beyond the queue", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  for (let index = 0; index < 100; index += 1) client.send(Buffer.alloc(1 << 20, index));
  await settle(300);
  t.ok(client.bufferedAmount > 70 << 20, `${client.bufferedAmount} bytes are still with the sender`);
  for (let index = 0; index < 100; index += 1) t.equal((await server.receive())?.[5], index);
  await server.close();
});

t.test("a close is heard though nobody reads", async (t) => {
  const listener = await acceptChannels(t);
  const client = await rawClient(t, listener.url);
  const server = await listener.next();
  for (let index = 0; index < 30; index += 1) client.send(Buffer.alloc(1 << 20));
  await settle(100);
  const closed = once(client, "close");
  await within(1500, "closing", server.close());
  const [code] = (await closed) as [number];
  t.equal(code, 1000, "in order, not by force");
});

t.test("only our own subprotocol is spoken", async (t) => {
  const listener = await acceptChannels(t);
  for (const offered of [[], ["bak.v1"], ["chat", "soap"]]) {
    const socket = new WebSocket(listener.url, offered);
    const [error] = (await once(socket, "error")) as [Error];
    t.match(error.message, "400");
  }
  const socket = new WebSocket(listener.url, ["chat", subprotocol]);
  await once(socket, "open");
  t.equal(socket.protocol, subprotocol);
  await (await listener.next()).close();
});

t.test("who does not answer as a bak server does is no server", async (t) => {
  const http = createServer((_, response) => response.end("<html>"));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.teardown(() => http.close());
  const { port } = http.address() as AddressInfo;
  await t.rejects(dialWebSocket(`ws://127.0.0.1:${port}`), { code: "NO_SERVER", message: /200/ });

  const sockets = new Set<Socket>();
  const deaf = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.end("SSH-2.0-OpenSSH_9.6\r\n");
  });
  deaf.listen(0, "127.0.0.1");
  await once(deaf, "listening");
  t.teardown(() => deaf.close());
  await t.rejects(dialWebSocket(`ws://127.0.0.1:${(deaf.address() as AddressInfo).port}`), { code: "NO_SERVER" });
});

t.test("a port where nobody listens says so", async (t) => {
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  http.close();
  await once(http, "close");
  await t.rejects(dialWebSocket(`ws://127.0.0.1:${port}`), {
    code: "NO_SERVER",
    message: `cannot reach the server 'ws://127.0.0.1:${port}': connection refused`,
  });
});

t.test("a handshake is given up when it takes too long, or on demand", async (t) => {
  const silent = createTcpServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const stop = new AbortController();
  const connected = once(silent, "connection");
  const dialing = dialWebSocket(`ws://127.0.0.1:${port}`, { signal: stop.signal });
  const [socket] = (await connected) as [Socket];
  await t.rejects(within(2000, "dialing", dialWebSocket(`ws://127.0.0.1:${port}`, { handshakeMs: 20 })), {
    code: "NO_SERVER",
    message: `cannot reach the server 'ws://127.0.0.1:${port}': it did not answer in time`,
  });
  stop.abort(new Error("no more"));
  await t.rejects(within(2000, "dialing", dialing), new Error("no more"));
  await t.rejects(dialWebSocket(`ws://127.0.0.1:${port}`, { signal: stop.signal }), new Error("no more"));
  socket.destroy();
});

t.test("bytes that are no WebSocket frames end the connection and nothing else", async (t) => {
  const listener = await acceptChannels(t);
  const socket = connect(listener.port, "127.0.0.1");
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
  );
  const server = await listener.next();
  socket.on("error", () => undefined);
  socket.end(Buffer.alloc(100, 0xff));
  await t.rejects(within(5000, "reading", server.receive()), { code: "CONNECTION_LOST" });
  socket.destroy();
});
