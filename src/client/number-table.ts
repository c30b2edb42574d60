/** A map from numbers to small ones, in 12 bytes a place: for as many as there may be files. */
import { randomInt } from "node:crypto";

const firstSlots = 64;
const free = -1;

/** Keys are safe integers from 0 up, values integers from 0 to 2^31-1. */
export class NumberTable {
  #keys = new Float64Array(firstSlots).fill(free);
  #values = new Int32Array(firstSlots);
  #count = 0;
  /** Makes places unforeseeable: a hostile tree could name very many numbers that meet in one. */
  readonly #seed = randomInt(2 ** 31) * 2 + 1;

  get(key: number): number | undefined {
    const slot = this.#slotOf(key);
    return this.#keys[slot] === free ? undefined : this.#values[slot];
  }

  set(key: number, value: number): void {
    if (this.#count * 2 >= this.#keys.length) this.#grow();
    const slot = this.#slotOf(key);
    if (this.#keys[slot] === free) this.#count += 1;
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  /** The slot that has the key, or the free one where it belongs. */
  #slotOf(key: number): number {
    const mask = this.#keys.length - 1;
    let slot = hashOf(key, this.#seed) & mask;
    while (this.#keys[slot] !== free && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Float64Array(keys.length * 2).fill(free);
    this.#values = new Int32Array(keys.length * 2);
    for (const [index, key] of keys.entries()) {
      if (key === free) continue;
      const slot = this.#slotOf(key);
      this.#keys[slot] = key;
      this.#values[slot] = values[index] as number;
    }
  }
}

function hashOf(key: number, seed: number): number {
  let hash = Math.imul((key >>> 0) ^ Math.imul(Math.floor(key / 2 ** 32), seed), seed);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b); // the finalizer of MurmurHash3: inodes come in runs
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
