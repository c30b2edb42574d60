/** A certificate and its key, as they are read: what is wrong with them is said of the file that it is wrong with. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { BakError } from "../errors.js";
import { keyFingerprint, type KeyFingerprint } from "../protocol/server-key.js";
import type { KeyAndCertificate } from "./self-signed.js";

/** A pair that belongs together, and what its key is called. */
export interface ServerCertificate extends KeyAndCertificate {
  readonly fingerprint: KeyFingerprint;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** The files, as messages name them. */
export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
}

/** Throws CANNOT_LISTEN for two texts that are no certificate and its key. */
export function certificatePair({ key, cert }: KeyAndCertificate, files: CertificatePaths): ServerCertificate {
  const certificates = certificatesIn(cert, files.cert);
  const privateKey = keyIn(key, files.key);
  const [certificate] = certificates as [X509Certificate];
  if (!certificate.checkPrivateKey(privateKey)) {
    const isLater = certificates.some((other) => other.checkPrivateKey(privateKey));
    if (isLater) {
      throw unusable(`the first certificate in '${files.cert}' is not the server's own`, {
        hint: "put the certificate of the key first, and those of its authorities behind it",
      });
    }
    throw unusable(`'${files.key}' is not the key of the certificate in '${files.cert}'`, {
      hint: "name the key that the certificate was made for",
    });
  }
  try {
    createSecureContext({ key, cert });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^error:.*:/, "") : String(cause);
    throw unusable(`TLS takes '${files.cert}' and '${files.key}' for no pair to serve with: ${why}`, { cause });
  }
  return {
    key,
    cert,
    fingerprint: keyFingerprint(certificate),
    validFromMs: Date.parse(certificate.validFrom),
    validToMs: Date.parse(certificate.validTo),
  };
}

function certificatesIn(text: string, file: string): X509Certificate[] {
  const pems = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [^-]*-----/g) ?? [];
  if (pems.length === 0) {
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
    throw notThat(text, file, { what: "certificate", mistaken: isKey ? "it is a key" : undefined, openssl: "x509" });
  }
  try {
    return pems.map((pem) => new X509Certificate(pem));
  } catch (cause) {
    throw unusable(`'${file}' has a damaged certificate`, { cause, hint: "get it anew from whoever has made it" });
  }
}

function keyIn(text: string, file: string): ReturnType<typeof createPrivateKey> {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw unusable(`'${file}' is encrypted, and a server has nobody to ask for its passphrase`, {
      hint: `write it anew without one, for yourself alone: 'openssl pkey -in KEY -out NEW', 'chmod 600 NEW'`,
    });
  }
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    const isCertificate = text.includes("-----BEGIN CERTIFICATE-----");
    const mistaken = isCertificate
      ? "it is a certificate"
      : text.includes("PUBLIC KEY-----")
        ? "it is a public key"
        : undefined;
    throw notThat(text, file, { what: "key", mistaken, openssl: "pkey" });
  }
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw unusable(`'${file}' has a damaged key`, {
      cause,
      hint: "take it from a copy, or make a new one with its certificate",
    });
  }
}

function notThat(
  text: string,
  file: string,
  { what, mistaken, openssl }: { what: string; mistaken: string | undefined; openssl: string },
): BakError {
  if (text.trim() === "") return unusable(`'${file}' is empty`, { hint: `it is to have a ${what} in PEM` });
  if (mistaken !== undefined) {
    return unusable(`'${file}' has no ${what}: ${mistaken}`, {
      hint: "--tls-cert names the certificate, and --tls-key its private key",
    });
  }
  const isDer = text.charCodeAt(0) === 0x30;
  return unusable(`'${file}' has no ${what} in PEM${isDer ? ", but perhaps in DER" : ""}`, {
    hint: isDer ? `write it anew: 'openssl ${openssl} -in FILE -out NEW'` : `PEM is text, and begins with -----BEGIN`,
  });
}

function unusable(why: string, options: { hint?: string; cause?: unknown }): BakError {
  return new BakError("CANNOT_LISTEN", `cannot serve TLS: ${why}`, options);
}
