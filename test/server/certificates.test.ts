/** A server takes a new certificate when its files change, as a pair, and keeps the old one for as long as they are none. */
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import t, { type Test } from "tap";
import { keyFingerprint } from "../../src/protocol/server-key.js";
import { certificateFiles, type WatchPace } from "../../src/server/certificates.js";
import { makeSelfSigned, type KeyAndCertificate } from "../../src/server/self-signed.js";
import { until, within } from "../helpers/deadline.js";
import { serveStore, type Served } from "../helpers/served-store.js";

/** With the poll alone, or with what the system tells alone. */
const paces: Record<string, WatchPace> = {
  polled: { pollMs: 20, settleMs: 1_000_000 },
  told: { pollMs: 1_000_000, settleMs: 20 },
};

async function shownBy({ port }: Served): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await within(5000, "TLS", once(socket, "secureConnect"));
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return certificate === undefined ? "none" : keyFingerprint(certificate);
}

async function serveFiles(t: Test, pair: KeyAndCertificate, pace: WatchPace): Promise<Served & { folder: string }> {
  const folder = t.testdir({ tls: { "cert.pem": pair.cert, "key.pem": pair.key } });
  const tls = certificateFiles({ cert: join(folder, "tls/cert.pem"), key: join(folder, "tls/key.pem") }, pace);
  return { ...(await serveStore(t, join(folder, "store"), { tls })), folder: join(folder, "tls") };
}

for (const [how, pace] of Object.entries(paces)) {
  t.test(`a new pair is used from then on, and half of one is not: ${how}`, async (t) => {
    const [first, second] = [makeSelfSigned(["a"]), makeSelfSigned(["b"])];
    const served = await serveFiles(t, first, pace);
    const before = served.listener.fingerprint;
    t.equal(await shownBy(served), before);

    const open = connect({ port: served.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(open, "secureConnect");
    writeFileSync(join(served.folder, "cert.pem"), second.cert);
    await until(() => served.events.length > 0, "a word about the half");
    t.match(served.events, [{ type: "certificateKept", why: /cannot use the certificate and its key/ }]);
    t.equal(await shownBy(served), before);

    renameSync(join(served.folder, "key.pem"), join(served.folder, "key.old"));
    await until(() => served.events.length > 1, "a word about what is missing");
    t.match(served.events[1], { type: "certificateKept", why: /cannot read .*key.pem': no such file/ });
    writeFileSync(join(served.folder, "key.pem"), second.key);
    await until(() => served.events.length > 2, "the new pair");
    const fingerprint = await shownBy(served);
    t.not(fingerprint, before);
    t.match(served.events.slice(2), [
      { type: "certificateChanged", fingerprint, expiresMs: Date.UTC(9999, 11, 31, 23, 59, 59) },
    ]);
    t.notOk(open.destroyed, "who is connected stays");
    open.destroy();
  });
}

t.test("links that are turned to another folder, as certbot does it, are followed", async (t) => {
  const [first, second] = [makeSelfSigned(["a"]), makeSelfSigned(["b"])];
  const folder = t.testdir({
    1: { cert: first.cert, key: first.key },
    2: { cert: second.cert, key: second.key },
    live: {},
  });
  for (const name of ["cert", "key"]) symlinkSync(join(folder, "1", name), join(folder, "live", name));
  const tls = certificateFiles({ cert: join(folder, "live/cert"), key: join(folder, "live/key") }, paces["told"]);
  const served = await serveStore(t, join(folder, "store"), { tls });
  mkdirSync(join(folder, "next"));
  for (const name of ["cert", "key"]) {
    symlinkSync(join(folder, "2", name), join(folder, "next", name));
    renameSync(join(folder, "next", name), join(folder, "live", name));
  }
  await until(() => served.events.some(({ type }) => type === "certificateChanged"), "the change");
  t.not(await shownBy(served), served.listener.fingerprint);
  rmSync(join(folder, "live"), { recursive: true });
  await until(() => served.events.at(-1)?.type === "certificateKept", "what is gone");
  t.equal((await shownBy(served)).length, 50);
});

t.test("files that are no certificate and its key are refused before anything is listened to", (t) => {
  const [one, other] = [makeSelfSigned(["a"]), makeSelfSigned(["b"])];
  const folder = t.testdir({ cert: one.cert, key: one.key, other: other.key, empty: "", text: "hello" });
  for (const [cert, key] of [
    ["cert", "other"],
    ["key", "cert"],
    ["empty", "key"],
    ["cert", "empty"],
    ["text", "text"],
  ] as const) {
    const source = certificateFiles({ cert: join(folder, cert), key: join(folder, key) });
    t.throws(() => source.read(), { code: "CANNOT_LISTEN", message: /cannot use the certificate/ }, `${cert} ${key}`);
  }
  const none = certificateFiles({ cert: join(folder, "none"), key: join(folder, "key") });
  t.throws(() => none.read(), { code: "CANNOT_LISTEN", message: /cannot read '.*none': no such file/ });
  t.end();
});
