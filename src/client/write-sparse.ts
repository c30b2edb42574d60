/** Writes a new file so that what was a hole in it is one again: whole blocks of zeros are not written. */
import { writeSync } from "node:fs";

/** What file systems give to files, as a rule, and what a hole in one is a multiple of. */
const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

/**
 * Writes bytes at a position of a file that has nothing there yet; each block, or as much of it as the bytes have, is left
 * out if it is zeros. Gives whether the last one was: then only ftruncate(2) makes the file as long as it should be.
 */
export function writeSparse(descriptor: number, bytes: Uint8Array, position: number): boolean {
  let from = 0;
  let isHole = false;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + blockBytes - ((position + at) % blockBytes));
    isHole = isZero(bytes, at, end);
    if (isHole) {
      writeAll(descriptor, bytes, { from, to: at, position });
      from = end;
    }
    at = end;
  }
  writeAll(descriptor, bytes, { from, to: bytes.length, position });
  return isHole;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  // most blocks are told by one of these alone
  if (bytes[from] !== 0 || bytes[to - 1] !== 0 || bytes[(from + to) >> 1] !== 0) return false;
  return zeros.compare(bytes, from, to, 0, to - from) === 0;
}

function writeAll(descriptor: number, bytes: Uint8Array, part: { from: number; to: number; position: number }): void {
  const { to, position } = part;
  for (let at = part.from; at < to;) at += writeSync(descriptor, bytes, at, to - at, position + at);
}
