/** A cache bounded in bytes that forgets what was used least recently. */

interface Kept<V> {
  readonly value: V;
  readonly sizeBytes: number;
}

/** Keeps values up to a number of bytes altogether; the least recently used go first. */
export class ByteLru<K, V> {
  readonly #limitBytes: number;
  readonly #kept = new Map<K, Kept<V>>(); // a Map keeps the order of insertion: the first is the oldest
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** How many bytes the values have that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value of a key, which is then the most recently used. */
  get(key: K): V | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.value;
  }

  /** Keeps a value in place of the key's former one. One that is larger than the whole cache is not kept. */
  set(key: K, value: V, sizeBytes: number): void {
    this.delete(key);
    if (sizeBytes > this.#limitBytes) return;
    this.#kept.set(key, { value, sizeBytes });
    this.#bytes += sizeBytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.sizeBytes;
  }
}
