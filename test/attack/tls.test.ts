/** Somebody sits between a laptop and its NAS, or in the NAS's place: nothing is said to them. */
import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo } from "node:net";
import { connect as connectTls, type SecureVersion } from "node:tls";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { dialWebSocket } from "../../src/protocol/websocket-dial.js";
import { isKeyFingerprint, type KeyFingerprint } from "../../src/protocol/server-key.js";
import { selfSignedIn } from "../../src/server/certificates.js";
import { makeSelfSigned } from "../../src/server/self-signed.js";
import { rawSocket, handshake } from "../helpers/raw-client.js";
import { until, within } from "../helpers/deadline.js";
import { openImpostor } from "../helpers/impostor.js";
import { serveStore } from "../helpers/served-store.js";

/** What a server answers to bytes that are sent as they are, up to its hanging up. */
async function answerTo(t: Parameters<typeof rawSocket>[0], port: number, bytes: string | Buffer): Promise<string> {
  const socket = await rawSocket(t, port);
  const pieces: Buffer[] = [];
  socket.on("data", (piece) => void pieces.push(piece));
  socket.write(bytes);
  await within(5000, "the end", once(socket, "close"));
  return Buffer.concat(pieces).toString("latin1");
}

t.test("a key that was made once is the server's for good, and nobody else's to read", async (t) => {
  const folder = t.testdir();
  const first = await serveStore(t, folder, { tls: selfSignedIn(folder) });
  const { fingerprint } = first.listener;
  t.ok(isKeyFingerprint(fingerprint));
  t.equal(statSync(join(folder, "tls-key.pem")).mode & 0o777, 0o600);
  const channel = await dialWebSocket(first.listener.url, { pin: fingerprint });
  await channel.close();
  await first.listener.close();
  const second = await serveStore(t, folder, { tls: selfSignedIn(folder) });
  t.equal(second.listener.fingerprint, fingerprint);
  await (await dialWebSocket(second.listener.url, { pin: fingerprint })).close();
  const [key = ""] = /-----BEGIN PRIVATE KEY-----\n(.*)/.exec(readFileSync(join(folder, "tls-key.pem"), "utf8")) ?? [];
  t.notOk(JSON.stringify([first.events, second.events]).includes(key));
});

t.test("a server with another key than the pinned one is told nothing", async (t) => {
  const mine = await serveStore(t, t.testdir(), { tls: selfSignedIn(t.testdirName) });
  const impostor = await openImpostor(t);
  const pin = mine.listener.fingerprint as KeyFingerprint;
  const error = await dialWebSocket(`wss://127.0.0.1:${impostor.port}`, { pin }).then(
    () => undefined,
    (error: unknown) => error as Error & { hint: string },
  );
  t.match(error, { code: "UNTRUSTED_SERVER", exitCode: 12, hint: /bak logout wss:.*bak login wss:/ });
  t.ok(error?.message.includes(pin), "the key that it should have is named");
  t.match(error?.message, /it has SHA256:\S{43}, and SHA256:\S{43} is pinned/);
  await until(() => impostor.gone === 1, "the end");
  t.strictSame(impostor.heard, []);
});

t.test("a certificate that copies all but the key is another server", async (t) => {
  const folder = t.testdir();
  const mine = await serveStore(t, folder, { tls: selfSignedIn(folder) });
  const pem = readFileSync(join(folder, "tls-key.pem"), "latin1");
  const { key } = makeSelfSigned([]);
  // the certificate of the real one is there for all to see; without its key nobody can speak TLS with it
  await t.rejects(openImpostor(t, { key, cert: pem.slice(pem.indexOf("-----BEGIN CERT")) }), /mismatch/);
  const impostor = await openImpostor(t, makeSelfSigned(["localhost", "nas"]));
  await t.rejects(dialWebSocket(`wss://127.0.0.1:${impostor.port}`, { pin: mine.listener.fingerprint }), {
    code: "UNTRUSTED_SERVER",
  });
  await until(() => impostor.gone === 1, "the end");
  t.strictSame(impostor.heard, []);
});

t.test(
  "without a pin, a certificate that no authority has signed is told nothing, whatever the environment says",
  async (t) => {
    const impostor = await openImpostor(t);
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    t.teardown(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
    await t.rejects(dialWebSocket(`wss://localhost:${impostor.port}`), {
      code: "UNTRUSTED_SERVER",
      message: /self-signed/,
      hint: /bak login wss:/,
    });
    await until(() => impostor.gone === 1, "the end");
    t.strictSame(impostor.heard, []);
  },
);

t.test("clear text on the port of TLS is not answered, and TLS on the port of clear text neither", async (t) => {
  const folder = t.testdir();
  const secret = await serveStore(t, folder, { tls: selfSignedIn(folder) });
  t.notMatch(await answerTo(t, secret.port, handshake), /HTTP|bak/);
  await t.rejects(dialWebSocket(`ws://127.0.0.1:${secret.port}`), { code: "NO_SERVER", hint: /check|wss/ });

  const open = await serveStore(t, join(folder, "open"));
  await t.rejects(dialWebSocket(`wss://127.0.0.1:${open.port}`), { code: "NO_SERVER", message: /does not speak TLS/ });
  t.strictSame([...secret.events, ...open.events], []);
});

t.test("a client that was told wss:// is not talked into clear text", async (t) => {
  const heard: Buffer[] = [];
  // in place of the server: answers the greeting of TLS with what one in clear text would say
  const between = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard.push(bytes);
      socket.end("HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    });
  });
  between.listen(0, "127.0.0.1");
  await once(between, "listening");
  t.teardown(() => between.close());
  const { port } = between.address() as AddressInfo;
  await t.rejects(dialWebSocket(`wss://127.0.0.1:${port}`), { code: "NO_SERVER" });
  t.equal(heard.length, 1);
  t.equal(heard[0]?.[0], 22, "a record of TLS, and no request");
});

t.test("old versions of TLS are not spoken", async (t) => {
  const folder = t.testdir();
  const { port } = await serveStore(t, folder, { tls: selfSignedIn(folder) });
  for (const version of ["TLSv1", "TLSv1.1"] satisfies SecureVersion[]) {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      ciphers: "ALL:@SECLEVEL=0",
    });
    await t.rejects(within(5000, version, once(socket, "secureConnect")), /alert|version|protocol/i);
    socket.destroy();
  }
  const half = connectTcp(port, "127.0.0.1");
  half.on("error", () => undefined);
  half.write(Buffer.from("160301", "hex")); // half a greeting
  half.destroy();
});
