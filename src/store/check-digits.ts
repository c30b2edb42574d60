/**
 * The check of a few bytes of text: CRC-32, as gzip has it (RFC 1952, section 8), in eight hex digits. It tells that a byte
 * has gone wrong, and, since a burst of up to 8 bits leaves a difference that no other burst in a short text leaves, which
 * one, and what it was (W. W. Peterson and D. T. Brown, "Cyclic Codes for Error Detection", Proc. IRE 49, 1961).
 */
import { crc32 } from "node:zlib";

/** How long a check is, in characters. */
export const checkLength = 8;

/** The check of a text whose characters are bytes. */
export function checkDigits(text: string): string {
  return digitsOf(crc32(Buffer.from(text, "latin1")));
}

/** A text whose characters are bytes, and its check. */
export interface Checked {
  readonly text: string;
  readonly check: string;
}

/**
 * The texts, each with a check, that a text and its check may have been before one byte of them went wrong, other than what they are: none
 * where that is not what happened, nearly always one where it is. Whether such a text makes sense is for the caller to say.
 */
export function mendOneByte({ text, check }: Checked): Checked[] {
  const right = checkDigits(text);
  if (right === check) return [];
  const mended: Checked[] = [];
  if (differences(right, check) === 1) mended.push({ text, check: right });
  if (!/^[0-9a-f]{8}$/.test(check)) return mended;
  // how the register differs at the end; going back over the bytes, one that is wrong leaves what it has alone changed
  let difference = (Number.parseInt(right, 16) ^ Number.parseInt(check, 16)) >>> 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const low = lowByteOf[difference >>> 24] as number;
    if (table[low] === difference) {
      const was = String.fromCharCode(text.charCodeAt(at) ^ low);
      mended.push({ text: text.slice(0, at) + was + text.slice(at + 1), check });
    }
    difference = (((difference ^ (table[low] as number)) << 8) | low) >>> 0;
  }
  return mended;
}

function digitsOf(crc: number): string {
  return crc.toString(16).padStart(checkLength, "0");
}

function differences(a: string, b: string): number {
  let count = Math.abs(a.length - b.length);
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) count += 1;
  return count;
}

/** What a byte that enters an empty register makes of it. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let bit = 0; bit < 8; bit += 1) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0);
  return register;
});

/** The byte that has a given highest byte in the table: no two have the same. */
const lowByteOf = new Uint8Array(256);
for (const [byte, register] of table.entries()) lowByteOf[register >>> 24] = byte;
