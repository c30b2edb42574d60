/** Writes bytes to a stream as fast as it takes them, and no faster. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { ByteSink } from "../client/byte-sink.js";
import { errnoOf } from "../errors.js";

/** Thrown where whoever reads what we write has had enough. */
export class ReaderGone extends Error {}

/** What comes in smaller pieces is gathered, so that a system call is made for many of them. */
const gatherBytes = 256 << 10;

/** To be finished, unless something failed. The stream itself stays open. */
export class StreamSink implements ByteSink {
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;
  #gathered: Buffer | undefined;
  #length = 0;
  #failure: Error | undefined;

  constructor(stream: Writable, options: { signal?: AbortSignal | undefined } = {}) {
    this.#stream = stream;
    this.#signal = options.signal;
    stream.on("error", (error) => (this.#failure ??= error));
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#length + bytes.length > gatherBytes) {
      const flushed = this.#flush();
      if (bytes.length < gatherBytes / 4) {
        this.#gather(bytes);
        return flushed;
      }
      const put = this.#put(bytes);
      return flushed === undefined || put === undefined ? (put ?? flushed) : both(flushed, put);
    }
    this.#gather(bytes);
    return undefined;
  }

  /** Resolves when all is written. */
  async finish(): Promise<void> {
    await this.#flush();
    this.#throwFailure();
    await new Promise<void>((resolve, reject) => {
      // it is written after all that came before it
      this.#stream.write("", (error) => (error ? reject(reasonOf(error)) : resolve()));
    });
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered ??= Buffer.allocUnsafeSlow(gatherBytes); // the stream holds on to the last one until it has written it
    this.#gathered.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #flush(): Promise<void> | undefined {
    const bytes = this.#gathered?.subarray(0, this.#length);
    this.#gathered = undefined;
    this.#length = 0;
    return bytes && this.#put(bytes);
  }

  #put(bytes: Uint8Array): Promise<void> | undefined {
    this.#throwFailure();
    return this.#stream.write(bytes) ? undefined : this.#drained();
  }

  async #drained(): Promise<void> {
    try {
      await once(this.#stream, "drain", this.#signal === undefined ? {} : { signal: this.#signal });
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw reasonOf(error);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw reasonOf(this.#failure);
  }
}

/** Where both fail, neither is left to fail unheard. */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.all([first, second]);
}

function reasonOf(error: unknown): unknown {
  return errnoOf(error) === "EPIPE" ? new ReaderGone("nobody reads on", { cause: error }) : error;
}
