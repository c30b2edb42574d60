/** The packs of a store in the order in which they were added, and one row of numbers for all their records. */
import type { ObjectId } from "../objects/object-id.js";
import { recordLength, recordsOffset, type PackIndexHeader } from "./pack-index.js";

/** A pack that is on stable storage, with its index. */
export interface IndexedPack extends PackIndexHeader {
  readonly id: ObjectId;
  readonly indexPath: string;
  /** The index itself, where it could not be written: on a full disk what is there can still be read. */
  readonly indexInMemory: Buffer | undefined;
}

/** A pack whose records have their numbers. */
export interface NumberedPack extends IndexedPack {
  /** The pack's own number, which no other has. */
  readonly number: number;
  /** The number of its first record, and the one after that of its last. */
  readonly start: number;
  readonly end: number;
  /** The whole index, as long as it is at hand. */
  bytes: Buffer | undefined;
}

/** Numbers packs, and finds them by the numbers of their records. */
export class NumberedPacks {
  readonly #packs: NumberedPack[] = [];

  /** Gives the next numbers to a pack. */
  add(pack: IndexedPack, bytes: Buffer): NumberedPack {
    const start = this.#packs.at(-1)?.end ?? 0;
    const numbered = { ...pack, number: this.#packs.length, start, end: start + pack.recordCount, bytes };
    this.#packs.push(numbered);
    return numbered;
  }

  /** The pack that has a record's number; there is one. */
  of(record: number): NumberedPack {
    let low = 0;
    let high = this.#packs.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#packs[middle] as NumberedPack).start <= record) low = middle;
      else high = middle;
    }
    return this.#packs[low] as NumberedPack;
  }
}

/** Where a record stands in its pack's index. */
export function offsetOfRecord(pack: NumberedPack, record: number): number {
  return recordsOffset(pack) + (record - pack.start) * recordLength;
}
