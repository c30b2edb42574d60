/**
 * A key and a certificate that it signs itself (RFC 5280), for a server that nobody vouches for: its clients pin the key.
 * The certificate is of one fixed form, and only ever written here, so a few lines of DER (X.690) are all that it takes.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** PEM texts. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

const oids = {
  commonName: [0x55, 0x04, 0x03],
  subjectAltName: [0x55, 0x1d, 0x11],
  basicConstraints: [0x55, 0x1d, 0x13],
  extendedKeyUsage: [0x55, 0x1d, 0x25],
  serverAuth: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], // RFC 5758, section 3.2
};

/** RFC 5280, section 4.1.2.5, for a certificate that has no well-defined end. */
const noEnd = "99991231235959Z";
const dayMs = 24 * 3600 * 1000;

/** Makes a new P-256 key, and a certificate for it that never ends; `names` are the DNS names that it is for. */
export function makeSelfSigned(names: readonly string[], nowMs = Date.now()): KeyAndCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40; // positive, and of 16 bytes
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const name = sequence(der(0x31, sequence(oid(oids.commonName), der(0x0c, Buffer.from("bak")))));
  const validity = sequence(time(nowMs - dayMs), der(0x18, Buffer.from(noEnd)));
  const altNames = sequence(...names.map((each) => der(0x82, Buffer.from(each, "ascii"))));
  const extensions = sequence(
    extension(oids.basicConstraints, { isCritical: true, value: sequence() }), // no authority
    extension(oids.extendedKeyUsage, { value: sequence(oid(oids.serverAuth)) }),
    ...(names.length === 0 ? [] : [extension(oids.subjectAltName, { value: altNames })]),
  );
  const content = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, serial),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const certificate = sequence(content, algorithm, bitString(sign("sha256", content, privateKey)));
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert: pem(certificate) };
}

/** Whether a name may stand in a certificate as a DNS name. */
export function isDnsName(name: string): boolean {
  return name.length <= 253 && /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(name);
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
const bitString = (bytes: Uint8Array): Buffer => der(0x03, Buffer.of(0), bytes);

function extension(
  id: readonly number[],
  { isCritical = false, value }: { isCritical?: boolean; value: Buffer },
): Buffer {
  return sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));
}

/** UTCTime until 2049, GeneralizedTime from then on. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return text < "2050" ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
