/** What `bak login` does: makes sure of the server's key, tries the token, and keeps both. */
import { tryToken } from "../client/try-token.js";
import { BakError, isBakError } from "../errors.js";
import { isKeyFingerprint, type KeyFingerprint } from "../protocol/server-key.js";
import { changedKey, inspectServer } from "../protocol/tls-dial.js";
import type { TokenLine } from "../protocol/token-lines.js";
import { dialWebSocket } from "../protocol/websocket-dial.js";
import { assertPrivateWay, credentialsFor, isClearText, tokenFrom } from "./credentials.js";
import { canAsk, readStdin, Terminal } from "./prompt.js";
import { readServers, serverName, writeServers, type KnownServer, type KnownServers } from "./servers-file.js";

/** What `bak login` was told. */
export interface LoginOptions {
  readonly configFolder: string;
  /** What the server's key must be called, as it was typed. */
  readonly fingerprint: string | undefined;
  readonly tokenFile: string | undefined;
  readonly isInsecure: boolean;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** What is known of the server from now on. */
export interface LoggedIn {
  readonly server: string;
  readonly fingerprint: KeyFingerprint | undefined;
  readonly hasToken: boolean;
  /** What the token is good for; undefined where the server asks for none. */
  readonly token: TokenLine | undefined;
}

const inspectTimeoutMs = 15_000;

/**
 * Rejects with UNTRUSTED_SERVER where the server's key is not the expected one, or nobody says that it is; with NOT_ALLOWED
 * where the server does not take the token. Nothing is kept then.
 */
export async function logIn(url: string, options: LoginOptions): Promise<LoggedIn> {
  const server = serverName(url);
  const servers = new Map(readServers(options.configFolder));
  const terminal = canAsk() ? new Terminal(options.signal) : undefined;
  const pin = await findPin(url, servers, { ...options, terminal });
  if (isClearText(url)) options.say(`bak: nothing hides what is sent to '${server}': wss:// would`);
  const token = await findToken(url, { ...options, terminal });
  assertPrivateWay(url, { hasToken: token !== undefined, isInsecure: options.isInsecure });
  const granted = await askServer(url, { signal: options.signal, pin, token });
  const known: KnownServer = { ...(pin === undefined ? {} : { key: pin }), ...(token === undefined ? {} : { token }) };
  writeServers(options.configFolder, servers.set(server, known));
  return { server, fingerprint: pin, hasToken: token !== undefined, token: granted };
}

type WithTerminal = LoginOptions & { readonly terminal: Terminal | undefined };

/** The key that the server is to have from now on; undefined where authorities vouch for it, or there is none. */
async function findPin(url: string, servers: KnownServers, options: WithTerminal): Promise<KeyFingerprint | undefined> {
  const { fingerprint: expected, signal, terminal, say } = options;
  const server = serverName(url);
  if (expected !== undefined && !isKeyFingerprint(expected)) {
    throw new BakError("USAGE", `not the fingerprint of a key: '${expected}'`, {
      hint: "it is SHA256: and the 43 characters after that, as 'bak serve' says it",
    });
  }
  if (!url.startsWith("wss:")) {
    if (expected === undefined) return undefined;
    throw new BakError("USAGE", `'${server}' has no key: clear text is spoken there`, { hint: "write wss://" });
  }
  const { fingerprint: found, distrust } = await inspect(url, signal);
  if (expected !== undefined) {
    if (expected === found) return found;
    throw new BakError("UNTRUSTED_SERVER", `the key of '${server}' is ${found}, not ${expected}`, {
      hint: "somebody may be in between: compare with what 'bak serve' says there when it starts",
    });
  }
  const known = knownKey(url, servers);
  if (known !== undefined && known.pin !== found) throw changedKey(known.server, { pin: known.pin, found });
  if (known !== undefined) return found;
  if (distrust === undefined) return undefined;
  say(`the certificate of '${server}' cannot be trusted by itself: ${distrust}`);
  say(`its key is ${found}`);
  if (terminal === undefined) {
    throw new BakError("UNTRUSTED_SERVER", `nobody has said that '${server}' is to have the key ${found}`, {
      hint: `if 'bak serve' says the same there, add --fingerprint ${found}`,
    });
  }
  const answer = await terminal.ask({ text: "is that what 'bak serve' says there (yes or no)? " });
  if (answer.trim().toLowerCase() === "yes") return found;
  throw new BakError("UNTRUSTED_SERVER", `the key of '${server}' was not confirmed`, { hint: "nothing was kept" });
}

async function inspect(url: string, signal: AbortSignal): ReturnType<typeof inspectServer> {
  try {
    return await inspectServer(new URL(url), { signal, timeoutMs: inspectTimeoutMs });
  } catch {
    signal.throwIfAborted();
    // says in words what is wrong
    const channel = await dialWebSocket(url, { signal });
    await channel.close();
    throw new BakError("NO_SERVER", `cannot see the key of '${url}'`, { hint: "try again" });
  }
}

/** What is known already of that server, under this URL or another of the same host and port. */
function knownKey(url: string, servers: KnownServers): { server: string; pin: KeyFingerprint } | undefined {
  const name = serverName(url);
  const { origin } = new URL(url);
  const [found] = [...servers]
    .filter(([server]) => server === name || (URL.canParse(server) && new URL(server).origin === origin))
    .toSorted(([a], [b]) => Number(b === name) - Number(a === name))
    .flatMap(([server, { key: pin }]) => (pin === undefined ? [] : [{ server, pin }]));
  return found;
}

async function findToken(url: string, options: WithTerminal): Promise<string | undefined> {
  const { tokenFile, terminal } = options;
  if (tokenFile !== undefined) return credentialsFor(url, { ...options, environment: {} }).token;
  const text = terminal ? await terminal.ask({ text: "token (none: Enter): ", isSecret: true }) : await readStdin();
  return tokenFrom(text, terminal ? "was typed" : "stdin");
}

interface Trial {
  readonly signal: AbortSignal;
  readonly pin: KeyFingerprint | undefined;
  readonly token: string | undefined;
}

/** Has the server say what the token is good for. */
async function askServer(url: string, { signal, pin, token }: Trial): Promise<TokenLine | undefined> {
  const channel = await dialWebSocket(url, { signal, pin });
  try {
    return await tryToken(channel, token, { signal });
  } catch (error) {
    if (!isBakError(error, "NOT_ALLOWED")) throw error;
    const what = token === undefined ? "lets in nobody without a token" : "does not take this token";
    const why = error.message.replace(/^not allowed: /, "");
    throw new BakError("NOT_ALLOWED", `'${serverName(url)}' ${what}: ${why}`, {
      hint:
        token === undefined
          ? "nothing was kept: whoever keeps the store makes a token with 'bak token add'"
          : "nothing was kept: see that the token is whole, and made in this very store; it may have expired, or been revoked",
      cause: error,
    });
  }
}
