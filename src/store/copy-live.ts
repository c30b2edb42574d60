/** Copies what is needed of a pack into a new one, member by member: as it lies where all of it is needed, else cut. */
import { tarLength } from "../objects/member-tar.js";
import { objectIdLength } from "../objects/object-id.js";
import { tarBlockBytes } from "../objects/pack-format.js";
import type { NumberedPack } from "./numbered-packs.js";
import { decodeRecord, recordLength, recordsOffset, type PackIndex, memberAt } from "./pack-index.js";
import { liveTarBytes } from "./pack-use.js";
import type { Packs } from "./packs.js";
import type { PackWriter } from "./pack-writer.js";
import type { RecordSet } from "./record-set.js";

/** So many ids are looked up together. */
const batchIds = 8192;

export interface CopyOptions {
  readonly packs: Packs;
  /** What of the pack is needed. */
  readonly live: RecordSet;
  /** Is given the records that have been copied. */
  readonly copied: RecordSet;
  readonly to: PackWriter;
  /** A member of some entries of another, compressed for the pack that those lie in; the buffers are used up. */
  readonly cut: (packed: Uint8Array, ranges: Uint32Array<ArrayBuffer>) => Promise<Uint8Array>;
  readonly onCopied: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Copies one pack; one of its members is in memory at a time. Rejects with STORE_DAMAGED or BAD_PACK where it is not sound. */
export async function copyLive(pack: NumberedPack, options: CopyOptions): Promise<void> {
  const { packs, live, copied, to, signal } = options;
  const index = await packs.readIndex(pack);
  const ordinals = byMember(index, (ordinal) => live.has(pack.start + ordinal));
  const liveTars = liveTarBytes(index, (ordinal) => live.has(pack.start + ordinal));
  for (let member = 0, from = 0; member < index.memberCount; member += 1) {
    const place = memberAt(index, member);
    options.onCopied(place.packedLength);
    if (liveTars[member] === 0) continue;
    signal.throwIfAborted();
    let end = from;
    while (end < ordinals.length && recordAt(index, ordinals[end] as number).member === member) end += 1;
    const own = ordinals.subarray(from, end);
    const packed = await packs.readMember({ pack: pack.id, ...place });
    const isWhole = liveTars[member] === place.inflatedLength;
    await to.add(isWhole ? packed : await options.cut(packed, rangesOf(index, own)), own.length);
    for (const ordinal of own) copied.add(pack.start + ordinal);
    from = end;
  }
}

/** The records that are needed, in the order of their members. */
function byMember(index: PackIndex, isLive: (ordinal: number) => boolean): Uint32Array {
  const next = new Uint32Array(index.memberCount + 1);
  let count = 0;
  for (let ordinal = 0; ordinal < index.recordCount; ordinal += 1) {
    if (!isLive(ordinal)) continue;
    next[recordAt(index, ordinal).member + 1]! += 1;
    count += 1;
  }
  for (let member = 1; member < next.length; member += 1) next[member]! += next[member - 1] as number;
  const ordinals = new Uint32Array(count);
  for (let ordinal = 0; ordinal < index.recordCount; ordinal += 1) {
    if (!isLive(ordinal)) continue;
    const { member } = recordAt(index, ordinal);
    ordinals[next[member] as number] = ordinal;
    next[member]! += 1;
  }
  return ordinals;
}

/** Where the entries of some records of one member begin and end in its tar, in their order there. */
export function rangesOf(index: PackIndex, ordinals: Iterable<number>): Uint32Array<ArrayBuffer> {
  const places = Array.from(ordinals, (ordinal) => recordAt(index, ordinal)).toSorted((a, b) => a.offset - b.offset);
  const ranges = new Uint32Array(places.length * 2);
  for (const [at, { offset, length }] of places.entries()) {
    ranges[at * 2] = offset - tarBlockBytes;
    ranges[at * 2 + 1] = offset - tarBlockBytes + tarLength(length);
  }
  return ranges;
}

function recordAt(index: PackIndex, ordinal: number): ReturnType<typeof decodeRecord> {
  const at = recordsOffset(index) + ordinal * recordLength;
  return decodeRecord(index.bytes.subarray(at, at + recordLength));
}

/** Throws a plain Error, which says that this code is wrong, unless the copied records of a pack are found in other packs. */
export async function assertMoved(packs: Packs, pack: NumberedPack, copied: RecordSet): Promise<void> {
  const { bytes, ...header } = await packs.readIndex(pack);
  const ids = Buffer.alloc(batchIds * objectIdLength);
  let count = 0;
  const look = async (): Promise<void> => {
    let found = 0;
    packs.index.findRecords(ids.subarray(0, count * objectIdLength), (_, record) => {
      if (record < pack.start || record >= pack.end) found += 1;
    });
    if (found < count) throw new Error(`${count - found} objects of pack ${pack.id} are in no other`);
    count = 0;
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let record = copied.next(pack.start, pack.end); record >= 0; record = copied.next(record + 1, pack.end)) {
    const at = recordsOffset(header) + (record - pack.start) * recordLength;
    bytes.copy(ids, count * objectIdLength, at, at + objectIdLength);
    count += 1;
    if (count === batchIds) await look();
  }
  await look();
}
