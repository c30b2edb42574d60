/** Frames on their way from whoever brings them to whoever asks for them, bounded in bytes and in number. */
import { maxWaitingFrames } from "./limits.js";

/** A queue with one reader. The writer is told when to stop and when to go on. */
export class FrameQueue {
  readonly #frames: Uint8Array[] = [];
  readonly #limitBytes: number;
  readonly #onRoom: () => void;
  #bytes = 0;
  #ended: { error: Error | undefined } | undefined;
  #reader: { resolve: (frame: Uint8Array | undefined) => void; reject: (error: Error) => void } | undefined;

  /** `onRoom` is called after a frame was taken that left the queue half empty or more. */
  constructor(limitBytes: number, onRoom: () => void) {
    this.#limitBytes = limitBytes;
    this.#onRoom = onRoom;
  }

  /** Whether the writer should stop until `onRoom`. */
  get isFull(): boolean {
    return this.#bytes >= this.#limitBytes || this.#frames.length >= maxWaitingFrames;
  }

  /** What waits for the reader. */
  get bytes(): number {
    return this.#bytes;
  }

  push(frame: Uint8Array): void {
    if (this.#ended !== undefined) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(frame);
      return;
    }
    this.#frames.push(frame);
    this.#bytes += frame.length;
  }

  /** No frame comes any more; those that wait are still given out. With an error, reading ends in it. */
  end(error?: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    if (error === undefined) reader.resolve(undefined);
    else reader.reject(error);
  }

  /** The next frame; undefined at the end. Not to be called again before it has resolved. */
  async shift(): Promise<Uint8Array | undefined> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      this.#bytes -= frame.length;
      if (this.#bytes <= this.#limitBytes / 2 && this.#frames.length <= maxWaitingFrames / 2) this.#onRoom();
      return frame;
    }
    if (this.#ended !== undefined) {
      if (this.#ended.error !== undefined) throw this.#ended.error;
      return undefined;
    }
    if (this.#reader !== undefined) throw new Error("two readers of one queue");
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }));
  }
}
