/** Where every object of a store is: the table in memory, and the index files that it points into. */
import { BakError } from "../errors.js";
import { objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { IndexFiles } from "./index-files.js";
import { IndexTable, shardCount } from "./index-table.js";
import { NumberedPacks, offsetOfRecord, type IndexedPack, type NumberedPack } from "./numbered-packs.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { ProjectId } from "../objects/project-id.js";
import {
  decodeMember,
  decodeRecord,
  kindInRecord,
  lengthInRecord,
  memberLength,
  membersOffset,
  recordLength,
  recordsOffset,
  type MemberPlace,
  type ObjectPlace,
} from "./pack-index.js";
import { diskBytesOf } from "./quotas.js";
import { RecordRuns } from "./record-runs.js";

/** So many ids are looked up together. */
const batchIds = 1 << 16;
/** Adding packs lets others have a turn after so much time. */
const turnMs = 4;

/** An object's place in the store. */
export interface FoundObject extends ObjectPlace {
  readonly pack: NumberedPack;
  /** The number of its record. */
  readonly record: number;
}

/** Is told of an object that is found at another record from now on. */
export type OnMoved = (from: number, to: number) => void;

/** An object that stands under a record's number. */
export interface RecordedObject extends FoundObject {
  readonly id: ObjectId;
}

/** Given the record of one of many ids; it stands at `offset` of `bytes` for the moment. */
type OnRecord = (ordinal: number, pack: NumberedPack, bytes: Buffer, offset: number, record: number) => void;

/** Finds objects by id. Memory: 14 bytes an object at most, a few hundred a pack, and a cache of 32 MiB. */
export class ObjectIndex {
  readonly #table = new IndexTable((record, ids, offset) => this.#isRecordOf(record, ids, offset));
  readonly #packs = new NumberedPacks();
  readonly #added = new Map<ObjectId, NumberedPack>();
  readonly #files = new IndexFiles();
  readonly #runs = new RecordRuns();
  readonly #bytesByOwner = new Map<ProjectId, number>();
  #onMoved: OnMoved | undefined;

  /** Makes room for about so many objects, before packs with so many are added. */
  reserve(count: number): void {
    this.#table.reserve(count);
  }

  /**
   * Makes the objects of packs visible; an object that is in several stays where it was first. `index` is the whole of a
   * pack's index, and may be used for something else once this has resolved. Others have their turn meanwhile, and find what
   * has been added so far; no two calls are under way at the same time.
   */
  async add(...packs: readonly { readonly pack: IndexedPack; readonly index: Buffer }[]): Promise<void> {
    await this.#addAll(
      packs.map(({ pack, index }) => this.#packs.add(pack, index)),
      false,
    );
  }

  /**
   * As `add`, of one pack: its objects are found in it from now on, wherever they were found so far. At no moment one of
   * them is not found.
   */
  async prefer(pack: IndexedPack, index: Buffer): Promise<void> {
    await this.#addAll([this.#packs.add(pack, index)], true);
  }

  /** Whom to tell of objects that are found elsewhere; undefined for nobody, which costs nothing. */
  set onMoved(onMoved: OnMoved | undefined) {
    this.#onMoved = onMoved;
  }

  /** How many bytes the packs have that each project owns. */
  get bytesByOwner(): ReadonlyMap<ProjectId, number> {
    return this.#bytesByOwner;
  }

  /** The number that the next pack will have. */
  get nextPack(): number {
    return this.#packs.nextNumber;
  }

  /** The packs with this number and later ones that are not hidden, also those of which not all has been added yet. */
  packsFrom(number: number): NumberedPack[] {
    return this.#packs.from(number).filter(({ isHidden }) => !isHidden);
  }

  /** The pack that has a record's number; it has not been removed. */
  packOf(record: number): NumberedPack {
    return this.#packs.of(record);
  }

  /** The pack of an id; undefined unless all of it has been added. */
  pack(id: ObjectId): NumberedPack | undefined {
    return this.#added.get(id);
  }

  /** All packs that have been added, and neither hidden nor removed, in the order of their numbers. */
  get packs(): NumberedPack[] {
    return [...this.#added.values()].toSorted((a, b) => a.number - b.number);
  }

  /** The number that the next record will have. */
  get nextRecord(): number {
    return this.#packs.nextRecord;
  }

  /** How many objects there are, each counted once; those of hidden packs count until the next `sweep`. */
  get objectCount(): number {
    return this.#table.count;
  }

  /** The number of the record of the id that stands at `offset` of `ids`; -1 where there is none. */
  recordOf(ids: Buffer, offset: number): number {
    return this.#table.find(ids, offset);
  }

  /**
   * Has the objects of a pack found at other records: `places` has one for each of the pack's records, which may be the
   * record's own. Others have their turn meanwhile.
   */
  async relocate(pack: NumberedPack, places: Float64Array): Promise<void> {
    let turnEnds = performance.now() + turnMs;
    for (let shard = 0; shard < shardCount; shard += 1) {
      this.#table.relocate(shard, pack, (record) => {
        const to = places[record - pack.start] as number;
        if (to !== record) this.#onMoved?.(record, to);
        return to;
      });
      if (performance.now() < turnEnds) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnEnds = performance.now() + turnMs;
    }
  }

  /** Forgets what was read of a pack's index, which has been written anew. */
  reread(pack: NumberedPack): void {
    this.#files.forget(pack);
  }

  /** From now on nothing is found in these packs. An object of which they have the record is then in no other pack, either. */
  hide(packs: Iterable<NumberedPack>): void {
    for (const pack of packs) {
      pack.isHidden = true;
      if (this.#added.delete(pack.id)) this.#countBytes(pack, -diskBytesOf(pack));
    }
  }

  /** Gives back the memory that the records of hidden packs take. Others have their turn meanwhile; none hides packs. */
  async sweep(): Promise<void> {
    const hidden = this.#packs.hidden;
    if (hidden.length === 0) return;
    const keeps = (record: number): boolean => !isIn(hidden, record);
    let turnEnds = performance.now() + turnMs;
    for (let shard = 0; shard < shardCount; shard += 1) {
      this.#table.filter(shard, keeps);
      if (performance.now() < turnEnds) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnEnds = performance.now() + turnMs;
    }
    this.#packs.removeHidden();
  }

  /** Where the object is whose id stands at `offset` of `ids`. */
  find(ids: Buffer, offset: number): FoundObject | undefined {
    const record = this.#table.find(ids, offset);
    return record < 0 ? undefined : { pack: this.#packs.of(record), record, ...decodeRecord(this.#record(record)) };
  }

  /** Whether `find` would find an object, for less. */
  has(ids: Buffer, offset: number): boolean {
    return this.#table.find(ids, offset) >= 0;
  }

  /** `has` for many ids that stand one after the other: a bit for each, the lowest of a byte first. */
  hasMany(ids: Buffer): Uint8Array {
    const bitmap = new Uint8Array(Math.ceil(ids.length / objectIdLength / 8));
    this.#visit(ids, (ordinal) => void (bitmap[ordinal >> 3]! |= 1 << (ordinal & 7)));
    return bitmap;
  }

  /**
   * `find` for many ids that stand one after the other, for much less: index files are read in their order. Calls `onFound`
   * for each that is found, with its ordinal among the ids; not in the order of these.
   */
  findMany(ids: Buffer, onFound: (ordinal: number, found: FoundObject) => void): void {
    this.#visit(ids, (ordinal, pack, bytes, offset, record) => {
      onFound(ordinal, { pack, record, ...decodeRecord(bytes.subarray(offset, offset + recordLength)) });
    });
  }

  /** For each of many ids that is found: its ordinal among them, the number of its record, the kind as which it came, and its pack. */
  findRecords(
    ids: Buffer,
    onFound: (ordinal: number, record: number, kind: ObjectKind, pack: NumberedPack) => void,
  ): void {
    this.#visit(ids, (ordinal, pack, bytes, offset, record) =>
      onFound(ordinal, record, kindInRecord(bytes, offset), pack),
    );
  }

  /**
   * Looks for some of a pack's records whose objects are found at others; gives those others. `index` is the pack's; the
   * records are those from `start` up to, not including, `end`. For much less than looking for them all.
   */
  findElsewhere(
    pack: NumberedPack,
    index: Buffer,
    { start, end, onFound }: { start: number; end: number; onFound: (record: number, pack: NumberedPack) => void },
  ): void {
    const ids = Buffer.allocUnsafe((end - start) * objectIdLength);
    let count = 0;
    for (let record = start; record < end; record += 1) {
      const at = offsetOfRecord(pack, record);
      if (this.#table.guess(index, at) === record) continue; // which the table has only for this object
      index.copy(ids, count * objectIdLength, at, at + objectIdLength);
      count += 1;
    }
    this.#visit(ids.subarray(0, count * objectIdLength), (_, other, bytes, offset, record) => onFound(record, other));
  }

  /** What stands under a record's number; undefined where its pack has been hidden. */
  object(record: number): RecordedObject | undefined {
    const pack = this.#packs.visible(record);
    if (pack === undefined) return undefined;
    const bytes = this.#record(record);
    return { id: objectIdAt(bytes), pack, record, ...decodeRecord(bytes) };
  }

  /** How long each object is of many ids that stand one after the other; -1 where there is none, or it does not count. */
  lengthsOf(ids: Buffer, counts: (record: number, pack: NumberedPack) => boolean = () => true): Float64Array {
    const lengths = new Float64Array(ids.length / objectIdLength).fill(-1);
    this.#visit(ids, (ordinal, pack, bytes, offset, record) => {
      if (counts(record, pack)) lengths[ordinal] = lengthInRecord(bytes, offset);
    });
    return lengths;
  }

  /** Where a member lies in its pack; throws STORE_DAMAGED where the pack's index has no such member. */
  member(pack: NumberedPack, member: number): MemberPlace {
    const at = membersOffset + member * memberLength;
    if (member >= pack.memberCount) throw new BakError("STORE_DAMAGED", `damaged index: '${pack.indexPath}'`);
    return decodeMember(this.#read(pack, at, memberLength));
  }

  async #addAll(packs: readonly NumberedPack[], replace: boolean): Promise<void> {
    try {
      await this.#addRecords(packs, replace);
      for (const pack of packs) {
        this.#added.set(pack.id, pack);
        this.#countBytes(pack, diskBytesOf(pack));
      }
    } finally {
      for (const pack of packs) pack.bytes = pack.indexInMemory;
    }
  }

  #countBytes({ owner }: NumberedPack, bytes: number): void {
    if (owner === undefined) return;
    const sum = (this.#bytesByOwner.get(owner) ?? 0) + bytes;
    if (sum > 0) this.#bytesByOwner.set(owner, sum);
    else this.#bytesByOwner.delete(owner);
  }

  /** Goes through all the indexes at once, by the table's shards: each is then worked on while it is in a near cache. */
  async #addRecords(packs: readonly NumberedPack[], replace: boolean): Promise<void> {
    const cursors = packs.map((pack) => ({ pack, offset: recordsOffset(pack) }));
    let turnEnds = performance.now() + turnMs;
    for (let shard = 0; shard < shardCount; shard += 1) {
      for (const cursor of cursors) cursor.offset = this.#addShard(cursor, shard, replace);
      if (performance.now() < turnEnds) continue;
      await new Promise((resolve) => setImmediate(resolve));
      turnEnds = performance.now() + turnMs;
    }
  }

  /** Adds the records that are of a shard, or of one before, from an offset of a pack's index on; gives where it ended. */
  #addShard({ pack, offset: from }: { pack: NumberedPack; offset: number }, shard: number, replace: boolean): number {
    const { bytes, end } = pack;
    if (bytes === undefined) return from;
    const stop = offsetOfRecord(pack, end);
    let record = end - (stop - from) / recordLength;
    let at = from;
    for (; at < stop && (bytes[at] as number) <= shard; at += recordLength, record += 1) {
      const before = this.#table.add(bytes, at, record, replace);
      if (before >= 0) this.#onMoved?.(before, record);
    }
    return at;
  }

  #visit(ids: Buffer, onRecord: OnRecord): void {
    const batchBytes = batchIds * objectIdLength;
    for (let at = 0; at < ids.length; at += batchBytes) {
      const first = at / objectIdLength;
      this.#visitBatch(ids.subarray(at, at + batchBytes), (ordinal, ...record) => onRecord(first + ordinal, ...record));
    }
  }

  /** Looks all ids up in the table, and then at their records, in the order of these. */
  #visitBatch(ids: Buffer, onRecord: OnRecord): void {
    const keys = new Float64Array(ids.length / objectIdLength); // of the number of a record and the ordinal of an id
    let count = 0;
    for (let ordinal = 0; ordinal < keys.length; ordinal += 1) {
      const record = this.#table.guess(ids, ordinal * objectIdLength);
      if (record >= 0) keys[count++] = record * batchIds + ordinal;
    }
    const sorted = keys.subarray(0, count).toSorted();
    for (let from = 0; from < count;) {
      const pack = this.#packs.of(recordIn(sorted[from] as number));
      let to = from + 1;
      while (to < count && recordIn(sorted[to] as number) < pack.end) to += 1;
      const guesses = sorted.subarray(from, to);
      if (pack.isHidden) for (const key of guesses) this.#visitOne(ids, key % batchIds, onRecord);
      else this.#visitRecords(ids, { pack, guesses }, onRecord);
      from = to;
    }
  }

  /** For ids of which the table guesses that they have records of one pack. */
  #visitRecords(
    ids: Buffer,
    { pack, guesses }: { pack: NumberedPack; guesses: Float64Array },
    onRecord: OnRecord,
  ): void {
    this.#readRecords(pack, guesses, (key, bytes, offset) => {
      const ordinal = key % batchIds;
      if (isIdAt(bytes, offset, ids, ordinal * objectIdLength)) onRecord(ordinal, pack, bytes, offset, recordIn(key));
      else this.#visitOne(ids, ordinal, onRecord);
    });
  }

  #readRecords(
    pack: NumberedPack,
    keys: Float64Array,
    visit: (key: number, bytes: Buffer, offset: number) => void,
  ): void {
    const { bytes, indexPath } = pack;
    const offsetOf = (at: number): number => offsetOfRecord(pack, recordIn(keys[at] as number));
    if (bytes !== undefined) {
      for (let at = 0; at < keys.length; at += 1) visit(keys[at] as number, bytes, offsetOf(at));
      return;
    }
    const isWhole = this.#runs.read(indexPath, { count: keys.length, offsetOf }, (at, run, offset) => {
      visit(keys[at] as number, run, offset);
    });
    if (!isWhole) throw cutShort(pack);
  }

  /** For an id that was taken for another, with the same fingerprint. */
  #visitOne(ids: Buffer, ordinal: number, onRecord: OnRecord): void {
    const record = this.#table.find(ids, ordinal * objectIdLength);
    if (record >= 0) onRecord(ordinal, this.#packs.of(record), this.#record(record), 0, record);
  }

  #isRecordOf(record: number, ids: Buffer, offset: number): boolean {
    return !this.#packs.of(record).isHidden && isIdAt(this.#record(record), 0, ids, offset);
  }

  #record(record: number): Buffer {
    const pack = this.#packs.of(record);
    return this.#read(pack, offsetOfRecord(pack, record), recordLength);
  }

  #read(pack: NumberedPack, offset: number, length: number): Buffer {
    const bytes = pack.bytes?.subarray(offset, offset + length) ?? this.#files.read(pack, offset, length);
    if (bytes.length === length) return bytes;
    throw cutShort(pack);
  }
}

/** Whether a record is of one of the packs, which stand in the order of their numbers. */
function isIn(packs: readonly NumberedPack[], record: number): boolean {
  let low = 0;
  let high = packs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((packs[middle] as NumberedPack).end <= record) low = middle + 1;
    else high = middle;
  }
  return low < packs.length && (packs[low] as NumberedPack).start <= record;
}

function recordIn(key: number): number {
  return Math.floor(key / batchIds);
}

/** Whether the id at an offset of some bytes is that at an offset of others. */
function isIdAt(bytes: Buffer, offset: number, ids: Buffer, idOffset: number): boolean {
  return bytes.compare(ids, idOffset, idOffset + objectIdLength, offset, offset + objectIdLength) === 0;
}

function cutShort(pack: IndexedPack): BakError {
  return new BakError("STORE_DAMAGED", `damaged index: '${pack.indexPath}' is cut short`, {
    hint: "restart what serves the store: it then makes the index again from the pack",
  });
}
