/** Sets of records, by their numbers: a bit for each, in pages that are there only where a bit is set. */

const pageBits = 1 << 15;
const pageWords = pageBits / 32;

/** At most an eighth of a byte a record of the store's index, and 4 KiB for a single one. */
export class RecordSet {
  readonly #pages = new Map<number, Uint32Array>();

  /** Adds a record; false if it is there already. */
  add(record: number): boolean {
    const number = Math.floor(record / pageBits);
    let page = this.#pages.get(number);
    if (page === undefined) this.#pages.set(number, (page = new Uint32Array(pageWords)));
    const bit = 1 << (record & 31);
    const word = (record % pageBits) >>> 5;
    if (((page[word] as number) & bit) !== 0) return false;
    page[word] = (page[word] as number) | bit;
    return true;
  }

  /** Adds all that another set has. */
  addAll(other: RecordSet): void {
    for (const [number, from] of other.#pages) {
      const page = this.#pages.get(number);
      if (page === undefined) this.#pages.set(number, from.slice());
      else for (const [at, word] of from.entries()) page[at] = (page[at] as number) | word;
    }
  }

  has(record: number): boolean {
    const page = this.#pages.get(Math.floor(record / pageBits));
    return page !== undefined && ((page[(record % pageBits) >>> 5] as number) & (1 << (record & 31))) !== 0;
  }

  delete(record: number): void {
    const page = this.#pages.get(Math.floor(record / pageBits));
    if (page === undefined) return;
    const word = (record % pageBits) >>> 5;
    page[word] = (page[word] as number) & ~(1 << (record & 31));
  }

  /** Takes all records out, and gives back the memory. */
  clear(): void {
    this.#pages.clear();
  }

  /** The first record from `from` on, before `end`; -1 where there is none. */
  next(from: number, end: number): number {
    for (let at = from; at < end;) {
      const page = this.#pages.get(Math.floor(at / pageBits));
      if (page === undefined) {
        at = (Math.floor(at / pageBits) + 1) * pageBits;
        continue;
      }
      const word = (page[(at % pageBits) >>> 5] as number) >>> (at & 31);
      if (word !== 0) {
        const found = at + 31 - Math.clz32(word & -word);
        return found < end ? found : -1;
      }
      at += 32 - (at & 31);
    }
    return -1;
  }

  /** How many there are from `start` on, before `end`. */
  count(start: number, end: number): number {
    let count = 0;
    for (let at = this.next(start, end); at >= 0; at = this.next(at + 1, end)) count += 1;
    return count;
  }

  /** The first record from `from` on, before `end`, that the other set does not have; -1 where there is none. */
  nextNotIn(other: RecordSet, from: number, end: number): number {
    for (let at = this.next(from, end); at >= 0; at = this.next(at + 1, end)) if (!other.has(at)) return at;
    return -1;
  }

  /** How many bytes the set takes. */
  get sizeBytes(): number {
    return this.#pages.size * pageWords * 4;
  }
}
