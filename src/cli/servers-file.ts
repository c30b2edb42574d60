/**
 * What `bak login` has learnt of servers: `servers.json` in bak's folder of the user's own configuration, for the user alone.
 *
 *     { "version": 1, "servers": { "wss://nas:7420": { "key": "SHA256:…", "token": "…" } } }
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../client/replace-file.js";
import { reasonOf } from "../client/source-failure.js";
import { BakError } from "../errors.js";
import { byteStringFromText } from "../objects/byte-string.js";
import { isRecord } from "../objects/is-record.js";
import { isKeyFingerprint, type KeyFingerprint } from "../protocol/server-key.js";
import { readPrivateFile } from "./private-file.js";

/** What is known of one server. */
export interface KnownServer {
  readonly token?: string;
  /** The key that it must have. */
  readonly key?: KeyFingerprint;
}

/** By the URL of each, as `serverName` writes it. */
export type KnownServers = ReadonlyMap<string, KnownServer>;

/** A URL without what makes no other server of it: a slash at its end. */
export function serverName(url: string): string {
  return url.replace(/\/+$/, "");
}

/** Throws USAGE, without a word of what the file says, where bak has not written it so; NOT_ALLOWED where others may read it. */
export function readServers(configFolder: string): KnownServers {
  const path = pathIn(configFolder);
  const text = readPrivateFile(path);
  if (text === undefined) return new Map();
  const { version, servers } = parseObject(text, path);
  if (version !== 1 || !isRecord(servers)) throw notOurs(path);
  return new Map(
    Object.entries(servers).map(([url, known]) => {
      if (!isRecord(known)) throw notOurs(path);
      const { token, key } = known;
      if ((token !== undefined && typeof token !== "string") || (key !== undefined && !isKeyFingerprint(key)))
        throw notOurs(path);
      return [url, { ...(token === undefined ? {} : { token }), ...(key === undefined ? {} : { key }) }];
    }),
  );
}

/** Writes the file whole, readable by nobody else. Throws TARGET_FAILED. */
export function writeServers(configFolder: string, servers: KnownServers): void {
  const path = pathIn(configFolder);
  const text = `${JSON.stringify({ version: 1, servers: Object.fromEntries(servers) }, undefined, 2)}\n`;
  try {
    mkdirSync(configFolder, { recursive: true, mode: 0o700 });
    chmodSync(configFolder, 0o700);
    replaceFile(byteStringFromText(path), { mode: 0o600, isKept: true }, (fd) => writeFileSync(fd, text));
  } catch (cause) {
    throw new BakError("TARGET_FAILED", `cannot write '${path}': ${reasonOf(cause)}`, { cause });
  }
}

function pathIn(configFolder: string): string {
  return join(configFolder, "servers.json");
}

function parseObject(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notOurs(path); // without a cause: the parser's message would quote the text
  }
  if (!isRecord(value)) throw notOurs(path);
  return value;
}

function notOurs(path: string): BakError {
  return new BakError("USAGE", `cannot use '${path}': it is not as 'bak login' writes it`, {
    hint: "mend it, or delete it and run 'bak login' again",
  });
}
