/**
 * A pack's index, the file `<pack id>.idx` beside it: where each object of the pack is. It holds nothing that the pack
 * does not, and is made again from it wherever it is missing or damaged. Version 1; all numbers are big-endian:
 *
 *     offset       bytes
 *          0           6    "bakidx"
 *          6           2    version: 1
 *          8          32    pack id
 *         40           4    length of the pack in bytes
 *         44           4    m: number of members, without the trailer
 *         48           4    n: number of records
 *         52        1024    fan-out: for each first byte of an id, how many records have that one or a lower one
 *       1076       12 m     members, in their order in the pack:
 *                                offset in the pack 4 | packed length 4 | inflated length 4
 *     1076+12m     44 n     records, in the order of their ids, each id once:
 *                                id 32 | kind 1 | number of its member 3 | offset in the member's tar 4 | length 4
 *     the last        32    BLAKE3 of all bytes before
 *
 * Kinds are numbered: blob 0, list 1, tree 2, commit 3. Where a pack holds an object twice, its first place counts.
 */
import { BakError } from "../errors.js";
import { blake3, hashLength } from "../objects/hash.js";
import type { MemberObject } from "../objects/member-tar.js";
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import { objectKinds, type ObjectKind } from "../objects/object-kind.js";
import { maxPackObjects, packTrailers, type PackCodec } from "../objects/pack-format.js";

/** The version of the index format that this code writes, and the only one it reads. */
export const packIndexVersion = 1;

const magic = Buffer.from("bakidx");
const packIdOffset = 8;
const countsOffset = 40;
const fanOutOffset = 52;
const fanOutLength = 256;
/** Where the table of members begins. */
export const membersOffset = fanOutOffset + fanOutLength * 4;
/** Length of a member in the table of members, and of a record. */
export const memberLength = 12;
export const recordLength = 44;

/** What an index's header says of it. */
export interface PackIndexHeader {
  /** Bytes of the pack, its trailer included. */
  readonly packLength: number;
  readonly memberCount: number;
  readonly recordCount: number;
}

/** An index that has been checked: its bytes, and what its header says. */
export interface PackIndex extends PackIndexHeader {
  readonly bytes: Buffer;
}

/** Where a member lies in its pack. */
export interface MemberPlace {
  readonly offset: number;
  readonly packedLength: number;
  readonly inflatedLength: number;
}

/** Where an object lies in its pack; `member` is a number in the table of members. */
export interface ObjectPlace {
  readonly kind: ObjectKind;
  readonly member: number;
  /** Of the object's bytes in the member's tar. */
  readonly offset: number;
  readonly length: number;
}

/** Where the records of an index begin. */
export function recordsOffset(header: Pick<PackIndexHeader, "memberCount">): number {
  return membersOffset + header.memberCount * memberLength;
}

/** Checks an index as a whole; throws STORE_DAMAGED with the reason where it is not that of the pack, as it was written. */
export function decodePackIndex(bytes: Buffer, pack: ObjectId): PackIndex {
  if (bytes.length < membersOffset + hashLength) throw damaged("is cut short");
  const body = bytes.subarray(0, -hashLength);
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged("is no index");
  if (!blake3().hash(body).equals(bytes.subarray(-hashLength))) throw damaged("has another checksum than its content");
  if (bytes.readUInt16BE(magic.length) !== packIndexVersion) throw damaged("has an unknown version");
  if (!bytes.subarray(packIdOffset, countsOffset).equals(objectIdBytes(pack))) throw damaged("is that of another pack");
  const index = {
    bytes,
    packLength: bytes.readUInt32BE(countsOffset),
    memberCount: bytes.readUInt32BE(countsOffset + 4),
    recordCount: bytes.readUInt32BE(countsOffset + 8),
  };
  if (recordsOffset(index) + index.recordCount * recordLength !== body.length) throw damaged("has wrong counts");
  return index;
}

/** A member of the table of members; `bytes` are those of the table's element. */
export function decodeMember(bytes: Buffer): MemberPlace {
  return { offset: bytes.readUInt32BE(0), packedLength: bytes.readUInt32BE(4), inflatedLength: bytes.readUInt32BE(8) };
}

/** What a record says beside the id; `bytes` are those of the record. */
export function decodeRecord(bytes: Buffer): ObjectPlace {
  const kind = objectKinds[bytes[32] as number];
  if (kind === undefined) throw damaged("has a record of an unknown kind");
  return { kind, member: bytes.readUIntBE(33, 3), offset: bytes.readUInt32BE(36), length: bytes.readUInt32BE(40) };
}

