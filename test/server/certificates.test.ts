/** A server takes a new certificate when its files change, as a pair, and keeps the old one for as long as they are none. */
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import t, { type Test } from "tap";
import { describeEvent } from "../../src/cli/serve-events.js";
import type { ListenerEvent } from "../../src/server/listener.js";
import { keyFingerprint } from "../../src/protocol/server-key.js";
import { certificateFiles, type WatchPace } from "../../src/server/certificates.js";
import { makeSelfSigned, type KeyAndCertificate } from "../../src/server/self-signed.js";
import { until, within } from "../helpers/deadline.js";
import { serveStore, type Served } from "../helpers/served-store.js";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** What `openssl ca` needs to make a certificate with other dates than from now on. */
const caConfig = `[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
`;

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
    t.match(served.events, [
      {
        type: "certificateKept",
        why: /^cannot serve TLS: '.*key\.pem' is not the key of the certificate in '.*cert\.pem'$/,
      },
    ]);
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

t.test("files that are no certificate and its key are refused, with what is wrong with which", (t) => {
  const [one, other] = [makeSelfSigned(["a"]), makeSelfSigned(["b"])];
  const damaged = (pem: string): string => pem.replace(/\n.*\n/, "\nAAAA\n");
  const encrypted = createPrivateKey(one.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  const folder = t.testdir({
    cert: one.cert,
    key: one.key,
    other: other.key,
    empty: "",
    blank: " \n",
    text: "hello",
    chain: other.cert + one.cert,
    behind: one.cert + other.cert,
    badCert: damaged(one.cert),
    badKey: damaged(one.key),
    encrypted: encrypted.toString(),
    public: createPublicKey(one.key).export({ type: "spki", format: "pem" }).toString(),
    certDer: new X509Certificate(one.cert).raw,
    keyDer: createPrivateKey(one.key).export({ type: "pkcs8", format: "der" }),
  });
  for (const [cert, key, message, hint] of [
    ["cert", "other", /'.*\/other' is not the key of the certificate in '.*\/cert'$/, /made for/],
    ["chain", "key", /the first certificate in '.*\/chain' is not the server's own$/, /first/],
    ["key", "cert", /'.*\/key' has no certificate: it is a key$/, /--tls-cert/],
    ["cert", "cert", /'.*\/cert' has no key: it is a certificate$/, /--tls-key/],
    ["cert", "public", /'.*\/public' has no key: it is a public key$/, /private key/],
    ["empty", "key", /'.*\/empty' is empty$/, /a certificate in PEM/],
    ["cert", "blank", /'.*\/blank' is empty$/, /a key in PEM/],
    ["text", "text", /'.*\/text' has no certificate in PEM$/, /-----BEGIN/],
    ["cert", "text", /'.*\/text' has no key in PEM$/, /-----BEGIN/],
    ["certDer", "key", /'.*\/certDer' has no certificate in PEM, but perhaps in DER$/, /openssl x509/],
    ["cert", "keyDer", /'.*\/keyDer' has no key in PEM, but perhaps in DER$/, /openssl pkey/],
    ["cert", "encrypted", /'.*\/encrypted' is encrypted, /, /openssl pkey.*chmod 600/],
    ["badCert", "key", /'.*\/badCert' has a damaged certificate$/, /anew/],
    ["cert", "badKey", /'.*\/badKey' has a damaged key$/, /copy/],
    ["none", "key", /cannot read '.*none': no such file/, undefined],
  ] as const) {
    const source = certificateFiles({ cert: join(folder, cert), key: join(folder, key) });
    t.throws(() => source.read(), { code: "CANNOT_LISTEN", message, hint }, `${cert} ${key}`);
  }
  const whole = certificateFiles({ cert: join(folder, "behind"), key: join(folder, "key") });
  t.equal(whole.read()?.fingerprint, keyFingerprint(new X509Certificate(one.cert)));
  t.end();
});

t.test(
  "a certificate that has expired, or is not valid yet, is used, and told of",
  { skip: !hasOpenssl && "no openssl" },
  async (t) => {
    for (const [from, to, said] of [
      ["20200101000000Z", "20210101000000Z", /warning: the certificate expired on 2021-01-01: /],
      ["20900101000000Z", "20910101000000Z", /warning: the certificate is valid from 2090-01-01 on: /],
    ] as const) {
      const folder = t.testdir({ key: makeSelfSigned(["a"]).key, index: "", config: caConfig });
      const openssl = (...args: string[]): void => {
        const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
        if (status !== 0) throw new Error(stderr);
      };
      openssl("req", "-new", "-key", "key", "-subj", "/CN=a", "-out", "request", "-config", "config");
      const dates = ["-startdate", from, "-enddate", to];
      openssl(
        "ca",
        "-batch",
        "-selfsign",
        "-keyfile",
        "key",
        "-in",
        "request",
        "-out",
        "cert",
        "-config",
        "config",
        ...dates,
      );
      const tls = certificateFiles({ cert: join(folder, "cert"), key: join(folder, "key") });
      const served = await serveStore(t, join(folder, "store"), { tls });
      t.equal(await shownBy(served), served.listener.fingerprint);
      t.match(served.events, [{ type: "certificateOutOfDate" }]);
      t.match(describeEvent(served.events[0] as ListenerEvent), said);
    }
  },
);
