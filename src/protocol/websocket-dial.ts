/** Opens a channel to a server. */
import type { ClientRequestArgs, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { BakError, isBakError } from "../errors.js";
import type { Channel } from "./channel.js";
import { maxFrameBytes, subprotocol } from "./limits.js";
import type { KeyFingerprint } from "./server-key.js";
import { dialTls } from "./tls-dial.js";
import { channelOf } from "./websocket-channel.js";

const defaultHandshakeMs = 15_000;

export interface DialOptions {
  signal?: AbortSignal;
  /** How long it may take until the server has agreed to speak; 15 s if nothing is said. */
  handshakeMs?: number;
  /** After so long without a byte from it, the server is given up; a minute if nothing is said. */
  silenceLimitMs?: number;
  /** The key that a `wss://` server must have, whatever its certificate says. */
  pin?: KeyFingerprint | undefined;
}

/** Thrown for a server that says it is at the same path with a slash after it, as a reverse proxy does with a prefix. */
class SlashMissing extends Error {}

/**
 * Connects to a `ws://` or `wss://` URL; rejects with NO_SERVER where nobody answers as a bak server does, and with
 * UNTRUSTED_SERVER, before anything is sent, where its certificate is not to be trusted, or its key is not the pinned one.
 */
export async function dialWebSocket(url: string, options: DialOptions = {}): Promise<Channel> {
  try {
    return await dial(url, options);
  } catch (error) {
    if (error instanceof SlashMissing) return dial(`${url}/`, options);
    throw error;
  }
}

async function dial(url: string, options: DialOptions): Promise<Channel> {
  options.signal?.throwIfAborted();
  const { protocol, hostname } = new URL(url);
  const isTls = protocol === "wss:";
  const socket = new WebSocket(url, subprotocol, {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false, // what is large is compressed already
    ...(isTls || isLoopback(hostname) ? { generateMask: noMask } : {}),
    ...(isTls ? { createConnection: tlsConnector(new URL(url), options) } : {}),
  });
  const { handshakeMs = defaultHandshakeMs } = options;
  const abort = (): void => socket.terminate();
  let late: NodeJS.Timeout | undefined;
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise<Channel>((resolve, reject) => {
      let connection: Socket | undefined;
      late = setTimeout(() => {
        reject(noServer(url, "it did not answer in time"));
        socket.terminate();
      }, handshakeMs);
      socket.once("upgrade", (response) => (connection = response.socket));
      // the channel listens before the first frame can come
      socket.once("open", () => {
        const bytesRead = (): number => connection?.bytesRead ?? 0;
        const { silenceLimitMs } = options;
        resolve(channelOf(socket, { peer: url, isLocal: isLoopback(hostname), connection, bytesRead, silenceLimitMs }));
      });
      socket.once("unexpected-response", (_request, response) => {
        reject(refused(url, response));
        socket.terminate();
      });
      socket.once("error", (error) => reject(isBakError(error) ? error : noServer(url, reasonOf(error, isTls), error)));
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(late);
    options.signal?.removeEventListener("abort", abort);
    socket.on("error", () => undefined); // what comes after a failed handshake has been said
  }
}

/** What makes the connection that a WebSocket runs over; it is handed over only once the server is known to be the right one. */
function tlsConnector(
  url: URL,
  { pin, signal, handshakeMs = defaultHandshakeMs }: DialOptions,
): NonNullable<ClientRequestArgs["createConnection"]> {
  return (_options, onConnected) => {
    dialTls(url, { pin, signal, timeoutMs: handshakeMs }).then(
      (connection) => onConnected(null, connection),
      (error: Error) => onConnected(error, undefined as never),
    );
    return undefined;
  };
}

/** Whether a host, as it stands in a URL, is this machine by its name alone. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/**
 * A mask is there for machines in between that take clear text for something else (RFC 6455, section 10.3), and costs both
 * ends a pass over all that is sent. Within TLS, and within one machine, nobody is in between: a mask of zeros changes
 * nothing, and ws does not go through the motions.
 */
function noMask(mask: Buffer): void {
  mask.fill(0);
}

function noServer(url: string, why: string, cause?: unknown): BakError {
  return new BakError("NO_SERVER", `cannot reach the server '${url}': ${why}`, {
    hint: "check the address, and that 'bak serve' runs there",
    cause,
  });
}

/** A server that is full says when to come again; whatever else answers is no server of bak's. */
function refused(url: string, { statusCode = 0, headers }: IncomingMessage): Error {
  if (statusCode >= 300 && statusCode < 400 && isSlashed(url, headers.location ?? "")) return new SlashMissing();
  if (statusCode !== 503 && statusCode !== 429) {
    return noServer(url, `it answered ${statusCode}, so it is no bak server`);
  }
  const why = statusCode === 503 ? "it has too many connections" : "it has too many connections from here";
  const seconds = /^\d{1,4}$/.test(headers["retry-after"] ?? "") ? ` in ${headers["retry-after"]} s` : " later";
  return new BakError("NO_SERVER", `cannot reach the server '${url}': ${why}`, { hint: `try again${seconds}` });
}

/** Whether a redirection leads to the same path with the slash that it lacks; to whichever host, since that is not gone to. */
function isSlashed(url: string, location: string): boolean {
  const { pathname, search } = new URL(url);
  if (search !== "" || pathname.endsWith("/")) return false;
  return URL.canParse(location, url) && new URL(location, url).pathname === `${pathname}/`;
}

/** A connection tried on several addresses fails with an error that has the reasons inside. */
function reasonOf(error: Error, isTls: boolean): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const reason = first instanceof Error ? first : error;
  const code = "code" in reason ? reason.code : undefined;
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "no route to it";
    case "ETIMEDOUT":
      return "it did not answer in time";
    case "ECONNRESET":
      return isTls ? "it hung up" : "it hung up; if it speaks TLS, write wss://";
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "it does not speak TLS; if it is to be reached in clear text, write ws://";
    default:
      return reason.message;
  }
}
