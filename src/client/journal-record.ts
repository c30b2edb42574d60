/**
 * One file in the journal of a push: where it is, what it looked like when it was read, and what was in it.
 *
 *     path length (u16)  kind (u8: 0 blob, 1 list)  size (f64)  inode (i64)  ctime ns (i64)  mtime s (f64)  mtime ns (u32)
 *     id (32)  for a list: hash of the whole file (32)  path       numbers little-endian
 *
 * Mode and owner are taken from the file as it is found, and say nothing of its content.
 */
import { byteString, type ByteString } from "../objects/byte-string.js";
import type { FileContent } from "../objects/entry.js";
import { objectIdAt, objectIdLength } from "../objects/object-id.js";
import type { SourceStat } from "./source-stat.js";

/** What the journal knows a file's state by. */
export type JournaledStat = Pick<SourceStat, "size" | "ino" | "ctimeNs" | "mtimeSeconds" | "mtimeNanoseconds">;

const maxPathBytes = 0xffff;
const kindAt = 2;
const sizeAt = 3;
const inodeAt = 11;
const ctimeAt = 19;
const mtimeAt = 27;
const idAt = 39;
const blobPathAt = idAt + objectIdLength;
const listPathAt = blobPathAt + objectIdLength;

/** How long the record of a file is, in bytes; undefined for a path that no record holds. */
export function recordLength(path: ByteString, content: FileContent): number | undefined {
  return path.length > maxPathBytes ? undefined : ("blob" in content ? blobPathAt : listPathAt) + path.length;
}

/** Writes a record into the room, where it has its length; numbers through a view, which costs less. */
export function encodeRecord(room: RecordRoom, at: number, path: ByteString, { stat, content }: JournaledFile): void {
  const { bytes, view } = room;
  view.setUint16(at, path.length, true);
  view.setFloat64(at + sizeAt, stat.size, true);
  view.setBigInt64(at + inodeAt, stat.ino, true);
  view.setBigInt64(at + ctimeAt, stat.ctimeNs, true);
  view.setFloat64(at + mtimeAt, stat.mtimeSeconds, true);
  view.setUint32(at + mtimeAt + 8, stat.mtimeNanoseconds, true);
  if ("blob" in content) {
    bytes[at + kindAt] = 0;
    bytes.write(content.blob, at + idAt, "hex");
    bytes.write(path, at + blobPathAt, "latin1");
  } else {
    bytes[at + kindAt] = 1;
    bytes.write(content.list, at + idAt, "hex");
    bytes.write(content.fileHash, at + blobPathAt, "hex");
    bytes.write(path, at + listPathAt, "latin1");
  }
}

/** The same bytes twice. */
export interface RecordRoom {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Room for so many bytes. */
export function recordRoom(length: number): RecordRoom {
  const bytes = Buffer.alloc(length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) };
}

/** A file as it was read. */
export interface JournaledFile {
  readonly stat: JournaledStat;
  readonly content: FileContent;
}

/** Where a record ends that begins at `at`; undefined if the bytes are none, or do not hold all of it. */
export function recordEnd(bytes: Buffer, at: number): number | undefined {
  if (at + blobPathAt > bytes.length) return undefined;
  const kind = bytes[at + kindAt] as number;
  if (kind > 1) return undefined;
  const end = pathAt(bytes, at) + bytes.readUInt16LE(at);
  return end > bytes.length ? undefined : end;
}

/** The path of a record. */
export function recordPath(bytes: Buffer, at: number): ByteString {
  const from = pathAt(bytes, at);
  return byteString(bytes.subarray(from, from + bytes.readUInt16LE(at)));
}

/** Whether a record is of a file of that path. */
export function isRecordOf(bytes: Buffer, at: number, path: ByteString): boolean {
  if (bytes.readUInt16LE(at) !== path.length) return false;
  const from = pathAt(bytes, at);
  for (let index = 0; index < path.length; index += 1) {
    if (bytes[from + index] !== path.charCodeAt(index)) return false;
  }
  return true;
}

/** Whether a file is in the state that the record was written in. */
export function isInState(bytes: Buffer, at: number, stat: JournaledStat): boolean {
  return (
    bytes.readDoubleLE(at + sizeAt) === stat.size &&
    bytes.readBigInt64LE(at + inodeAt) === BigInt.asIntN(64, stat.ino) &&
    bytes.readBigInt64LE(at + ctimeAt) === stat.ctimeNs &&
    bytes.readDoubleLE(at + mtimeAt) === stat.mtimeSeconds &&
    bytes.readUInt32LE(at + mtimeAt + 8) === stat.mtimeNanoseconds
  );
}

/** What was in the file. */
export function recordContent(bytes: Buffer, at: number): FileContent {
  const id = objectIdAt(bytes, at + idAt);
  return bytes[at + kindAt] === 0 ? { blob: id } : { list: id, fileHash: objectIdAt(bytes, at + blobPathAt) };
}

function pathAt(bytes: Buffer, at: number): number {
  return at + (bytes[at + kindAt] === 0 ? blobPathAt : listPathAt);
}
