/** `bak serve`: takes connections from the network and gives each a session with the store. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { BakError, errnoOf } from "../errors.js";
import type { Channel } from "../protocol/channel.js";
import { helloTimeoutMs } from "../protocol/limits.js";
import type { KeyFingerprint } from "../protocol/server-key.js";
import { acceptWebSockets } from "../protocol/websocket-accept.js";
import type { Store } from "../store/store.js";
import type { CertificateEvent, CertificateSource, ServerCertificate } from "./certificates.js";
import { Gate, type GateEvent } from "./gate.js";
import { isLoopback } from "./peer-address.js";
import { startScrub, type ScrubEvent } from "./scrub.js";
import { serveSession, type SessionEvent } from "./session.js";

export interface ListenOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  /** With it the listener speaks TLS. */
  tls?: CertificateSource | undefined;
  agent: string;
  /** At which rate the store's packs are read again by and by; not at all unless given. */
  scrub?: { bytesPerSecond: number };
  /** How many bytes of packs any one project may keep; no limit unless given. */
  projectQuotaBytes?: number | undefined;
  /** How long clients may keep it waiting; a minute each if nothing is said. */
  timeouts?: ClientTimeouts;
  /** Whether the store has tokens. Without, it is served to this machine alone; not at all unless given. */
  hasTokens?: () => Promise<boolean>;
  /** Serves it to others, too, though whoever comes is let in. */
  isInsecure?: boolean;
  onEvent?: (event: ListenerEvent) => void;
}

export interface ClientTimeouts {
  /** From the connection to a request to speak WebSocket. */
  readonly handshakeMs?: number;
  /** From there to hello. */
  readonly helloMs?: number;
  /** Without a single byte, pongs included. */
  readonly silenceMs?: number;
}

export type ListenerEvent =
  | (SessionEvent & { peer: string })
  | ScrubEvent
  | GateEvent
  | CertificateEvent
  | { type: "closed"; peer: string }
  | { type: "failed"; peer: string; error: unknown };

export interface Listener {
  /** `ws://HOST:PORT`, or `wss://`, with the port that was picked. */
  readonly url: string;
  readonly store: Store;
  /** What its key is called, as clients pin it; undefined in clear text. */
  readonly fingerprint: KeyFingerprint | undefined;
  /** Whether other machines reach it, and nobody is asked for a token. */
  readonly isOpenToAll: boolean;
  /** Ends every session, stops to listen, and closes the store; packs that were not acknowledged are dropped. */
  close(): Promise<void>;
}

/**
 * Starts to listen, and then opens the store, so that an address that is taken leaves no new store behind; sessions wait
 * until it is open. Rejects with CANNOT_LISTEN where the address is taken or not ours, with NOT_ALLOWED where others than this
 * machine could reach a store that asks nobody for a token, and with what `openStore` rejects with.
 */
export async function listen(openStore: () => Promise<Store>, options: ListenOptions): Promise<Listener> {
  const { tls, onEvent } = options;
  let certificate = tls?.read();
  const http = createHttpServer(options, certificate);
  http.on("request", (_request, response) => {
    response.writeHead(426, { "content-type": "text/plain", connection: "close" });
    response.end("this is a bak store: 'bak push --server' speaks to it\n");
  });
  await startListening(http, options);
  const isLocal = isLoopback((http.address() as AddressInfo).address);
  const mayBeOpen = isLocal || options.isInsecure === true;
  if (!mayBeOpen && !(await hasTokens(options))) {
    await new Promise((resolve) => http.close(resolve));
    throw unguarded(options.host);
  }
  const opening = openStore().then(async (store) => {
    if (tls !== undefined && certificate === undefined) {
      certificate = await tls.make();
      setCertificate(http, certificate);
    }
    const gate = await Gate.open(store.folder, { mayBeOpen, onEvent: (event) => options.onEvent?.(event) });
    return { store, gate };
  });
  const sessions = new Set<Promise<void>>();
  const stopAccepting = acceptWebSockets(http, {
    silenceLimitMs: options.timeouts?.silenceMs,
    onChannel: (channel) => {
      const session = runSession(channel, opening, options).finally(() => sessions.delete(session));
      sessions.add(session);
    },
  });
  const { port } = http.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const close = async (): Promise<void> => {
    stopAccepting();
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    await Promise.all(sessions);
    http.closeAllConnections();
    await closed;
  };
  const { store, gate } = await opening.catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const stopWatching = tls?.watch(
    (changed) => setCertificate(http, changed),
    (event) => onEvent?.(event),
  );
  const stopScrub =
    options.scrub && startScrub(store, { ...options.scrub, onEvent: (event) => options.onEvent?.(event) });
  return {
    store,
    fingerprint: certificate?.fingerprint,
    isOpenToAll: gate.isOpen && !isLocal,
    url: `${options.tls === undefined ? "ws" : "wss"}://${host}:${port}`,
    close: async () => {
      stopWatching?.();
      await Promise.all([close(), stopScrub?.()]);
      await gate.close();
      await store.close();
    },
  };
}

