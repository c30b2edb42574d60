/** Opens a channel to a server. */
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { BakError } from "../errors.js";
import type { Channel } from "./channel.js";
import { maxFrameBytes, subprotocol } from "./limits.js";
import { channelOf } from "./websocket-channel.js";

const handshakeTimeoutMs = 15_000;

export interface DialOptions {
  signal?: AbortSignal;
  /** After so long without a byte from it, the server is given up; a minute if nothing is said. */
  silenceLimitMs?: number;
}

/** Connects to a `ws://` or `wss://` URL; rejects with NO_SERVER where nobody answers as a bak server does. */
export async function dialWebSocket(url: string, options: DialOptions = {}): Promise<Channel> {
  options.signal?.throwIfAborted();
  const { protocol, hostname } = new URL(url);
  const socket = new WebSocket(url, subprotocol, {
    maxPayload: maxFrameBytes,
    perMessageDeflate: false, // what is large is compressed already
    handshakeTimeout: handshakeTimeoutMs,
    ...(protocol === "wss:" || isLoopback(hostname) ? { generateMask: noMask } : {}),
  });
  const abort = (): void => socket.terminate();
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise<Channel>((resolve, reject) => {
      let connection: Socket | undefined;
      socket.once("upgrade", (response) => (connection = response.socket));
      // the channel listens before the first frame can come
      socket.once("open", () => {
        const bytesRead = (): number => connection?.bytesRead ?? 0;
        const { silenceLimitMs } = options;
        resolve(channelOf(socket, { peer: url, isLocal: isLoopback(hostname), connection, bytesRead, silenceLimitMs }));
      });
      socket.once("unexpected-response", (_request, response) => {
        reject(noServer(url, `it answered ${response.statusCode}, so it is no bak server`));
        socket.terminate();
      });
      socket.once("error", (error) => reject(noServer(url, reasonOf(error), error)));
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", abort);
    socket.on("error", () => undefined); // what comes after a failed handshake has been said
  }
}

function isLoopback(hostname: string): boolean {
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

/** A connection tried on several addresses fails with an error that has the reasons inside. */
function reasonOf(error: Error): string {
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
    default:
      return reason.message;
  }
}
