/** Where a server's key and certificate come from: files that somebody renews, or one that it has made for itself. */
import { readFileSync, watch, type FSWatcher } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { BakError } from "../errors.js";
import type { KeyFingerprint } from "../protocol/server-key.js";
import { nodeDisk } from "../store/disk.js";
import { readTlsKey, tlsKeyName, writeTlsKey } from "../store/tls-key.js";
import { certificatePair, type CertificatePaths, type ServerCertificate } from "./certificate-pair.js";
import { isDnsName, makeSelfSigned, type KeyAndCertificate } from "./self-signed.js";

export type CertificateEvent =
  | { type: "certificateChanged"; fingerprint: KeyFingerprint; expiresMs: number }
  | { type: "certificateKept"; why: string }
  /** It is used, and only who pins its key takes it. */
  | { type: "certificateOutOfDate"; validFromMs: number; validToMs: number };

export interface CertificateSource {
  /** Before the server listens; undefined where it is still to be made. Throws CANNOT_LISTEN for what cannot be used. */
  read(): ServerCertificate | undefined;
  /** Makes it, in a folder that is open by now. */
  make(): Promise<ServerCertificate>;
  /** Tells of another one, until what this gives is called. */
  watch(onChange: (certificate: ServerCertificate) => void, onEvent: (event: CertificateEvent) => void): () => void;
}

/** The key in `folder`, made with a certificate of its own where there is none. */
export function selfSignedIn(folder: string): CertificateSource {
  const file = join(folder, tlsKeyName);
  const parse = (pem: string): ServerCertificate => {
    const at = pem.indexOf("-----BEGIN CERTIFICATE-----");
    const both = at < 0 ? { key: pem, cert: pem } : { key: pem.slice(0, at), cert: pem.slice(at) };
    return certificatePair(both, { key: file, cert: file });
  };
  return {
    read: () => {
      const pem = readTlsKey(folder);
      return pem === undefined ? undefined : parse(pem);
    },
    make: async () => {
      const names = [...new Set([hostname(), "localhost"])].filter(isDnsName);
      const made = makeSelfSigned(names);
      await writeTlsKey(nodeDisk, folder, made.key + made.cert);
      return certificatePair(made, { key: file, cert: file });
    },
    watch: () => () => undefined,
  };
}

export interface WatchPace {
  /** The files are looked at so often, though nobody tells of a change: some file systems do not. */
  readonly pollMs: number;
  /** So long after a change: whoever replaces one of the two is about to replace the other. */
  readonly settleMs: number;
}

const defaultPace: WatchPace = { pollMs: 60_000, settleMs: 500 };

/** Two files in PEM, which are read again when they change. */
export function certificateFiles(paths: CertificatePaths, pace: WatchPace = defaultPace): CertificateSource {
  return {
    read: () => certificatePair(readPair(paths), paths),
    make: () => Promise.resolve(certificatePair(readPair(paths), paths)),
    watch: (onChange, onEvent) => {
      const watching = new WatchedPair(paths, { pace, onChange, onEvent });
      return () => watching.stop();
    },
  };
}

interface WatchOptions {
  readonly pace: WatchPace;
  readonly onChange: (certificate: ServerCertificate) => void;
  readonly onEvent: (event: CertificateEvent) => void;
}

/** Looks at two files for as long as a server runs; what is no pair changes nothing, and is told of once. */
class WatchedPair {
  readonly #paths: CertificatePaths;
  readonly #options: WatchOptions;
  readonly #watchers: FSWatcher[] = [];
  readonly #poll: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;
  /** What was last read, good or bad. */
  #seen: string;
  #told = "";

  constructor(paths: CertificatePaths, options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
    this.#seen = readQuietly(paths);
    const { pollMs, settleMs } = options.pace;
    this.#poll = setInterval(() => this.#look(), pollMs).unref();
    const changed = (): void => {
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#look(), settleMs).unref();
    };
    // the folders: a file that is replaced is another file
    for (const folder of new Set([dirname(paths.cert), dirname(paths.key)])) {
      try {
        const watcher = watch(folder, { persistent: false }, changed);
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // then the poll sees it
      }
    }
  }

  stop(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers) watcher.close();
  }

  #look(): void {
    const { onChange, onEvent } = this.#options;
    const found = readQuietly(this.#paths);
    if (found === this.#seen) return;
    this.#seen = found;
    try {
      const certificate = certificatePair(readPair(this.#paths), this.#paths);
      onChange(certificate);
      const { fingerprint, validToMs } = certificate;
      onEvent({ type: "certificateChanged", fingerprint, expiresMs: validToMs });
      this.#told = "";
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#told) onEvent({ type: "certificateKept", why });
      this.#told = why;
    }
  }
}

/** What both files say, or that they cannot be read: only to see whether that changes. */
function readQuietly(paths: CertificatePaths): string {
  try {
    const { cert, key } = readPair(paths);
    return `${cert}\n${key}`;
  } catch (error) {
    return String(error);
  }
}

function readPair({ cert, key }: CertificatePaths): KeyAndCertificate {
  return { cert: readPem(cert), key: readPem(key) };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^E\w+: ([^,]*),.*$/, "$1") : String(cause);
    throw new BakError("CANNOT_LISTEN", `cannot read '${file}': ${why}`, { cause });
  }
}
