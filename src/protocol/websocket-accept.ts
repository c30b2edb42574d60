/** Takes connections on an HTTP server and makes a channel of each. */
import type { IncomingMessage, Server } from "node:http";
import { WebSocketServer } from "ws";
import type { Channel } from "./channel.js";
import { maxFrameBytes, subprotocol } from "./limits.js";
import { channelOf } from "./websocket-channel.js";

/** How long clients may take to answer when the server stops. */
const closeTimeoutMs = 2_000;

/** What an upgrade is answered with in place of a WebSocket. */
export interface Refusal {
  /** Such as `503 Service Unavailable`. */
  readonly status: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface AcceptOptions {
  /** Given each connection that speaks our subprotocol, with the request that opened it. */
  onChannel(channel: Channel, request: IncomingMessage): void;
  /** Whom to name in messages, where the address that the connection comes from will not do. */
  peerOf?(request: IncomingMessage): string;
  /** Why somebody is not taken, though he speaks our subprotocol. */
  refuse?(request: IncomingMessage): Refusal | undefined;
  /** After so long without a byte from it, a client is given up; a minute if nothing is said. */
  silenceLimitMs?: number | undefined;
}

/** Answers upgrades to WebSocket on the HTTP server, only those of our subprotocol; the returned function ends them all. */
export function acceptWebSockets(http: Server, options: AcceptOptions): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
  http.on("upgrade", (request: IncomingMessage, socket, head) => {
    const refusal = refusalOf(request) ?? options.refuse?.(request);
    if (refusal !== undefined) {
      const headers = { Connection: "close", "Content-Type": "text/plain", ...refusal.headers };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.on("error", () => socket.destroy()); // whoever it was may be gone already
      socket.end(`HTTP/1.1 ${refusal.status}\r\n${lines.join("")}\r\n${refusal.text}\n`, () => socket.destroy());
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const peer = options.peerOf?.(request) ?? peerOf(request);
      const bytesRead = (): number => request.socket.bytesRead;
      const { silenceLimitMs } = options;
      options.onChannel(channelOf(ws, { peer, isLocal: false, bytesRead, silenceLimitMs }), request);
    });
  });
  return () => {
    const open = [...sockets.clients];
    for (const socket of open) socket.close(1001, "the server stops");
    setTimeout(() => open.forEach((socket) => socket.terminate()), closeTimeoutMs).unref();
    sockets.close();
  };
}

/** Only browsers say where a page is from, and no page in somebody's browser is to speak to a store. */
function refusalOf({ headers }: IncomingMessage): Refusal | undefined {
  const text = `this server speaks ${subprotocol}, and not to web pages`;
  if (headers.origin !== undefined) return { status: "403 Forbidden", text };
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  return offered.includes(subprotocol) ? undefined : { status: "400 Bad Request", text };
}

/** The address and port that a request comes from. */
export function peerOf({ socket: { remoteAddress = "unknown", remotePort = 0 } }: IncomingMessage): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
