/** Lines of a project's log as they travel: 40 bytes each, the commit's id and the time received. */
import { BakError } from "../errors.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";

/** A commit in a project's history. */
export interface LogLine {
  readonly commit: ObjectId;
  /** When the store received it: milliseconds since 1970, by the store's clock. */
  readonly receivedMs: number;
}

const lineBytes = objectIdLength + 8;

/** 40 bytes a line: the id, then the time as an unsigned integer of 64 bits, big-endian. */
export function encodeLogLines(lines: readonly LogLine[]): Buffer {
  const bytes = Buffer.alloc(lines.length * lineBytes);
  for (const [index, line] of lines.entries()) {
    objectIdBytes(line.commit).copy(bytes, index * lineBytes);
    bytes.writeBigUInt64BE(BigInt(line.receivedMs), index * lineBytes + objectIdLength);
  }
  return bytes;
}

/** The lines that the bytes are; throws BAD_MESSAGE for bytes that are none. */
export function decodeLogLines(encoded: Uint8Array): LogLine[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  if (bytes.length % lineBytes !== 0) throw new BakError("BAD_MESSAGE", "malformed message: log lines are cut short");
  return Array.from({ length: bytes.length / lineBytes }, (_, index) => {
    const receivedMs = Number(bytes.readBigUInt64BE(index * lineBytes + objectIdLength));
    if (!(receivedMs <= 8.64e15)) throw new BakError("BAD_MESSAGE", "malformed message: a time beyond all calendars");
    return { commit: objectIdAt(bytes, index * lineBytes), receivedMs };
  });
}