/** Gathers what a pack holds, member by member, into its index. Memory: 64 bytes an object. */
export class PackIndexBuilder {
  #members: Buffer = Buffer.allocUnsafe(64 * memberLength);
  #records: Buffer = Buffer.allocUnsafe(1024 * recordLength);
  #memberCount = 0;
  #recordCount = 0;
  #packLength = 0;

  /** How many objects have been added, each as often as it was. */
  get objectCount(): number {
    return this.#recordCount;
  }

  /** The next member of the pack, and the objects in it. */
  addMember(packedLength: number, inflatedLength: number, objects: readonly MemberObject[]): void {
    if (this.#recordCount + objects.length > maxPackObjects) throw new RangeError("too many objects for an index");
    const at = this.#memberCount * memberLength;
    this.#members = withRoom(this.#members, at + memberLength);
    this.#members.writeUInt32BE(this.#packLength, at);
    this.#members.writeUInt32BE(packedLength, at + 4);
    this.#members.writeUInt32BE(inflatedLength, at + 8);
    for (const object of objects) this.#addRecord(object);
    this.#memberCount += 1;
    this.#packLength += packedLength;
  }

  /** The bytes of the index of the pack that has been added, trailer and all. */
  finish(pack: ObjectId, codec: PackCodec = "gzip"): Buffer {
    const order = this.#sortedOrdinals();
    const header = Buffer.alloc(membersOffset);
    magic.copy(header);
    header.writeUInt16BE(packIndexVersion, magic.length);
    objectIdBytes(pack).copy(header, packIdOffset);
    header.writeUInt32BE(this.#packLength + packTrailers[codec].length, countsOffset);
    header.writeUInt32BE(this.#memberCount, countsOffset + 4);
    header.writeUInt32BE(order.length, countsOffset + 8);
    const records = Buffer.concat(order.map((ordinal) => this.#record(ordinal)));
    this.#writeFanOut(header, order);
    const body = Buffer.concat([header, this.#members.subarray(0, this.#memberCount * memberLength), records]);
    return Buffer.concat([body, blake3().hash(body)]);
  }

  #addRecord({ id, kind, offset, length }: MemberObject): void {
    const at = this.#recordCount * recordLength;
    this.#records = withRoom(this.#records, at + recordLength);
    this.#records.write(id, at, "hex");
    this.#records.writeUInt8(objectKinds.indexOf(kind), at + 32);
    this.#records.writeUIntBE(this.#memberCount, at + 33, 3);
    this.#records.writeUInt32BE(offset, at + 36);
    this.#records.writeUInt32BE(length, at + 40);
    this.#recordCount += 1;
  }

  #record(ordinal: number): Buffer {
    return this.#records.subarray(ordinal * recordLength, (ordinal + 1) * recordLength);
  }

  #idOf(ordinal: number): Buffer {
    return this.#records.subarray(ordinal * recordLength, ordinal * recordLength + hashLength);
  }

  /**
   * The records in the order of their ids, without those of objects that came before. Numbers sort ten times faster than
   * ids: the first 32 bits of an id and the record's ordinal make one, and only records that share those bits are compared.
   */
  #sortedOrdinals(): number[] {
    const keys = new Float64Array(this.#recordCount);
    for (let ordinal = 0; ordinal < keys.length; ordinal += 1) {
      keys[ordinal] = this.#records.readUInt32BE(ordinal * recordLength) * maxPackObjects + ordinal;
    }
    keys.sort();
    const order = Array.from(keys, (key) => key % maxPackObjects);
    for (let start = 0; start < order.length;) {
      let end = start + 1;
      const prefixOf = (at: number): number => Math.floor((keys[at] as number) / maxPackObjects);
      while (end < order.length && prefixOf(end) === prefixOf(start)) end += 1;
      if (end - start > 1) {
        const run = order.slice(start, end).toSorted((a, b) => this.#idOf(a).compare(this.#idOf(b)) || a - b);
        order.splice(start, run.length, ...run);
      }
      start = end;
    }
    return order.filter((ordinal, at) => at === 0 || !this.#idOf(ordinal).equals(this.#idOf(order[at - 1] as number)));
  }

  #writeFanOut(header: Buffer, order: readonly number[]): void {
    const counts = new Uint32Array(fanOutLength);
    for (const ordinal of order) {
      const first = this.#records[ordinal * recordLength] as number;
      counts[first] = (counts[first] as number) + 1;
    }
    let total = 0;
    counts.forEach((count, first) => {
      total += count;
      header.writeUInt32BE(total, fanOutOffset + first * 4);
    });
  }
}

function withRoom(bytes: Buffer, length: number): Buffer {
  if (length <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafe(Math.max(length, bytes.length * 2));
  bytes.copy(larger);
  return larger;
}

function damaged(why: string): BakError {
  return new BakError("STORE_DAMAGED", `damaged index: it ${why}`);
}
