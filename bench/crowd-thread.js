/**
 * A thread of crowd.js, and of test/attack/crowd.test.ts and crowd-tls.test.ts: keeps connections to a port that say nothing,
 * garbage, or half of something, in clear text or within TLS, and come back when they are sent away.
 */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";

/**
 * @typedef {object} Nuisances
 * @property {number} port
 * @property {readonly Kind[]} kinds each takes its turn
 * @property {number} connections
 * @property {number} againMs so long after it was sent away one comes back
 */
/** @typedef {keyof typeof words} Kind */

const handshake =
  "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: bak.v2\r\n\r\n";

/** The head of a binary frame that says it has 8 MiB, and a quarter of a MiB of it. */
const halfFrame = Buffer.alloc(14 + (256 << 10), 0xaa);
halfFrame.set([0x82, 0xff, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0]);

/** A third of a ClientHello of TLS: the head of its record says that it has 512 bytes. */
const halfHello = Buffer.alloc(170, 0x55);
halfHello.set([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

/** What each says in turn; what begins with `tls` is said within TLS. */
const words = {
  nothing: [[]],
  garbage: [[Buffer.alloc(4096, 0xff)], [Buffer.from(handshake), Buffer.alloc(4096, 0x81)]],
  half: [[Buffer.from(handshake.slice(0, -2))], [Buffer.from(handshake), halfFrame]],
  halfHello: [[halfHello]],
  tlsNothing: [[]],
  tlsGarbage: [[Buffer.alloc(4096, 0xff)], [Buffer.from(handshake), Buffer.alloc(4096, 0x81)]],
  tlsHalf: [[Buffer.from(handshake.slice(0, -2))], [Buffer.from(handshake), halfFrame]],
};

const { port, kinds, connections, againMs } = /** @type {Nuisances} */ (workerData);
const sayings = kinds.flatMap((kind) => words[kind].map((pieces) => ({ pieces, isTls: kind.startsWith("tls") })));
/** @type {Set<number>} those of which each has been connected once, and through TLS's handshake where it speaks TLS */
const arrived = new Set();

/** @param {number} which */
function join(which) {
  const { pieces = [], isTls = false } = sayings[which % sayings.length] ?? {};
  const to = { port, host: "127.0.0.1" };
  const socket = isTls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  socket.once(isTls ? "secureConnect" : "connect", () => {
    if (arrived.has(which) || arrived.add(which).size < connections) return;
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has none
    parentPort?.postMessage("all were there");
  });
  socket.on("error", () => undefined);
  socket.resume();
  for (const piece of pieces) socket.write(piece);
  socket.on("close", () => setTimeout(() => join(which), againMs));
}

for (let which = 0; which < connections; which += 1) join(which);
