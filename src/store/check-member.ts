/**
 * Checks a member of a pack: that it inflates, that its tar is exactly what bak writes, and that every object in it has the
 * hash that it is named by. What comes out is the records of its objects, as they stand in a pack's index.
 *
 * A million small objects are a million headers and hashes, so the tar is gone through once, without making anything of an
 * entry but its record. Wherever an entry is not as expected, `decodeMemberTar` looks at the whole of the tar again, and has
 * the last word.
 */
import { BakError } from "../errors.js";
import { blake3, type Blake3 } from "../objects/hash.js";
import { unpackMember } from "../objects/member-codec.js";
import { decodeMemberTar, encodeMemberTar, tarLength, type MemberObject } from "../objects/member-tar.js";
import { objectIdLength, objectIdOf, type ObjectId } from "../objects/object-id.js";
import { maxObjectBytes, objectKinds } from "../objects/object-kind.js";
import { tarBlockBytes } from "../objects/pack-format.js";
import { recordLength, writeRecordPlace } from "./pack-index.js";
import { recordsOf } from "./pack-index-builder.js";

/** What a member was found to hold. */
export interface CheckedMember {
  /** Length of its tar in bytes. */
  readonly inflatedLength: number;
  /** Its objects, in their order: records of an index. */
  readonly records: Uint8Array<ArrayBuffer>;
}

/** `member` is the member's number in its pack. Throws BAD_PACK for one that is not what it claims to be. Blocks meanwhile. */
export async function checkMember(packed: Uint8Array, member: number): Promise<CheckedMember> {
  headerForm ??= makeHeaderForm();
  const form = await headerForm;
  const unpacked = unpackMember(packed, { isBorrowed: true }); // nothing else runs until it has been checked
  const tar = unpacked instanceof Promise ? await unpacked : unpacked;
  const records = checkQuickly(tar, member, form) ?? checkThoroughly(tar, member);
  return { inflatedLength: tar.length, records };
}

/** The records of a tar's objects, each of which has been hashed. Throws BAD_PACK. */
function checkThoroughly(tar: Buffer, member: number): Uint8Array<ArrayBuffer> {
  const objects = decodeMemberTar(tar);
  for (const object of objects) assertHash(tar, object);
  return recordsOf(objects, member);
}

function assertHash(tar: Buffer, { kind, id, offset, length }: MemberObject): void {
  const actual = objectIdOf(tar.subarray(offset, offset + length));
  if (actual === id) return;
  throw new BakError("BAD_PACK", `refused pack: the bytes of '${kind}/${id}' have the hash '${actual}'`);
}

/** The only header that bak writes, as words, and where in it an entry's own fields stand (POSIX.1-1988, ustar). */
interface HeaderForm {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** What all that is the same in every header adds to its checksum. */
  readonly sum: number;
}

const wordBytes = 4;
const blockWords = tarBlockBytes / wordBytes;
const sizeAt = 124;
const sizeDigits = 11;
const checksumAt = 148;
const checksumDigits = 6;
/** `commit/` and an id are the longest name; the word after it, that of the size, and the one after the checksum. */
const nameEndAt = 72;
const afterSizeAt = 136;
const afterChecksumAt = 156;

const kindPrefixes = objectKinds.map((kind) => Buffer.from(`${kind}/`, "latin1"));
const zero = 0x30;
const space = 0x20;

let headerForm: Promise<HeaderForm> | undefined;

/** Found from a header that has nothing of its own: no id is that short. */
async function makeHeaderForm(): Promise<HeaderForm> {
  const tar = await encodeMemberTar([{ kind: "blob", id: "" as ObjectId, bytes: new Uint8Array(0) }]);
  const bytes = new Uint8Array(tar); // a copy, at the beginning of its buffer
  bytes.fill(0, 0, nameEndAt);
  bytes.fill(0, sizeAt, sizeAt + sizeDigits);
  let sum = 8 * space; // as which a checksum counts in itself
  for (let at = 0; at < bytes.length; at += 1) if (at < checksumAt || at >= checksumAt + 8) sum += bytes[at] as number;
  return { bytes, words: new Int32Array(bytes.buffer), sum };
}

