/** A channel inside one process, for a store that is opened where the client runs. */
import { BakError } from "../errors.js";
import type { Channel } from "./channel.js";
import { FrameQueue } from "./frame-queue.js";
import { receiveQueueBytes } from "./limits.js";

/** The two ends of a new channel. `peer` is what each calls the other. */
export function openMemoryChannel(peers: { client: string; server: string }): { client: Channel; server: Channel } {
  const toClient = new Pipe();
  const toServer = new Pipe();
  return { client: endOf(toServer, toClient, peers.server), server: endOf(toClient, toServer, peers.client) };
}

function endOf(outgoing: Pipe, incoming: Pipe, peer: string): Channel {
  return {
    peer,
    isLocal: true,
    send: (frame, onSent) => {
      if (onSent === undefined) return outgoing.write(frame);
      const copy = new Uint8Array(frame); // the other end keeps what it is given
      onSent();
      return outgoing.write(copy);
    },
    receive: () => incoming.read(),
    close: async () => {
      outgoing.end();
      incoming.end();
    },
  };
}

/** One direction. */
class Pipe {
  #waiting: (() => void)[] = [];
  #isEnded = false;
  readonly #queue = new FrameQueue(receiveQueueBytes, () => this.#wake());

  async write(frame: Uint8Array): Promise<void> {
    if (this.#isEnded) throw new BakError("CONNECTION_LOST", "the other end of the connection is closed");
    this.#queue.push(frame);
    if (this.#queue.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#queue.shift();
  }

  end(): void {
    this.#isEnded = true;
    this.#queue.end();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
