/** Which packs are being read from: a pack that is to go stays until nobody reads from it any more. */
import type { ObjectId } from "../objects/object-id.js";

/** Counts the readers of packs. */
export class PackPins {
  readonly #readers = new Map<ObjectId, number>();
  readonly #onFree: () => void;

  /** `onFree` is called whenever a pack has lost its last reader; it must not throw. */
  constructor(onFree: () => void) {
    this.#onFree = onFree;
  }

  /** Keeps packs until what this gives is called; a second call of that does nothing. */
  pin(packs: Iterable<ObjectId>): () => void {
    const pinned = new Set(packs);
    for (const pack of pinned) this.#readers.set(pack, (this.#readers.get(pack) ?? 0) + 1);
    return () => {
      const isLast = [...pinned].map((pack) => this.#release(pack)).includes(true);
      pinned.clear();
      if (isLast) this.#onFree();
    };
  }

  isPinned(pack: ObjectId): boolean {
    return this.#readers.has(pack);
  }

  #release(pack: ObjectId): boolean {
    const readers = (this.#readers.get(pack) as number) - 1;
    if (readers > 0) this.#readers.set(pack, readers);
    else this.#readers.delete(pack);
    return readers === 0;
  }
}
