/**
 * The token that bak shows a server, and the key that the server must have. A token is never an argument, which `ps` would
 * show, and never in a message.
 */
import { BakError } from "../errors.js";
import type { KeyFingerprint } from "../protocol/server-key.js";
import { isLoopback } from "../protocol/websocket-dial.js";
import { readPrivateFile } from "./private-file.js";
import { readServers, serverName } from "./servers-file.js";

/** From where the token and the key come. */
export interface Access {
  /** Bak's folder of the user's configuration. */
  readonly configFolder: string;
  /** What `--token-file` says. */
  readonly tokenFile?: string | undefined;
  /** Whether the user has said that clear text will do. */
  readonly isInsecure: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What there is for one server. */
export interface Credentials {
  readonly token: string | undefined;
  readonly pin: KeyFingerprint | undefined;
  /** What the user is to be told. */
  readonly warning: string | undefined;
}

/**
 * What there is for a server: the token of `--token-file`, BAK_TOKEN, BAK_TOKEN_FILE, or `bak login`, in this order, and the
 * key that `bak login` has pinned. Throws UNTRUSTED_SERVER where the token would travel to another machine in clear text.
 */
export function credentialsFor(url: string, access: Access): Credentials {
  const { tokenFile, environment } = access;
  const known = readServers(access.configFolder).get(serverName(url));
  const token =
    (tokenFile === undefined ? undefined : readTokenFile(tokenFile)) ??
    tokenFrom(environment["BAK_TOKEN"], "BAK_TOKEN") ??
    (environment["BAK_TOKEN_FILE"] ? readTokenFile(environment["BAK_TOKEN_FILE"]) : undefined) ??
    known?.token;
  assertPrivateWay(url, { hasToken: token !== undefined, isInsecure: access.isInsecure });
  const warning = isClearText(url)
    ? `what is sent to '${url}' can be read and changed on its way: wss:// hides it ('bak serve --tls-self-signed')`
    : undefined;
  return { token, pin: known?.key, warning };
}

/** Whether what is sent to a URL leaves this machine as it is. */
export function isClearText(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "ws:" && !isLoopback(hostname);
}

/** Throws UNTRUSTED_SERVER where a token would be for anybody on the way to read, and nobody has said that this will do. */
export function assertPrivateWay(url: string, options: { hasToken: boolean; isInsecure: boolean }): void {
  if (!options.hasToken || options.isInsecure || !isClearText(url)) return;
  throw new BakError(
    "UNTRUSTED_SERVER",
    `a token is not sent to '${url}': in clear text, anybody on the way could take it`,
    {
      hint: "serve it with --tls-self-signed and write wss://, or, where the network itself is safe, add --insecure",
    },
  );
}

function readTokenFile(path: string): string {
  const text = readPrivateFile(path);
  if (text === undefined) throw new BakError("USAGE", `no such file: '${path}'`, { hint: "it is to hold a token" });
  const token = tokenFrom(text, `'${path}'`);
  if (token === undefined) throw new BakError("USAGE", `'${path}' is empty, and is to hold a token`);
  return token;
}

/** A token as somebody has written it, on a line of its own; undefined for none. Throws USAGE, without the text, for anything else. */
export function tokenFrom(text: string | undefined, where: string): string | undefined {
  const token = text?.trim() ?? "";
  if (token === "") return undefined;
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token;
  throw new BakError("USAGE", `what ${where} holds is not a token`, { hint: "a token is one word, on one line" });
}
