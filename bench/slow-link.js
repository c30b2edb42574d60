/**
 * A slow link: a proxy between a client and a server of this machine, whose every connection shares one line that carries so
 * many bytes a second in each direction, and takes half a round trip for each.
 *
 * A line is a token bucket that never holds more than what is being sent, kept as the moment at which it is free again (the
 * virtual scheduling of ITU-T I.371): a piece leaves when all before it have left and its own bytes have passed, and arrives
 * half a round trip later. Timers only decide when arrivals are looked at, so being late with one does not slow the line.
 *
 * What the proxy has read and not yet passed on is bounded for each connection and direction: what is on its way
 * (bandwidth times delay) and `bufferBytes` waiting in front of the line. Beyond that it stops reading, and TCP makes
 * the sender wait. Not imitated: TCP's slow start, and loss.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A piece of what was read: 64 KiB that leave as one would arrive as one, 5 ms late at 100 Mbit/s. */
const pieceBytes = 16 << 10;
/** 40 ms at 100 Mbit/s: so long may a busy machine keep the proxy waiting before the line stands idle through its fault. */
const defaultBufferBytes = 512 << 10;

/**
 * @typedef {object} LinkOptions
 * @property {number} roundTripMs
 * @property {number} bytesPerSecond in each direction
 * @property {number} [bufferBytes] how much may wait in front of the line
 */

/** Something on its way: bytes, or the end of them. */
/** @typedef {{ bytes: Buffer | undefined, arrivesMs: number }} Piece */

/** One direction of the link, shared by all connections. */
class Line {
  #freeMs = 0;
  /** Bytes that have been sent into it. */
  sentBytes = 0;

  /** @param {LinkOptions} options */
  constructor({ bytesPerSecond, roundTripMs }) {
    this.bytesPerMs = bytesPerSecond / 1000;
    this.delayMs = roundTripMs / 2;
  }

  /**
   * @param {number} bytes
   * @returns {number} when the last of them will have left
   */
  send(bytes) {
    this.sentBytes += bytes;
    this.#freeMs = Math.max(this.#freeMs, performance.now()) + this.durationMs(bytes);
    return this.#freeMs;
  }

  /** @param {number} bytes */
  durationMs(bytes) {
    return bytes / this.bytesPerMs;
  }
}

/** One direction of one connection. */
class Carrier {
  /** @type {Piece[]} */
  #pieces = [];
  #heldBytes = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #isBlocked = false;
  #leftMs = 0;

  /**
   * @param {import("node:net").Socket} from
   * @param {import("node:net").Socket} to
   * @param {{ line: Line, bufferBytes: number, openMs: number, onHeld: (bytes: number) => void }} options `openMs`: when the
   *   first byte may be sent
   */
  constructor(from, to, { line, bufferBytes, openMs, onHeld }) {
    this.from = from;
    this.to = to;
    this.line = line;
    this.#leftMs = openMs;
    this.mostBytes = bufferBytes + line.bytesPerMs * line.delayMs;
    this.onHeld = onHeld;
    from.on("data", (chunk) => this.#take(chunk));
    from.on("end", () => this.#send(undefined));
    to.on("drain", () => {
      this.#isBlocked = false;
      this.#arrive();
    });
  }

  /** Forgets what is on its way, and breaks the connection that it came from. */
  stop() {
    clearTimeout(this.#timer);
    this.#pieces = [];
    this.from.resetAndDestroy();
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    for (let at = 0; at < chunk.length; at += pieceBytes) this.#send(chunk.subarray(at, at + pieceBytes));
    if (this.#heldBytes >= this.mostBytes) this.from.pause();
  }

  /** @param {Buffer | undefined} bytes undefined: the end */
  #send(bytes) {
    const length = bytes?.length ?? 0;
    this.#heldBytes += length;
    this.onHeld(this.#heldBytes);
    // a connection that is not open yet waits for itself, and does not hold up the others
    this.#leftMs = Math.max(this.line.send(length), this.#leftMs + this.line.durationMs(length));
    this.#pieces.push({ bytes, arrivesMs: this.#leftMs + this.line.delayMs });
    if (this.#pieces.length === 1) this.#wait();
  }

  #wait() {
    const next = this.#pieces[0];
    if (next === undefined || this.#isBlocked) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#arrive(), Math.max(0, next.arrivesMs - performance.now()));
  }

  /** Passes on what has arrived by now, as far as it is taken. */
  #arrive() {
    for (let next = this.#pieces[0]; next !== undefined && !this.#isBlocked; next = this.#pieces[0]) {
      if (next.arrivesMs > performance.now()) break;
      this.#pieces.shift();
      if (next.bytes === undefined) this.to.end();
      else this.#pass(next.bytes);
    }
    if (this.#heldBytes < this.mostBytes) this.from.resume();
    this.#wait();
  }

  /** @param {Buffer} bytes */
  #pass(bytes) {
    this.#heldBytes -= bytes.length;
    if (!this.to.writable) return;
    // a receiver that takes nothing leaves the rest where it is counted
    this.#isBlocked = !this.to.write(bytes);
  }
}

/**
 * A link that is open.
 * @typedef {object} SlowLink
 * @property {number} port of this machine, at which it takes connections
 * @property {() => { upBytes: number, downBytes: number }} carried what clients have sent, and servers, since it was opened
 * @property {() => number} mostHeldBytes the most that it ever held of one connection in one direction
 * @property {() => Promise<void>} close drops all connections
 */

/**
 * Opens a link to a port of this machine.
 * @param {number} port
 * @param {LinkOptions} options
 * @returns {Promise<SlowLink>}
 */
export async function openSlowLink(port, options) {
  const { roundTripMs, bufferBytes = defaultBufferBytes } = options;
  const [up, down] = [new Line(options), new Line(options)];
  let mostHeldBytes = 0;
  /** @param {number} bytes */
  const onHeld = (bytes) => {
    mostHeldBytes = Math.max(mostHeldBytes, bytes);
  };
  /** @type {Set<() => void>} */
  const drops = new Set();
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    // the client believes the connection open; over a real link it would have to wait for that, a round trip
    const openMs = performance.now() + roundTripMs;
    const carriers = [
      new Carrier(client, server, { line: up, bufferBytes, openMs, onHeld }),
      new Carrier(server, client, { line: down, bufferBytes, openMs: 0, onHeld }),
    ];
    const drop = () => {
      drops.delete(drop);
      for (const carrier of carriers) carrier.stop();
    };
    drops.add(drop);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", drop);
      socket.on("close", () => client.destroyed && server.destroyed && drop());
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("a link without a port");
  return {
    port: address.port,
    carried: () => ({ upBytes: up.sentBytes, downBytes: down.sentBytes }),
    mostHeldBytes: () => mostHeldBytes,
    close: async () => {
      for (const drop of drops) drop();
      listener.close();
      await once(listener, "close");
    },
  };
}
