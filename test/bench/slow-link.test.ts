import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import t, { type Test } from "tap";
import { openSlowLink, type LinkOptions, type SlowLink } from "../../bench/slow-link.js";

const megabyte = 1_000_000;

interface World {
  readonly link: SlowLink;
  /** A connection through the link, and the server's end of it. */
  readonly open: () => Promise<{ client: Socket; server: Socket }>;
}

async function openWorld(t: Test, options: LinkOptions): Promise<World> {
  const accepted: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const link = await openSlowLink(portOf(server), options);
  const clients: Socket[] = [];
  t.teardown(async () => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    server.close();
    await link.close();
  });
  const open = async (): Promise<{ client: Socket; server: Socket }> => {
    const connected = once(server, "connection");
    const client = connect({ port: link.port, host: "127.0.0.1", allowHalfOpen: true });
    clients.push(client);
    const [socket] = (await connected) as [Socket];
    return { client, server: socket };
  };
  return { link, open };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Resolves when so many bytes have come. */
async function receive(socket: Socket, bytes: number): Promise<void> {
  let left = bytes;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    left -= (chunk as Buffer).length;
    if (left <= 0) return;
  }
  throw new Error(`ended ${left} bytes too early`);
}

t.test("a link carries as many bytes a second as it was told, within 3%", async (t) => {
  const options = { roundTripMs: 10, bytesPerSecond: 2 * megabyte, bufferBytes: 4 * megabyte };
  const { open } = await openWorld(t, options);
  const { client, server } = await open();
  client.write(Buffer.alloc(1000));
  await receive(server, 1000); // the connection is open
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const times: number[] = [];
    // a busy machine is late now and then, but the line is never faster than it should be
    while (times.length < 5 && !(Math.min(...times) < 1.03)) {
      const begin = performance.now();
      from.write(Buffer.alloc(2 * megabyte));
      await receive(to, 2 * megabyte);
      times.push((performance.now() - begin - 5) / 1000);
    }
    const fastest = Math.min(...times);
    t.ok(fastest > 0.97 && fastest < 1.03, `2 MB in ${times.join(", ")} s`);
  }
});

t.test("two connections share the line", async (t) => {
  const { open } = await openWorld(t, { roundTripMs: 2, bytesPerSecond: 10 * megabyte });
  const pairs = [await open(), await open()];
  const begin = performance.now();
  for (const { client } of pairs) client.write(Buffer.alloc(2 * megabyte));
  await Promise.all(pairs.map(({ server }) => receive(server, 2 * megabyte)));
  const seconds = (performance.now() - begin) / 1000;
  t.ok(seconds > 0.4 * 0.97, `twice 2 MB in ${seconds} s`);
});

t.test("an answer takes a round trip, and the first one another for the connection to open", async (t) => {
  const { open } = await openWorld(t, { roundTripMs: 60, bytesPerSecond: 100 * megabyte });
  const firsts: number[] = [];
  const others: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const begin = performance.now();
    const { client, server } = await open();
    server.pipe(server);
    const ask = async (): Promise<number> => {
      client.write("?");
      await receive(client, 1);
      return performance.now();
    };
    const first = await ask();
    firsts.push(first - begin);
    others.push((await ask()) - first);
  }
  const [first, other] = [Math.min(...firsts), Math.min(...others)];
  t.ok(first >= 119 && first < 130, `the first answers after ${firsts.join(", ")} ms`);
  t.ok(other >= 59 && other < 68, `others after ${others.join(", ")} ms`);
});

t.test("what a link holds is bounded, and the sender feels it", async (t) => {
  const bufferBytes = 100_000;
  const { link, open } = await openWorld(t, { roundTripMs: 4, bytesPerSecond: 100 * megabyte, bufferBytes });
  const { client, server } = await open();
  server.pause();
  const sent = 40 * megabyte;
  let isAllTaken = false;
  client.write(Buffer.alloc(sent), () => (isAllTaken = true));
  // until nothing has moved for a while: the kernel's buffers are full, too
  for (let before = -1; link.carried().upBytes !== before;) {
    before = link.carried().upBytes;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  t.notOk(isAllTaken, "the sender still waits");
  t.ok(link.mostHeldBytes() > bufferBytes, "it was full");
  t.ok(link.mostHeldBytes() < bufferBytes + 200_000 + (64 << 10), `it held ${link.mostHeldBytes()} bytes`);
  await receive(server, sent);
  t.equal(link.carried().upBytes, sent);
});

t.test("an end travels behind the bytes, and the other direction goes on", async (t) => {
  const { open } = await openWorld(t, { roundTripMs: 20, bytesPerSecond: megabyte });
  const { client, server } = await open();
  client.end(Buffer.alloc(20_000, 1));
  let received = 0;
  server.on("data", (chunk) => (received += chunk.length));
  await once(server, "end");
  t.equal(received, 20_000);
  server.end("and yet");
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  t.equal(Buffer.concat(chunks).toString(), "and yet");
});

t.test("a connection that breaks on one side breaks on the other", async (t) => {
  const { open } = await openWorld(t, { roundTripMs: 2, bytesPerSecond: megabyte });
  const { client, server } = await open();
  client.write("a");
  await receive(server, 1);
  client.resume();
  const broken = once(client, "error");
  server.resetAndDestroy();
  const [error] = (await broken) as [NodeJS.ErrnoException];
  t.equal(error.code, "ECONNRESET");
});
