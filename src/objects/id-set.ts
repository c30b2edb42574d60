/** A set of object ids that takes 32 bytes an id and some room, where a Set of texts would take a hundred. */
import { objectIdLength } from "./object-id.js";

const wordsPerId = objectIdLength / 4;
const firstCapacity = 1024;
/** A fuller table grows, to twice the size. */
const maxLoad = 0.7;

/** Ids are given as 32 bytes at an offset. Open addressing with linear probing: ids are hashes already. */
export class IdSet {
  #words = new Uint32Array(firstCapacity * wordsPerId);
  /** Whether a slot is taken: any 32 bytes may be an id. */
  #taken = new Uint8Array(firstCapacity);
  #capacity = firstCapacity;
  #count = 0;
  readonly #id = new Uint8Array(objectIdLength);
  readonly #idWords = new Uint32Array(this.#id.buffer);

  /** How many ids are in the set. */
  get size(): number {
    return this.#count;
  }

  /** Adds the id; false if it is there already. */
  add(ids: Uint8Array, offset = 0): boolean {
    for (let index = 0; index < objectIdLength; index += 1) this.#id[index] = ids[offset + index] as number;
    if (this.#count + 1 > this.#capacity * maxLoad) this.#grow();
    const slot = this.#find(this.#idWords, 0);
    if (this.#taken[slot] === 1) return false;
    this.#words.set(this.#idWords, slot * wordsPerId);
    this.#taken[slot] = 1;
    this.#count += 1;
    return true;
  }

  /** Whether the id is there. */
  has(ids: Uint8Array, offset = 0): boolean {
    for (let index = 0; index < objectIdLength; index += 1) this.#id[index] = ids[offset + index] as number;
    return this.#taken[this.#find(this.#idWords, 0)] === 1;
  }

  /** The slot that holds the id, or that it belongs into. */
  #find(words: Uint32Array, at: number): number {
    const mask = this.#capacity - 1;
    let slot = (words[at] as number) & mask;
    while (this.#taken[slot] === 1 && !this.#isAt(slot, words, at)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(slot: number, words: Uint32Array, at: number): boolean {
    const start = slot * wordsPerId;
    for (let word = 0; word < wordsPerId; word += 1) {
      if (this.#words[start + word] !== words[at + word]) return false;
    }
    return true;
  }

  #grow(): void {
    const { length } = this.#taken;
    const words = this.#words;
    const taken = this.#taken;
    this.#capacity = length * 2;
    this.#words = new Uint32Array(this.#capacity * wordsPerId);
    this.#taken = new Uint8Array(this.#capacity);
    for (let slot = 0; slot < length; slot += 1) {
      if (taken[slot] === 0) continue;
      const start = slot * wordsPerId;
      const to = this.#find(words, start);
      this.#words.set(words.subarray(start, start + wordsPerId), to * wordsPerId);
      this.#taken[to] = 1;
    }
  }
}
