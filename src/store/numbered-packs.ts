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
  /** No object is found in it any more. */
  isHidden: boolean;
}

/** Numbers packs, and finds them by the numbers of their records. No number is given twice, whatever has been removed. */
export class NumberedPacks {
  #packs: NumberedPack[] = [];
  #nextNumber = 0;
  #nextRecord = 0;

  /** The number that the next record will have. */
  get nextRecord(): number {
    return this.#nextRecord;
  }

  /** The number that the next pack will have. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Packs with this number and later ones, also those that are hidden. */
  from(number: number): NumberedPack[] {
    let at = this.#packs.length;
    while (at > 0 && (this.#packs[at - 1] as NumberedPack).number >= number) at -= 1;
    return this.#packs.slice(at);
  }

  /** Gives the next numbers to a pack. */
  add(pack: IndexedPack, bytes: Buffer): NumberedPack {
    const [number, start] = [this.#nextNumber, this.#nextRecord];
    this.#nextNumber += 1;
    this.#nextRecord += pack.recordCount;
    const numbered = { ...pack, number, start, end: this.#nextRecord, bytes, isHidden: false };
    this.#packs.push(numbered);
    return numbered;
  }

  /** Those that are hidden, in the order of their numbers. */
  get hidden(): NumberedPack[] {
    return this.#packs.filter(({ isHidden }) => isHidden);
  }

  /** Forgets the packs that are hidden: nobody knows a number of their records any more. */
  removeHidden(): void {
    this.#packs = this.#packs.filter(({ isHidden }) => !isHidden);
  }

  /** The pack that has a record's number, if it has not been removed, or hidden. */
  visible(record: number): NumberedPack | undefined {
    if (this.#packs.length === 0) return undefined;
    const pack = this.of(record);
    return record >= pack.start && record < pack.end && !pack.isHidden ? pack : undefined;
  }

  /** The pack that has a record's number; it has not been removed. */
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