/** The same as `checkThoroughly` where there is nothing to complain of; undefined everywhere else. */
function checkQuickly(tar: Buffer, member: number, form: HeaderForm): Uint8Array<ArrayBuffer> | undefined {
  if (tar.length === 0 || tar.length % tarBlockBytes !== 0 || tar.byteOffset % wordBytes !== 0) return undefined;
  const words = new Int32Array(tar.buffer, tar.byteOffset, tar.length / wordBytes);
  const hash = blake3();
  const records = Buffer.alloc((tar.length / tarBlockBytes) * recordLength);
  let recordAt = 0;
  for (let at = 0; at < tar.length; recordAt += recordLength) {
    const kind = kindOf(tar, at);
    const length = lengthOf(tar, at);
    if (kind < 0 || length < 0 || !hasForm(tar, words, at, form)) return undefined;
    const nameAt = at + (kindPrefixes[kind] as Buffer).length;
    const offset = at + tarBlockBytes;
    const next = at + tarLength(length);
    if (next > tar.length || !isZero(tar, words, offset + length, next)) return undefined;
    if (!isZero(tar, words, nameAt + objectIdLength * 2, at + nameEndAt)) return undefined;
    if (!isSum(tar, at, form.sum + sumOf(tar, at, nameEndAt) + sumOf(tar, at + sizeAt, sizeDigits))) return undefined;
    if (!hashInto(records, recordAt, { hash, tar, nameAt, offset, length })) return undefined;
    writeRecordPlace(records, recordAt, { kind, member, offset, length });
    at = next;
  }
  return new Uint8Array(records.subarray(0, recordAt));
}

/** The kind in the name of the entry that begins at `at`: its place in `objectKinds`, or -1. */
function kindOf(tar: Buffer, at: number): number {
  for (let kind = 0; kind < kindPrefixes.length; kind += 1) {
    const prefix = kindPrefixes[kind] as Buffer;
    let same = 0;
    while (same < prefix.length && tar[at + same] === prefix[same]) same += 1;
    if (same === prefix.length) return kind;
  }
  return -1;
}

/** The length in the header that begins at `at`, or -1. */
function lengthOf(tar: Buffer, at: number): number {
  let length = 0;
  for (let digit = at + sizeAt; digit < at + sizeAt + sizeDigits; digit += 1) {
    const value = (tar[digit] as number) - zero;
    if (value < 0 || value > 7) return -1;
    length = length * 8 + value;
  }
  return length <= maxObjectBytes ? length : -1;
}

/** Whether all is as in every header, save the name, the size and the digits of the checksum. */
function hasForm(tar: Buffer, words: Int32Array, at: number, form: HeaderForm): boolean {
  const start = at / wordBytes;
  const isSame = (from: number, to: number): boolean => {
    for (let word = from / wordBytes; word < to / wordBytes; word += 1) {
      if (words[start + word] !== form.words[word]) return false;
    }
    return true;
  };
  const isSameByte = (offset: number): boolean => tar[at + offset] === form.bytes[offset];
  return (
    isSame(nameEndAt, sizeAt) &&
    isSameByte(sizeAt + sizeDigits) &&
    isSame(afterSizeAt, checksumAt) &&
    isSameByte(checksumAt + checksumDigits) &&
    isSameByte(checksumAt + checksumDigits + 1) &&
    isSame(afterChecksumAt, blockWords * wordBytes)
  );
}

function isZero(tar: Buffer, words: Int32Array, from: number, to: number): boolean {
  let at = from;
  for (; at < to && at % wordBytes !== 0; at += 1) if (tar[at] !== 0) return false;
  for (let word = at / wordBytes; word < to / wordBytes; word += 1) if (words[word] !== 0) return false;
  return true;
}

function sumOf(tar: Buffer, from: number, count: number): number {
  let sum = 0;
  for (let at = from; at < from + count; at += 1) sum += tar[at] as number;
  return sum;
}

/** Whether the checksum of the header that begins at `at` says `sum`, in octal digits. */
function isSum(tar: Buffer, at: number, sum: number): boolean {
  let rest = sum;
  for (let digit = checksumDigits - 1; digit >= 0; digit -= 1) {
    if (tar[at + checksumAt + digit] !== zero + (rest & 7)) return false;
    rest >>= 3;
  }
  return rest === 0;
}

interface Named {
  readonly hash: Blake3;
  readonly tar: Buffer;
  /** Where the 64 digits of the id stand. */
  readonly nameAt: number;
  readonly offset: number;
  readonly length: number;
}

/** Writes the hash of an object's bytes at `at`; whether it is the one that the object is named by. */
function hashInto(records: Buffer, at: number, { hash, tar, nameAt, offset, length }: Named): boolean {
  const actual = hash.hashHex(tar.subarray(offset, offset + length));
  records.write(actual, at, "hex");
  return tar.toString("latin1", nameAt, nameAt + objectIdLength * 2) === actual;
}
