/** Takes connections on an HTTP server and makes a channel of each. */
import type { IncomingMessage, Server } from "node:http";
import { WebSocketServer } from "ws";
import type { Channel } from "./channel.js";
import { maxFrameBytes, subprotocol } from "./limits.js";
import { channelOf } from "./websocket-channel.js";

/** How long clients may take to answer when the server stops. */
const closeTimeoutMs = 2_000;

export interface AcceptOptions {
  /** Given each connection that speaks our subprotocol, with the request that opened it. */
  onChannel(channel: Channel, request: IncomingMessage): void;
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
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
    // only browsers say where a page is from, and no page in somebody's browser is to speak to a store
    const isPage = request.headers.origin !== undefined;
    if (isPage || !offered.includes(subprotocol)) {
      socket.on("error", () => socket.destroy()); // whoever it was may be gone already
      socket.end(
        `HTTP/1.1 ${isPage ? "403 Forbidden" : "400 Bad Request"}\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nthis server speaks ${subprotocol}, and not to web pages\n`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      const { remoteAddress = "unknown", remotePort = 0 } = request.socket;
      const peer = `${remoteAddress}:${remotePort}`;
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
