/**
 * The table in memory that says which record of which pack's index an object has: 12 bytes a slot, at most 20 bytes an
 * object. It keeps 40 of an id's 256 bits; whoever asks confirms a match with the whole id, which stands on disk.
 *
 * 256 shards by an id's first byte, so that growing copies little at a time; in each, open addressing with linear
 * probing. A slot is three words: the id's bytes 1 to 4 (its fingerprint), 1 + the pack's ordinal (0: empty), and the
 * record's ordinal. A fingerprint also gives the slot where the search begins, so growing needs no ids.
 */

const shardCount = 256;
const slotWords = 3;
const wordBytes = 4;
const firstCapacity = 16;
/** A fuller shard grows. An unsuccessful search then looks at 22 slots on average (Knuth, 6.4, algorithm L). */
const maxLoad = 0.85;
const growth = 1.4;

/** Where an object's record is. */
export interface RecordPlace {
  readonly pack: number;
  readonly record: number;
}

/** Whether a record is that of the id in question. */
export type Confirm = (pack: number, record: number) => boolean;

interface Shard {
  words: Uint32Array;
  capacity: number;
  count: number;
}

/** A map from object ids to places, in typed arrays. */
export class IndexTable {
  readonly #shards: Shard[] = Array.from({ length: shardCount }, () => emptyShard(firstCapacity));
  #count = 0;

  /** How many objects are in the table. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes the table takes. */
  get sizeBytes(): number {
    return this.#shards.reduce((sum, { words }) => sum + words.byteLength, 0);
  }

  /** The place of the id that stands at `offset` of `ids`. */
  find(ids: Uint8Array, offset: number, confirm: Confirm): RecordPlace | undefined {
    const { words, capacity } = this.#shardOf(ids, offset);
    const fingerprint = fingerprintAt(ids, offset);
    for (let slot = firstSlot(fingerprint, capacity); ; slot = slot + 1 === capacity ? 0 : slot + 1) {
      const at = slot * slotWords;
      const pack = words[at + 1] as number;
      if (pack === 0) return undefined;
      const record = words[at + 2] as number;
      if (words[at] === fingerprint && confirm(pack - 1, record)) return { pack: pack - 1, record };
    }
  }

  /** Adds the id that stands at `offset` of `ids`, unless it is there: an object's first place stays. */
  add(ids: Uint8Array, offset: number, place: RecordPlace, confirm: Confirm): void {
    if (this.find(ids, offset, confirm) !== undefined) return;
    const shard = this.#shardOf(ids, offset);
    if (shard.count + 1 > shard.capacity * maxLoad) grow(shard);
    insert(shard, fingerprintAt(ids, offset), place.pack + 1, place.record);
    shard.count += 1;
    this.#count += 1;
  }

  #shardOf(ids: Uint8Array, offset: number): Shard {
    return this.#shards[ids[offset] as number] as Shard;
  }
}

function emptyShard(capacity: number): Shard {
  return { words: new Uint32Array(capacity * slotWords), capacity, count: 0 };
}

function fingerprintAt(ids: Uint8Array, offset: number): number {
  const [a, b, c, d] = [ids[offset + 1], ids[offset + 2], ids[offset + 3], ids[offset + 4]] as [
    number,
    number,
    number,
    number,
  ];
  return (a * 0x1000000 + ((b << 16) | (c << 8) | d)) >>> 0;
}

/** Spreads the fingerprints, which are evenly distributed, over any number of slots. */
function firstSlot(fingerprint: number, capacity: number): number {
  return Math.floor((fingerprint * capacity) / 2 ** 32);
}

function insert(shard: Shard, fingerprint: number, packWord: number, record: number): void {
  const { words, capacity } = shard;
  let slot = firstSlot(fingerprint, capacity);
  while (words[slot * slotWords + 1] !== 0) slot = slot + 1 === capacity ? 0 : slot + 1;
  words[slot * slotWords] = fingerprint;
  words[slot * slotWords + 1] = packWord;
  words[slot * slotWords + 2] = record;
}

function grow(shard: Shard): void {
  const { words } = shard;
  const larger = emptyShard(Math.ceil(shard.capacity * growth));
  for (let at = 0; at < words.length; at += slotWords) {
    const packWord = words[at + 1] as number;
    if (packWord !== 0) insert(larger, words[at] as number, packWord, words[at + 2] as number);
  }
  shard.words = larger.words;
  shard.capacity = larger.capacity;
}

/** What a table without objects takes, in bytes. */
export const emptyTableBytes = shardCount * firstCapacity * slotWords * wordBytes;
