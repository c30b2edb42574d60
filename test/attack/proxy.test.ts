/** Behind a reverse proxy: where somebody comes from is what the proxy says, and never what he says himself. */
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { Remote } from "../../src/client/remote.js";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { TrustedProxies } from "../../src/server/trusted-proxies.js";
import { until, within } from "../helpers/deadline.js";
import { handshake, rawSocket } from "../helpers/raw-client.js";
import { testProject } from "../helpers/small-commit.js";
import { serveStore, type Served } from "../helpers/served-store.js";

/** Passes upgrades on, as nginx does: under a prefix that it takes off, with the client's address at the end of X-Forwarded-For. */
async function openReverseProxy(t: Test, { to, prefix, claim }: { to: number; prefix: string; claim: () => string }) {
  const proxy = createServer((_, response) => response.writeHead(404).end());
  const sockets = new Set<Socket>();
  proxy.on("upgrade", (request: IncomingMessage, client: Socket) => {
    if (!request.url?.startsWith(prefix)) {
      const isSlashMissing = `${request.url}/` === prefix;
      const location = isSlashMissing ? `https://elsewhere.example${prefix}` : "/somewhere/else/";
      client.end(`HTTP/1.1 301 Moved Permanently\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const before = request.headers["x-forwarded-for"];
    const upstream = httpRequest({
      port: to,
      host: "127.0.0.1",
      path: request.url.slice(prefix.length - 1),
      headers: { ...request.headers, "x-forwarded-for": [...(before ? [before].flat() : []), claim()].join(", ") },
    });
    upstream.on("upgrade", (response, server: Socket, head: Buffer) => {
      const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      client.write(head);
      for (const [from, into] of [
        [client, server],
        [server, client],
      ] as const) {
        sockets.add(from);
        from.on("error", () => into.destroy()).on("close", () => into.destroy());
        from.pipe(into);
      }
    });
    upstream.on("response", (response) => client.end(`HTTP/1.1 ${response.statusCode} No\r\nRetry-After: 30\r\n\r\n`));
    upstream.on("error", () => client.destroy());
    upstream.end();
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}`;
}

/** The peer that a session is told to be of. */
async function peerAt(served: Served, url: string): Promise<string> {
  const before = served.events.length;
  const remote = await Remote.open(await dialWebSocket(url), { project: testProject, agent: "t", wantTrees: false });
  await remote.close();
  await until(() => served.events.slice(before).some(({ type }) => type === "opened"), "the session");
  const opened = served.events.slice(before).find((event) => event.type === "opened");
  return opened !== undefined && "peer" in opened ? opened.peer : "";
}

const behind = { trustedProxies: new TrustedProxies(["127.0.0.1"]), isInsecure: true };

t.test("through a proxy with a prefix, the address is the client's, and limits are by that", async (t) => {
  const limits = { sessions: 10, sessionsPerAddress: 1 };
  const served = await serveStore(t, t.testdir(), { ...behind, limits });
  let from = "203.0.113.7";
  const url = await openReverseProxy(t, { to: served.port, prefix: "/bak/", claim: () => from });
  t.equal(await peerAt(served, url), "203.0.113.7");
  await until(() => served.events.some(({ type }) => type === "closed"), "the end");
  const hello = { project: testProject, agent: "t", wantTrees: false };
  const inside = await Remote.open(await dialWebSocket(url), hello);
  await t.rejects(dialWebSocket(url), { code: "NO_SERVER", message: /too many connections from here/ });
  from = "203.0.113.8";
  const other = await Remote.open(await dialWebSocket(url), hello);
  await Promise.all([inside.close(), other.close()]);
});

t.test("a prefix without its slash will do, where the proxy says so; nobody is led elsewhere", async (t) => {
  const served = await serveStore(t, t.testdir(), behind);
  const url = await openReverseProxy(t, { to: served.port, prefix: "/bak/", claim: () => "203.0.113.7" });
  t.equal(await peerAt(served, url.slice(0, -1)), "203.0.113.7");
  for (const other of ["ba", "other", ""])
    await t.rejects(
      dialWebSocket(new URL(`/${other}`, url).href),
      { code: "NO_SERVER", message: /answered 301/ },
      other,
    );
});

t.test("a server that asks for one slash more each time is no bak server", async (t) => {
  const server = createServer();
  let asked = 0;
  server.on("upgrade", ({ url }: IncomingMessage, client: Socket) => {
    asked += 1;
    client.end(`HTTP/1.1 301 Moved Permanently\r\nLocation: ${url}/\r\nContent-Length: 0\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/bak`;
  await t.rejects(dialWebSocket(url), { code: "NO_SERVER", message: /answered 301/ });
  t.equal(asked, 2);
});

t.test("what a client claims itself is its own word: only what the proxy has added counts", async (t) => {
  const served = await serveStore(t, t.testdir(), behind);
  const answers: [string, string | RegExp][] = [
    ["203.0.113.9", "203.0.113.9"],
    ["10.0.0.1, 203.0.113.9", "203.0.113.9"],
    ["203.0.113.9, 127.0.0.1", "203.0.113.9"],
    ["127.0.0.1, 127.0.0.1", /^127\.0\.0\.1:\d+$/],
    ["203.0.113.9, nonsense", /^127\.0\.0\.1:\d+$/],
    ["203.0.113.9:4711", "203.0.113.9"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
  ];
  for (const [claim, expected] of answers) {
    const socket = await rawSocket(t, served.port);
    const seen = peersOf(served).length;
    socket.write(handshake.replace("Host: x", `Host: x\r\nX-Forwarded-For: ${claim}`));
    await within(5000, "the upgrade", once(socket, "data"));
    socket.destroy();
    await until(() => peersOf(served).length > seen, "the end");
    t.match(peersOf(served).at(-1), expected, claim);
  }
});

t.test("without --trust-proxy, and from elsewhere than the proxy, the header counts for nothing", async (t) => {
  for (const options of [{}, { trustedProxies: new TrustedProxies(["192.0.2.0/24"]), isInsecure: true }]) {
    const served = await serveStore(t, join(t.testdir(), "trusted" in options ? "a" : "b"), options);
    const socket = await rawSocket(t, served.port);
    socket.write(handshake.replace("Host: x", "Host: x\r\nX-Forwarded-For: 203.0.113.9"));
    await within(5000, "the upgrade", once(socket, "data"));
    socket.destroy();
    await until(() => peersOf(served).length > 0, "the end");
    t.match(peersOf(served)[0], /^127\.0\.0\.1:\d+$/);
    await served.listener.close();
  }
});

t.test(
  "a store without tokens is not served to others through a proxy, though the server listens to this machine alone",
  async (t) => {
    const trustedProxies = new TrustedProxies(["127.0.0.1"]);
    await t.rejects(serveStore(t, t.testdir(), { trustedProxies }), { code: "NOT_ALLOWED", message: /behind a proxy/ });
  },
);

t.test("proxies are addresses and networks", (t) => {
  const proxies = new TrustedProxies(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32", "::1/128"]);
  for (const inside of ["10.1.2.3", "127.0.0.1", "2001:db8:5::1", "::1"]) t.ok(proxies.has(inside), inside);
  for (const outside of ["11.0.0.1", "127.0.0.2", "2001:db9::1", "nas", ""]) t.notOk(proxies.has(outside), outside);
  for (const bad of ["", "nas", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/8/8", "::/129", "10.0.0", "fe80::1%eth0"])
    t.throws(() => new TrustedProxies([bad]), { code: "USAGE" }, bad);
  t.equal(proxies.originOf("::ffff:10.0.0.1", "203.0.113.1"), "203.0.113.1");
  t.equal(proxies.originOf("10.0.0.1", ["203.0.113.1, 10.0.0.2", "10.0.0.3"]), "203.0.113.1");
  t.equal(proxies.originOf("10.0.0.1", `${"198.51.100.1,".repeat(1000)}10.0.0.2`), "198.51.100.1");
  t.equal(proxies.originOf("10.0.0.1", "10.0.0.9,".repeat(1000)), "10.0.0.1");
  t.end();
});

function peersOf({ events }: Served): string[] {
  return events.flatMap((event) => (event.type === "failed" ? [event.peer] : []));
}
