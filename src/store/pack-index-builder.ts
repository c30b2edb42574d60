/** Makes a pack's index (pack-index.ts) from what its members hold. */
import { blake3, hashLength } from "../objects/hash.js";
import type { MemberObject } from "../objects/member-tar.js";
import type { ObjectId } from "../objects/object-id.js";
import { objectKinds } from "../objects/object-kind.js";
import { maxPackObjects, packTrailers, type PackCodec } from "../objects/pack-format.js";
import type { ProjectId } from "../objects/project-id.js";
import {
  fanOutLength,
  memberLength,
  membersOffset,
  packIndexLength,
  recordLength,
  recordsOffset,
  writeHeader,
  writeRecordPlace,
} from "./pack-index.js";

/** All that an index is made of; may be sent to a thread, with its buffers. */
export interface PackIndexParts {
  readonly pack: ObjectId;
  /** Of the whole pack, with its trailer, in bytes. */
  readonly packLength: number;
  /** The project that sent it. */
  readonly owner?: ProjectId | undefined;
  /** The table of members as it stands in the index. */
  readonly members: Uint8Array<ArrayBuffer>;
  /** A record for each object of each member, in the order in which they lie in the pack. */
  readonly records: Uint8Array<ArrayBuffer>;
}

/** Gathers what a pack holds, member by member, for its index. Memory: 44 bytes an object, and as much again while it grows. */
export class PackIndexBuilder {
  #members: Uint8Array<ArrayBuffer> = new Uint8Array(64 * memberLength);
  #records: Uint8Array<ArrayBuffer> = new Uint8Array(1024 * recordLength);
  #memberCount = 0;
  #recordCount = 0;
  #packLength = 0;

  /** How many objects have been added, each as often as it was. */
  get objectCount(): number {
    return this.#recordCount;
  }

  /** The next member of the pack, and the objects in it. */
  addMember(packedLength: number, inflatedLength: number, objects: readonly MemberObject[]): void {
    this.addRecords(packedLength, inflatedLength, recordsOf(objects, this.#memberCount));
  }

  /** The same with the records of the objects, as `recordsOf` makes them for a member of this number. */
  addRecords(packedLength: number, inflatedLength: number, records: Uint8Array): void {
    const count = records.length / recordLength;
    if (this.#recordCount + count > maxPackObjects) throw new RangeError("too many objects for an index");
    const at = this.#memberCount * memberLength;
    this.#members = withRoom(this.#members, at + memberLength);
    const member = new DataView(this.#members.buffer, at, memberLength);
    member.setUint32(0, this.#packLength);
    member.setUint32(4, packedLength);
    member.setUint32(8, inflatedLength);
    this.#records = withRoom(this.#records, (this.#recordCount + count) * recordLength);
    this.#records.set(records, this.#recordCount * recordLength);
    this.#memberCount += 1;
    this.#recordCount += count;
    this.#packLength += packedLength;
  }

  /** What `encodePackIndex` makes the index of the pack of; the builder is at its end. */
  parts(pack: ObjectId, codec: PackCodec, owner?: ProjectId): PackIndexParts {
    return {
      pack,
      owner,
      packLength: this.#packLength + packTrailers[codec].length,
      members: this.#members.subarray(0, this.#memberCount * memberLength),
      records: this.#records.subarray(0, this.#recordCount * recordLength),
    };
  }

  /** The bytes of the index of the pack that has been added, trailer and all. */
  finish(pack: ObjectId, codec: PackCodec = "gzip", owner?: ProjectId): Buffer {
    return encodePackIndex(this.parts(pack, codec, owner));
  }
}

/** The records of a member's objects, in their order. */
export function recordsOf(objects: readonly MemberObject[], member: number): Uint8Array<ArrayBuffer> {
  const records = Buffer.alloc(objects.length * recordLength);
  for (const [index, { id, kind, offset, length }] of objects.entries()) {
    records.write(id, index * recordLength, "hex");
    writeRecordPlace(records, index * recordLength, { kind: objectKinds.indexOf(kind), member, offset, length });
  }
  return records;
}

/** The bytes of an index. Takes about 0.2 µs an object; where there are many, it belongs on a thread. */
export function encodePackIndex({ pack, packLength, owner, members, records }: PackIndexParts): Buffer<ArrayBuffer> {
  const order = sortedOrdinals(asBuffer(records));
  const header = { packLength, memberCount: members.length / memberLength, recordCount: order.length, owner };
  const bytes = Buffer.alloc(packIndexLength(header));
  bytes.set(members, membersOffset);
  const fanOut = copyRecords(records, order, bytes.subarray(recordsOffset(header), -hashLength));
  writeHeader(bytes, { pack, ...header, fanOut });
  bytes.set(blake3().hash(bytes.subarray(0, -hashLength)), bytes.length - hashLength);
  return bytes;
}

/**
 * The records in the order of their ids, without those of objects that came before. Numbers sort ten times faster than
 * ids: the first 32 bits of an id and the record's ordinal make one, and only records that share those bits are compared.
 */
function sortedOrdinals(records: Buffer): Uint32Array {
  const keys = new Float64Array(records.length / recordLength);
  for (let ordinal = 0; ordinal < keys.length; ordinal += 1) {
    keys[ordinal] = records.readUInt32BE(ordinal * recordLength) * maxPackObjects + ordinal;
  }
  keys.sort();
  const prefixOf = (at: number): number => Math.floor((keys[at] as number) / maxPackObjects);
  const ordinalOf = (at: number): number => (keys[at] as number) % maxPackObjects;
  const compare = (a: number, b: number): number => {
    const [from, to] = [a * recordLength, b * recordLength];
    return records.compare(records, to, to + hashLength, from, from + hashLength);
  };
  const order = new Uint32Array(keys.length);
  let count = 0;
  for (let start = 0; start < keys.length;) {
    let end = start + 1;
    while (end < keys.length && prefixOf(end) === prefixOf(start)) end += 1;
    if (end - start === 1) {
      order[count++] = ordinalOf(start);
    } else {
      const run = Array.from({ length: end - start }, (_, index) => ordinalOf(start + index));
      run.sort((a, b) => compare(a, b) || a - b);
      for (const [index, ordinal] of run.entries()) {
        if (index === 0 || compare(ordinal, run[index - 1] as number) !== 0) order[count++] = ordinal;
      }
    }
    start = end;
  }
  return order.subarray(0, count);
}

/** Copies records in an order, and counts them by the first bytes of their ids. */
function copyRecords(records: Uint8Array, order: Uint32Array, to: Uint8Array): Uint32Array {
  const fanOut = new Uint32Array(fanOutLength);
  for (let at = 0; at < order.length; at += 1) {
    const from = (order[at] as number) * recordLength;
    const target = at * recordLength;
    // byte by byte: a call that copies 44 bytes costs more than they do
    for (let byte = 0; byte < recordLength; byte += 1) to[target + byte] = records[from + byte] as number;
    fanOut[records[from] as number]! += 1;
  }
  return fanOut;
}

function withRoom(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(length, bytes.length * 2));
  larger.set(bytes);
  return larger;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
