/**
 * The table in memory that says which record an object has, of all records of a store's indexes: 8 bytes a slot, at most
 * 14 bytes an object. It keeps 40 of an id's 256 bits; a match is confirmed with the whole id, which stands on disk.
 *
 * 256 shards by an id's first byte; in each, open addressing with linear probing. A slot is two words: the id's bytes 1 to
 * 4 (its fingerprint), and 1 + the record's number (0: empty). A fingerprint also gives the slot where the search begins,
 * so growing needs no ids, and ids that come in their order fill the table from its beginning to its end.
 *
 * Ids are spread evenly, so shards of one capacity would all grow at the same moment. Their capacities are therefore as
 * far apart as growing takes them: at any time a few are about to grow, and each takes about a millisecond for it at
 * ten million objects.
 */

/** Shards are numbered by the first byte of the ids in them. */
export const shardCount = 256;
const slotWords = 2;
const wordBytes = 4;
const firstCapacity = 32;
/** A fuller shard grows. An unsuccessful search then looks at 22 slots on average (Knuth, 6.4, algorithm L). */
const maxLoad = 0.85;
const growth = 1.4;
/** The largest number of a record: one more would not fit in its word. */
const maxRecord = 2 ** 32 - 2;

/** Whether the record of a number is that of the id that stands at `offset` of `ids`. */
export type Confirm = (record: number, ids: Buffer, offset: number) => boolean;

interface Shard {
  words: Uint32Array;
  capacity: number;
  count: number;
}

/** A map from object ids to the numbers of their records, in typed arrays. */
export class IndexTable {
  readonly #confirm: Confirm;
  readonly #shards: Shard[] = Array.from({ length: shardCount }, (_, shard) => emptyShard(apart(firstCapacity, shard)));

  constructor(confirm: Confirm) {
    this.#confirm = confirm;
  }

  /** How many objects are in the table. */
  get count(): number {
    return this.#shards.reduce((sum, { count }) => sum + count, 0);
  }

  /** How many bytes the table takes. */
  get sizeBytes(): number {
    return this.#shards.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  /** Makes room for about so many objects in all, so that the table hardly grows while they are added. */
  reserve(count: number): void {
    for (const [number, shard] of this.#shards.entries()) {
      const capacity = apart(count / shardCount / maxLoad, number);
      if (capacity > shard.capacity) resize(shard, capacity);
    }
  }

  /** The number of the record of the id that stands at `offset` of `ids`; -1 if it is not in the table. */
  find(ids: Buffer, offset: number): number {
    return this.#search(ids, offset, this.#confirm);
  }

  /**
   * As `find`, but asks nobody: -1 is certain, and any other number has still to be compared with the id. One in about
   * 10^5 is wrong at ten million objects.
   */
  guess(ids: Buffer, offset: number): number {
    return this.#search(ids, offset, undefined);
  }

  /**
   * Adds the id that stands at `offset` of `ids`, unless it is there: an object's first record stays, or with `replace` makes
   * room for this one. Gives the record whose place was taken; -1 where none was.
   */
  add(ids: Buffer, offset: number, record: number, replace = false): number {
    if (record > maxRecord) throw new RangeError(`record ${record} in the table of objects`);
    const shard = this.#shards[ids[offset] as number] as Shard;
    if (shard.count + 1 > shard.capacity * maxLoad) resize(shard, Math.ceil(shard.capacity * growth));
    const { words, capacity } = shard;
    const fingerprint = fingerprintAt(ids, offset);
    let slot = firstSlot(fingerprint, capacity);
    for (; words[slot * slotWords + 1] !== 0; slot = slot + 1 === capacity ? 0 : slot + 1) {
      if (words[slot * slotWords] !== fingerprint) continue;
      const before = (words[slot * slotWords + 1] as number) - 1;
      if (!this.#confirm(before, ids, offset)) continue;
      if (!replace) return -1;
      words[slot * slotWords + 1] = record + 1;
      return before;
    }
    words[slot * slotWords] = fingerprint;
    words[slot * slotWords + 1] = record + 1;
    shard.count += 1;
    return -1;
  }

  /** Has the objects of one shard whose records are from `start` up to, not including, `end` found at the records that `to` gives. */
  relocate(number: number, { start, end }: { start: number; end: number }, to: (record: number) => number): void {
    const { words } = this.#shards[number] as Shard;
    for (let at = 1; at < words.length; at += slotWords) {
      const record = (words[at] as number) - 1;
      if (record >= start && record < end) words[at] = to(record) + 1;
    }
  }

  /** Takes records out of one shard, and gives back the memory that it then has too much of. */
  filter(shard: number, keeps: (record: number) => boolean): void {
    const old = this.#shards[shard] as Shard;
    const left = { ...old, count: countWhere(old, keeps) };
    if (left.count === old.count) return;
    const enough = apart(Math.max(left.count / maxLoad, firstCapacity), shard);
    resize(left, Math.min(old.capacity, enough), keeps);
    this.#shards[shard] = left;
  }

  #search(ids: Buffer, offset: number, confirm: Confirm | undefined): number {
    const { words, capacity } = this.#shards[ids[offset] as number] as Shard;
    const fingerprint = fingerprintAt(ids, offset);
    for (let slot = firstSlot(fingerprint, capacity); ; slot = slot + 1 === capacity ? 0 : slot + 1) {
      const word = words[slot * slotWords + 1] as number;
      if (word === 0) return -1;
      if (words[slot * slotWords] !== fingerprint) continue;
      if (confirm === undefined || confirm(word - 1, ids, offset)) return word - 1;
    }
  }
}

function emptyShard(capacity: number): Shard {
  return { words: new Uint32Array(capacity * slotWords), capacity, count: 0 };
}

/** A capacity for one of the shards: they are spread evenly over what growing once multiplies it by. */
function apart(capacity: number, shard: number): number {
  return Math.ceil(capacity * growth ** (shard / shardCount));
}

function fingerprintAt(ids: Buffer, offset: number): number {
  const high = ((ids[offset + 1] as number) << 8) | (ids[offset + 2] as number);
  const low = ((ids[offset + 3] as number) << 8) | (ids[offset + 4] as number);
  return ((high << 16) | low) >>> 0;
}

/** Spreads the fingerprints, which are evenly distributed, over any number of slots. */
function firstSlot(fingerprint: number, capacity: number): number {
  return Math.floor((fingerprint * capacity) / 2 ** 32);
}

function insert(shard: Shard, fingerprint: number, word: number): void {
  const { words, capacity } = shard;
  let slot = firstSlot(fingerprint, capacity);
  while (words[slot * slotWords + 1] !== 0) slot = slot + 1 === capacity ? 0 : slot + 1;
  words[slot * slotWords] = fingerprint;
  words[slot * slotWords + 1] = word;
}

function countWhere({ words }: Shard, keeps: (record: number) => boolean): number {
  let count = 0;
  for (let at = 1; at < words.length; at += slotWords) {
    const word = words[at] as number;
    if (word !== 0 && keeps(word - 1)) count += 1;
  }
  return count;
}

function resize(shard: Shard, capacity: number, keeps: (record: number) => boolean = () => true): void {
  const { words } = shard;
  const resized = emptyShard(capacity);
  for (let at = 0; at < words.length; at += slotWords) {
    const word = words[at + 1] as number;
    if (word !== 0 && keeps(word - 1)) insert(resized, words[at] as number, word);
  }
  shard.words = resized.words;
  shard.capacity = resized.capacity;
}

/** What a table without objects takes at most, in bytes. */
export const emptyTableBytes = Math.ceil(shardCount * firstCapacity * growth) * slotWords * wordBytes;
