/** Certificates that a server signs itself are such as Node and OpenSSL take for certificates. */
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import t from "tap";
import { keyFingerprint, isKeyFingerprint } from "../../src/protocol/server-key.js";
import { isDnsName, makeSelfSigned } from "../../src/server/self-signed.js";
import { openImpostor } from "../helpers/impostor.js";

t.test("a certificate is signed by its own key, for the names that were given, and has no end", (t) => {
  for (let round = 0; round < 20; round += 1) {
    const names = round === 0 ? [] : ["nas", ...Array.from({ length: round }, (_, at) => `host-${at}.example.org`)];
    const { key, cert } = makeSelfSigned(names);
    const certificate = new X509Certificate(cert);
    t.ok(certificate.verify(certificate.publicKey));
    t.ok(certificate.checkPrivateKey(createPrivateKey(key)));
    t.equal(certificate.ca, false);
    t.equal(certificate.subjectAltName, names.length === 0 ? undefined : names.map((name) => `DNS:${name}`).join(", "));
    t.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/);
    t.equal(new Date(certificate.validTo).getUTCFullYear(), 9999);
    t.ok(Date.parse(certificate.validFrom) < Date.now() - 23 * 3600 * 1000);
  }
  t.end();
});

t.test("it is valid from a time after 2049, too", (t) => {
  const { cert } = makeSelfSigned(["nas"], Date.parse("2051-03-04T05:06:07Z"));
  t.equal(new Date(new X509Certificate(cert).validFrom).toISOString(), "2051-03-03T05:06:07.000Z");
  t.end();
});

t.test("a client that is told to trust it does, for its names alone", async (t) => {
  const pair = makeSelfSigned(["localhost"]);
  const { port } = await openImpostor(t, pair);
  const dial = async (servername: string): Promise<void> => {
    const socket = connect({ port, host: "127.0.0.1", ca: pair.cert, servername });
    try {
      await once(socket, "secureConnect");
    } finally {
      socket.destroy();
    }
  };
  await dial("localhost");
  await t.rejects(dial("nas"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
t.test("OpenSSL takes it at its strictest, and names its key alike", { skip: !hasOpenssl && "no openssl" }, (t) => {
  const folder = t.testdir();
  const { key, cert } = makeSelfSigned(["nas", "localhost"]);
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  writeFileSync(keyFile, key);
  writeFileSync(certFile, cert);
  const openssl = (args: string[], input?: Buffer): Buffer => {
    const { status, stdout, stderr } = spawnSync("openssl", args, { input });
    t.equal(status, 0, stderr.toString());
    return stdout;
  };
  openssl(["verify", "-x509_strict", "-CAfile", certFile, certFile]);
  const spki = openssl(["pkey", "-in", keyFile, "-pubout", "-outform", "der"]);
  const hash = openssl(["dgst", "-sha256", "-binary"], spki).toString("base64").replace("=", "");
  t.equal(keyFingerprint(new X509Certificate(cert)), `SHA256:${hash}`);
  t.strictSame(createPublicKey(key).export({ type: "spki", format: "der" }), spki);
  t.end();
});

t.test("a fingerprint is 43 digits of base64, the last of which has two bits too many", (t) => {
  const good = `SHA256:${"a".repeat(42)}A`;
  t.ok(isKeyFingerprint(good));
  for (const bad of [
    good.slice(0, -1),
    `${good}=`,
    `${good.slice(0, -1)}B`,
    good.toLowerCase(),
    ` ${good}`,
    `${good}\n`,
    7,
  ])
    t.notOk(isKeyFingerprint(bad), JSON.stringify(bad));
  t.end();
});

t.test("the name of a machine that is no DNS name stays out", (t) => {
  for (const good of ["nas", "my-nas.local", "a_b", "7"]) t.ok(isDnsName(good), good);
  for (const bad of ["", "-a", "a-", "büro", "a b", "a\0b", "x".repeat(300)]) t.notOk(isDnsName(bad), bad);
  t.end();
});
