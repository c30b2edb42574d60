/** A WebSocket client made of bytes: it does what no library would, such as sending half a frame. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Test } from "tap";
import { subprotocol } from "../../src/protocol/limits.js";
import { within } from "./deadline.js";

/** What asks a server of bak to speak WebSocket. */
export const handshake =
  `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`;

/** A TCP connection on which nothing has been said; it reads, and drops what it reads. */
export async function rawSocket(t: Test, port: number | string): Promise<Socket> {
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, "connect");
  socket.resume();
  return socket;
}

/** The same with TLS on it, whoever the server is. */
export async function rawTlsSocket(t: Test, port: number | string): Promise<Socket> {
  const socket = connectTls({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
  socket.on("error", () => undefined);
  t.teardown(() => socket.destroy());
  await within(10_000, "TLS", once(socket, "secureConnect"));
  socket.resume();
  return socket;
}

/** One that speaks WebSocket: the server has said so. It answers no pings. */
export async function rawWebSocket(t: Test, port: number | string, open = rawSocket): Promise<Socket> {
  const socket = await open(t, port);
  socket.write(handshake);
  const [answer] = (await within(10_000, "the handshake", once(socket, "data"))) as [Buffer];
  if (!answer.toString("latin1").startsWith("HTTP/1.1 101 ")) throw new Error(answer.toString("latin1"));
  return socket;
}

/** A frame of RFC 6455, masked with zeros; `opcode` 2 is binary, 9 a ping. `length` is what it says that it holds. */
export function rawFrame(
  payload: Uint8Array,
  { opcode = 2, length = BigInt(payload.length) }: { opcode?: number; length?: bigint } = {},
): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x80 | opcode;
  if (length < 126n) {
    head[1] = 0x80 | Number(length);
    return Buffer.concat([head.subarray(0, 6), payload]);
  }
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(length, 2);
  return Buffer.concat([head, payload]);
}

/** Bytes that are being written one piece after the other, each once the system has taken the one before. */
export interface Pouring {
  /** How much has been taken: by the other end, or by the system's buffers. */
  readonly takenBytes: number;
}

/** Writes pieces until there are no more, or the socket is closed. */
export function pour(socket: Socket, pieces: Iterable<Uint8Array>): Pouring {
  const pouring = { takenBytes: 0 };
  const left = pieces[Symbol.iterator]();
  const writeNext = (): void => {
    const { value, done } = left.next();
    if (done === true) return;
    socket.write(value, (error) => {
      if (error != null) return;
      pouring.takenBytes += value.length;
      writeNext();
    });
  };
  writeNext();
  return pouring;
}
