/**
 * How a server's public key is named, so that people and files can compare it: `SHA256:` and the base64 of the SHA-256 of
 * its SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7; RFC 7469 pins the same bytes), without padding, as ssh writes its own.
 *
 * The key, and not the certificate around it, is what a server proves to have in the handshake: a certificate that is made
 * anew for the same key is the same server.
 */
import { createHash, type X509Certificate } from "node:crypto";

const fingerprintPattern = /^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/;

export type KeyFingerprint = string & { readonly brand: "KeyFingerprint" };

/** The fingerprint of a certificate's public key. */
export function keyFingerprint(certificate: X509Certificate): KeyFingerprint {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(spki).digest("base64").replace("=", "")}` as KeyFingerprint;
}

/** Whether a text is a fingerprint, as `keyFingerprint` writes them. */
export function isKeyFingerprint(text: unknown): text is KeyFingerprint {
  return typeof text === "string" && fingerprintPattern.test(text);
}
