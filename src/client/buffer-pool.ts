/** A bounded number of buffers of one size: whoever fills the next waits until one has come back. */

export class BufferPool {
  readonly sizeBytes: number;
  #limit: number;
  readonly #free: ArrayBuffer[] = [];
  readonly #waiting: { resolve: (buffer: ArrayBuffer) => void; reject: (error: unknown) => void }[] = [];
  #made = 0;
  #failure: { readonly reason: unknown } | undefined;

  /** Makes up to `limit` buffers of `sizeBytes`, as they are asked for. */
  constructor(sizeBytes: number, limit: number) {
    this.sizeBytes = sizeBytes;
    this.#limit = limit;
  }

  /** How many buffers there may be. */
  get limit(): number {
    return this.#limit;
  }

  /** A buffer, with whatever is in it. Resolves when there is one; rejects once the pool has failed. */
  async take(): Promise<ArrayBuffer> {
    if (this.#failure !== undefined) throw this.#failure.reason;
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.#limit) {
      this.#made += 1;
      return new ArrayBuffer(this.sizeBytes);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** From now on there may be `limit` buffers, if that is more than before. */
  allow(limit: number): void {
    this.#limit = Math.max(this.#limit, limit);
    while (this.#made < this.#limit) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      this.#made += 1;
      waiting.resolve(new ArrayBuffer(this.sizeBytes));
    }
  }

  /** Takes a buffer back. */
  give(buffer: ArrayBuffer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#free.push(buffer);
    else waiting.resolve(buffer);
  }

  /** Nothing is given out any more; whoever waits is told why. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
