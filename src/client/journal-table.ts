/**
 * Finds the records of a journal by their paths. The records stay in the bytes that they were read in: a file takes about
 * 75 bytes and its path, and 8 to 16 here, so that a million files take some 150 MB.
 */
import { randomInt } from "node:crypto";
import type { ByteString } from "../objects/byte-string.js";
import { isRecordOf, recordPath } from "./journal-record.js";

const firstCapacity = 1024;
/** A fuller table grows, to twice the size. */
const maxLoad = 0.5;
const prime = 0x01000193;

export class JournalTable {
  readonly #bytes: Buffer;
  /** Names are chosen by others; what they come to here is not. */
  readonly #seed = randomInt(2 ** 32);
  /** Where records begin, plus one; 0 for a free place. Open addressing with linear probing. */
  #places = new Uint32Array(firstCapacity);
  #count = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many paths there are. */
  get count(): number {
    return this.#count;
  }

  /** Where the records begin, in no order. */
  *records(): Generator<number, void, undefined> {
    for (const place of this.#places) if (place > 0) yield place - 1;
  }

  /** Takes the record that begins at `at`, in place of an earlier one of the same path. */
  add(at: number): void {
    if (this.#count + 1 > this.#places.length * maxLoad) this.#grow();
    const slot = this.#slotOf(recordPath(this.#bytes, at));
    if (this.#places[slot] === 0) this.#count += 1;
    this.#places[slot] = at + 1;
  }

  /** Where the record of a path begins. */
  find(path: ByteString): number | undefined {
    const place = this.#places[this.#slotOf(path)] as number;
    return place === 0 ? undefined : place - 1;
  }

  /** The slot that holds the path's record, or that it belongs into. */
  #slotOf(path: ByteString): number {
    const mask = this.#places.length - 1;
    let slot = this.#hash(path) & mask;
    for (let place = this.#places[slot] as number; place > 0; place = this.#places[slot] as number) {
      if (isRecordOf(this.#bytes, place - 1, path)) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) from a random start, with its upper half folded in. */
  #hash(path: ByteString): number {
    let hash = this.#seed;
    for (let index = 0; index < path.length; index += 1) hash = Math.imul(hash ^ path.charCodeAt(index), prime);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  #grow(): void {
    const before = this.#places;
    this.#places = new Uint32Array(before.length * 2);
    for (const place of before) {
      if (place > 0) this.#places[this.#slotOf(recordPath(this.#bytes, place - 1))] = place;
    }
  }
}
