/**
 * A pack's index, the file `<pack id>.idx` beside it: where each object of the pack is, and which project sent it. But for
 * that it holds nothing that the pack does not, and is made again from it wherever it is missing or damaged; nobody owns the
 * pack then. All numbers are big-endian:
 *
 *     offset       bytes
 *          0           6    "bakidx"
 *          6           2    version: 2, or 1 where there is no owner
 *          8          32    pack id
 *         40           4    length of the pack in bytes
 *         44           4    m: number of members, without the trailer
 *         48           4    n: number of records
 *         52        1024    fan-out: for each first byte of an id, how many records have that one or a lower one
 *       1076       12 m     members, in their order in the pack:
 *                                offset in the pack 4 | packed length 4 | inflated length 4
 *     1076+12m     44 n     records, in the order of their ids, each id once:
 *                                id 32 | kind 1 | number of its member 3 | offset in the member's tar 4 | length 4
 *     1076+12m+44n          version 2: the owner, a project id of 1 to 128 bytes
 *     the last        32    BLAKE3 of all bytes before
 *
 * Kinds are numbered: blob 0, list 1, tree 2, commit 3. Where a pack holds an object twice, its first place counts.
 */
import { BakError } from "../errors.js";
import { blake3, hashLength } from "../objects/hash.js";
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import { objectKinds, type ObjectKind } from "../objects/object-kind.js";
import { maxPackObjects } from "../objects/pack-format.js";
import { isProjectId, type ProjectId } from "../objects/project-id.js";

/** The versions of the index format: of a pack that nobody owns, and of one that a project does. */
const ownerlessVersion = 1;
const ownedVersion = 2;
const maxOwnerLength = 128;

const magic = Buffer.from("bakidx");
const packIdOffset = 8;
const countsOffset = 40;
const fanOutOffset = 52;
/** Length of the fan-out table in elements. */
export const fanOutLength = 256;
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
  /** The project that sent the pack, as far as that is known. */
  readonly owner?: ProjectId | undefined;
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

/** How long an index is in bytes. */
export function packIndexLength(header: Pick<PackIndexHeader, "memberCount" | "recordCount" | "owner">): number {
  return ownerOffset(header) + (header.owner?.length ?? 0) + hashLength;
}

/** Where the records of an index end, and its owner stands. */
function ownerOffset(header: Pick<PackIndexHeader, "memberCount" | "recordCount">): number {
  return recordsOffset(header) + header.recordCount * recordLength;
}

/** No index is longer: a pack has no more members than objects. */
export const maxPackIndexBytes =
  membersOffset + maxPackObjects * (memberLength + recordLength) + maxOwnerLength + hashLength;

/** How many records an index of a length has at most; nearly so many as a rule. */
export function maxObjectsIn(indexBytes: number): number {
  const records = Math.floor((indexBytes - membersOffset - hashLength) / recordLength);
  return Math.min(Math.max(records, 0), maxPackObjects);
}

/**
 * Writes an index's header at the beginning of `bytes`, and the owner where it stands; `fanOut` has for each first byte of an
 * id how many records have that one.
 */
export function writeHeader(bytes: Buffer, header: PackIndexHeader & { pack: ObjectId; fanOut: Uint32Array }): void {
  magic.copy(bytes);
  bytes.writeUInt16BE(header.owner === undefined ? ownerlessVersion : ownedVersion, magic.length);
  bytes.write(header.owner ?? "", ownerOffset(header), "latin1");
  objectIdBytes(header.pack).copy(bytes, packIdOffset);
  bytes.writeUInt32BE(header.packLength, countsOffset);
  bytes.writeUInt32BE(header.memberCount, countsOffset + 4);
  bytes.writeUInt32BE(header.recordCount, countsOffset + 8);
  let total = 0;
  for (let first = 0; first < fanOutLength; first += 1) {
    total += header.fanOut[first] as number;
    bytes.writeUInt32BE(total, fanOutOffset + first * 4);
  }
}

/** Where a member lies, by a whole index. */
export function memberAt({ bytes }: PackIndex, member: number): MemberPlace {
  const at = membersOffset + member * memberLength;
  return decodeMember(bytes.subarray(at, at + memberLength));
}

/** Checks an index as a whole; throws STORE_DAMAGED with the reason where it is not that of the pack, as it was written. */
export function decodePackIndex(bytes: Buffer, pack: ObjectId): PackIndex {
  if (bytes.length < membersOffset + hashLength) throw damaged("is cut short");
  const body = bytes.subarray(0, -hashLength);
  if (!bytes.subarray(0, magic.length).equals(magic)) throw damaged("is no index");
  if (!blake3().hash(body).equals(bytes.subarray(-hashLength))) throw damaged("has another checksum than its content");
  const version = bytes.readUInt16BE(magic.length);
  if (version !== ownerlessVersion && version !== ownedVersion) throw damaged("has an unknown version");
  if (!bytes.subarray(packIdOffset, countsOffset).equals(objectIdBytes(pack))) throw damaged("is that of another pack");
  const counts = {
    packLength: bytes.readUInt32BE(countsOffset),
    memberCount: bytes.readUInt32BE(countsOffset + 4),
    recordCount: bytes.readUInt32BE(countsOffset + 8),
  };
  const ownerAt = ownerOffset(counts);
  if (version === ownerlessVersion) {
    if (ownerAt !== body.length) throw damaged("has wrong counts");
    return { bytes, ...counts, owner: undefined };
  }
  if (ownerAt >= body.length) throw damaged("has wrong counts");
  const owner = body.toString("latin1", ownerAt);
  if (!isProjectId(owner)) throw damaged("has an owner that is no project");
  return { bytes, ...counts, owner };
}

/** A member of the table of members; `bytes` are those of the table's element. */
export function decodeMember(bytes: Buffer): MemberPlace {
  return { offset: bytes.readUInt32BE(0), packedLength: bytes.readUInt32BE(4), inflatedLength: bytes.readUInt32BE(8) };
}

/** What a record says beside the id; `bytes` are those of the record. */
export function decodeRecord(bytes: Buffer): ObjectPlace {
  const kind = kindInRecord(bytes, 0);
  return { kind, member: bytes.readUIntBE(33, 3), offset: bytes.readUInt32BE(36), length: bytes.readUInt32BE(40) };
}

/** The kind as which the object came whose record begins at `at`. */
export function kindInRecord(bytes: Buffer, at: number): ObjectKind {
  const kind = objectKinds[bytes[at + 32] as number];
  if (kind === undefined) throw damaged("has a record of an unknown kind");
  return kind;
}

/** The number of the member that the record says which begins at `at`. */
export function memberInRecord(bytes: Buffer, at: number): number {
  return bytes.readUIntBE(at + 33, 3);
}

/** The length that the record which begins at `at` says. */
export function lengthInRecord(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + 40);
}

/** Where an object lies, in numbers alone; `kind` is its place in `objectKinds`. */
export interface RecordPlace {
  readonly kind: number;
  readonly member: number;
  readonly offset: number;
  readonly length: number;
}

/** Writes what follows the id in the record that begins at `at`. */
export function writeRecordPlace(bytes: Uint8Array, at: number, { kind, member, offset, length }: RecordPlace): void {
  writeUint32(bytes, at + 32, (kind << 24) | member);
  writeUint32(bytes, at + 36, offset);
  writeUint32(bytes, at + 40, length);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function damaged(why: string): BakError {
  return new BakError("STORE_DAMAGED", `damaged index: it ${why}`);
}
