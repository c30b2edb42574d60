/** Lines of a project's log as they travel, and of what was forgotten: the commit's id, and one time or two. */
import { BakError } from "../errors.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";

/** A commit in a project's history. */
export interface LogLine {
  readonly commit: ObjectId;
  /** When the store received it: milliseconds since 1970, by the store's clock. */
  readonly receivedMs: number;
}

/** A commit that was taken out of a project's history. */
export interface ForgottenLine extends LogLine {
  /** When that was: milliseconds since 1970, by the store's clock. */
  readonly forgottenMs: number;
}

const timeBytes = 8;

/** 40 bytes a line: the id, then the time as an unsigned integer of 64 bits, big-endian. */
export function encodeLogLines(lines: readonly LogLine[]): Buffer {
  return encodeLines(lines, 1, ({ receivedMs }) => [receivedMs]);
}

/** The lines that the bytes are; throws BAD_MESSAGE for bytes that are none. */
export function decodeLogLines(encoded: Uint8Array): LogLine[] {
  return decodeLines(encoded, 1, (commit, time) => ({ commit, receivedMs: time(0) }));
}

/** 48 bytes a line: the id, when it was received, and when it was forgotten. */
export function encodeForgottenLines(lines: readonly ForgottenLine[]): Buffer {
  return encodeLines(lines, 2, ({ receivedMs, forgottenMs }) => [receivedMs, forgottenMs]);
}

/** The lines that the bytes are; throws BAD_MESSAGE for bytes that are none. */
export function decodeForgottenLines(encoded: Uint8Array): ForgottenLine[] {
  return decodeLines(encoded, 2, (commit, time) => ({ commit, receivedMs: time(0), forgottenMs: time(1) }));
}

function encodeLines<Line extends LogLine>(
  lines: readonly Line[],
  times: number,
  timesOf: (line: Line) => readonly number[],
): Buffer {
  const lineBytes = objectIdLength + times * timeBytes;
  const bytes = Buffer.alloc(lines.length * lineBytes);
  for (const [index, line] of lines.entries()) {
    objectIdBytes(line.commit).copy(bytes, index * lineBytes);
    for (const [at, ms] of timesOf(line).entries())
      bytes.writeBigUInt64BE(BigInt(ms), index * lineBytes + objectIdLength + at * timeBytes);
  }
  return bytes;
}

function decodeLines<Line>(
  encoded: Uint8Array,
  times: number,
  make: (commit: ObjectId, time: (at: number) => number) => Line,
): Line[] {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  const lineBytes = objectIdLength + times * timeBytes;
  if (bytes.length % lineBytes !== 0) throw new BakError("BAD_MESSAGE", "malformed message: log lines are cut short");
  return Array.from({ length: bytes.length / lineBytes }, (_, index) => {
    const at = index * lineBytes;
    return make(objectIdAt(bytes, at), (time) => timeAt(bytes, at + objectIdLength + time * timeBytes));
  });
}

function timeAt(bytes: Buffer, at: number): number {
  const ms = Number(bytes.readBigUInt64BE(at));
  if (!(ms <= 8.64e15)) throw new BakError("BAD_MESSAGE", "malformed message: a time beyond all calendars");
  return ms;
}