/** One session from beginning to end; its failure is its own and told as an event. */
async function runSession(
  channel: Channel,
  opening: Promise<{ store: Store; gate: Gate }>,
  options: ListenOptions,
): Promise<void> {
  const { peer } = channel;
  try {
    const { store, gate } = await opening;
    await serveSession(channel, store, {
      agent: options.agent,
      authorize: gate.authorize,
      tokens: gate,
      helloTimeoutMs: options.timeouts?.helloMs,
      projectQuotaBytes: options.projectQuotaBytes,
      onEvent: (event) => options.onEvent?.({ ...event, peer }),
    });
    options.onEvent?.({ type: "closed", peer });
  } catch (error) {
    await channel.close();
    options.onEvent?.({ type: "failed", peer, error });
  }
}

/** Where that cannot be told, it is as if there were none. */
async function hasTokens({ hasTokens: ask }: ListenOptions): Promise<boolean> {
  return ask !== undefined && (await ask());
}

function unguarded(host: string): BakError {
  return new BakError(
    "NOT_ALLOWED",
    `a store without tokens is not served on '${host}': whoever reaches it could do everything`,
    {
      hint: "make a token first: 'bak token add NAME --project PROJECT -s STORE'; or let anybody in, with --insecure",
    },
  );
}

function createHttpServer({ tls, timeouts = {} }: ListenOptions, certificate: ServerCertificate | undefined): Server {
  const { handshakeMs = helloTimeoutMs } = timeouts;
  const waits = {
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    connectionsCheckingInterval: handshakeMs / 4,
  };
  if (tls === undefined) return createServer(waits);
  // one that is still to be made is there before the store is open, and so before anybody is served
  const pair = certificate && { key: certificate.key, cert: certificate.cert };
  return createTlsServer({ ...pair, ...waits, handshakeTimeout: handshakeMs });
}

/** For connections from now on. */
function setCertificate(http: Server, { key, cert }: ServerCertificate): void {
  (http as TlsServer).setSecureContext({ key, cert });
}

async function startListening(http: Server, { host, port }: ListenOptions): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen({ host, port }, () => {
        http.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    throw cannotListen(cause, host, port);
  }
}

function cannotListen(cause: unknown, host: string, port: number): BakError {
  const why: Record<string, [string, string]> = {
    EADDRINUSE: ["the port is in use", "choose another with --port, or 0 to have one picked"],
    EADDRNOTAVAIL: ["this machine has no such address", "choose one of its own with --host, or 0.0.0.0 for all"],
    EACCES: ["not allowed", "choose a port above 1023 with --port"],
    ENOTFOUND: ["no such host", "choose an address of this machine with --host"],
  };
  const [reason, hint] = why[errnoOf(cause) ?? ""] ?? [
    cause instanceof Error ? cause.message : String(cause),
    undefined,
  ];
  return new BakError("CANNOT_LISTEN", `cannot listen on ${host}:${port}: ${reason}`, { hint, cause });
}
