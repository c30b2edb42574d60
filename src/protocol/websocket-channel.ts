/** A channel over a WebSocket (RFC 6455), for both ends of it. */
import type { Socket } from "node:net";
import { WebSocket, type RawData } from "ws";
import { BakError } from "../errors.js";
import { oneLine } from "../objects/one-line.js";
import type { Channel } from "./channel.js";
import { FrameQueue } from "./frame-queue.js";
import { receiveQueueBytes, sendQueueBytes, silenceLimitMs as defaultSilenceLimitMs } from "./limits.js";

/** How often within the limit of silence an end asks whether the other is still there. */
const pingsPerSilence = 4;
/** How long a close waits for the other end's. */
const closeTimeoutMs = 2_000;

export interface SocketOptions {
  /** Whom to name in messages: a URL, or an address. */
  readonly peer: string;
  readonly isLocal: boolean;
  /** What the socket runs over. With it, a close does not wait for the other end's: the system does what is left of it. */
  readonly connection?: Socket | undefined;
  /** Bytes that have come in so far: a long message on a slow link is a sign of life before it is whole. */
  readonly bytesRead?: (() => number) | undefined;
  /** After so long without a byte, the connection is given up. */
  readonly silenceLimitMs?: number | undefined;
}

/** Makes a channel of a socket that is open. */
export function channelOf(socket: WebSocket, options: SocketOptions): Channel {
  const { peer, isLocal, connection, bytesRead, silenceLimitMs = defaultSilenceLimitMs } = options;
  const pingIntervalMs = silenceLimitMs / pingsPerSilence;
  const queue = new FrameQueue(receiveQueueBytes, () => socket.isPaused && socket.resume());
  let failure: Error | undefined;
  let heardAt = Date.now();
  let tickedAt = heardAt;
  let heardBytes = 0;
  let isClosing = false;
  /** How much had come when the last message was whole. */
  let bytesAtMessage = bytesRead?.() ?? 0;

  const lost = (why: string): BakError =>
    new BakError("CONNECTION_LOST", `lost the connection to '${peer}': ${why}`, { cause: failure });
  const keepAlive = setInterval(() => {
    const isLate = Date.now() - tickedAt > pingIntervalMs * 2;
    tickedAt = Date.now();
    // where we do not listen, or were too busy to, silence says nothing of the other end
    const bytes = bytesRead?.() ?? 0;
    if (socket.isPaused || isLate || bytes !== heardBytes) heardAt = Date.now();
    heardBytes = bytes;
    if (Date.now() - heardAt > silenceLimitMs) {
      failure ??= new Error(`nothing heard for ${silenceLimitMs / 1000} s`);
      socket.terminate();
    } else if (socket.readyState === WebSocket.OPEN) {
      socket.ping();
    }
  }, pingIntervalMs);
  keepAlive.unref();

  socket.on("pong", () => (heardAt = Date.now()));
  socket.on("ping", () => (heardAt = Date.now()));
  socket.on("message", (data: RawData, isBinary: boolean) => {
    heardAt = Date.now();
    bytesAtMessage = bytesRead?.() ?? 0;
    if (!isBinary || !Buffer.isBuffer(data)) {
      failure = new BakError("BAD_MESSAGE", `'${peer}' sent text where only binary frames are spoken`);
      socket.close(1003, "binary frames only");
      return;
    }
    if (isClosing) return; // the other end's close comes after all that it had sent
    queue.push(data);
    if (queue.isFull) socket.pause();
  });
  socket.on("error", (error) => (failure ??= error));
  socket.on("close", (code, reason) => {
    clearInterval(keepAlive);
    if (code === 1000 && failure === undefined) queue.end();
    else queue.end(lost(failure?.message ?? (oneLine(reason.toString()) || `closed with code ${code}`)));
  });

  return {
    peer,
    isLocal,
    receive: () => queue.shift(),
    heldBytes: () => queue.bytes + socket.bufferedAmount + (bytesRead?.() ?? 0) - bytesAtMessage,
    send: (frame, onSent) =>
      new Promise((resolve, reject) => {
        // a socket that is closed takes what it is given, and fails only later
        if (socket.readyState !== WebSocket.OPEN) return reject(lost(failure?.message ?? "it is closed"));
        socket.send(frame, { binary: true }, (error) => {
          onSent?.();
          if (error == null) resolve();
          else reject(lost(error.message));
        });
        if (socket.bufferedAmount < sendQueueBytes) resolve();
      }),
    close: () => {
      isClosing = true;
      return connection === undefined ? closeSocket(socket) : leaveSocket(socket, connection);
    },
  };
}

/** Resolves when our close is on its way; the socket does not keep the process any more. */
async function leaveSocket(socket: WebSocket, connection: Socket): Promise<void> {
  const closed = closeSocket(socket);
  const sent = new Promise<void>((resolve) => connection.write("", () => resolve()));
  await Promise.race([closed, sent]);
  connection.unref();
}

async function closeSocket(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => socket.terminate(), closeTimeoutMs).unref();
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    if (socket.isPaused) socket.resume(); // the other end's close could not be heard
    socket.close(1000);
  });
}
