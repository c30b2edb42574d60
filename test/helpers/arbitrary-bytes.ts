/** Bytes for tests: written down by hand, drawn from a seed, or spoiled in every way that a byte can be. */
import { isBakError, type ErrorCode } from "../../src/errors.js";

/** The bytes that lines of hexadecimal stand for; spaces are for the reader. */
export function hexBytes(...lines: string[]): Buffer {
  const text = lines.join("").replaceAll(/\s/g, "");
  const bytes = Buffer.from(text, "hex");
  if (bytes.length * 2 !== text.length) throw new Error(`not hexadecimal: ${text}`);
  return bytes;
}

/** Numbers from 0 to 2^32-1, always the same for one seed: the generator mulberry32. */
export function seededNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Bytes that look random and are always the same for one seed. */
export function seededBytes(seed: number, length: number): Buffer {
  const next = seededNumbers(seed);
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at += 1) words[at] = next();
  return Buffer.from(words.buffer, 0, length);
}

/** Bytes that look random one by one, though one string in ten stood there before. */
export function repetitiveBytes(seed: number, length: number): Buffer {
  const bytes = seededBytes(seed, length);
  for (let at = 1000; at + 160 < length; at += 160) bytes.copy(bytes, at, at - 900, at - 884);
  return bytes;
}

/** Every shorter beginning of the bytes, the bytes with one more, and the bytes with each byte replaced by some others. */
export function* mutationsOf(bytes: Uint8Array): Generator<Buffer, void, undefined> {
  for (let length = 0; length < bytes.length; length += 1) yield Buffer.from(bytes.subarray(0, length));
  for (const extra of [0x00, 0xc0, 0xff]) yield Buffer.concat([bytes, Buffer.of(extra)]);
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    const bits = [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => byte ^ bit);
    for (const other of new Set([...bits, 0x00, 0x7f, 0x80, 0x90, 0xc0, 0xc4, 0xcc, 0xd9, 0xdc, byte ^ 0xff])) {
      if (other === byte) continue;
      const copy = Buffer.from(bytes);
      copy[at] = other;
      yield copy;
    }
  }
}

/**
 * What a decoder does wrong with bytes from outside: undefined if it refuses them with the code, or gives a value that
 * encodes to the same bytes again; else what it did.
 */
export function misreading(bytes: Uint8Array, reencode: (bytes: Uint8Array) => Uint8Array, code: ErrorCode): unknown {
  try {
    const again = reencode(bytes);
    return Buffer.compare(again, bytes) === 0 ? undefined : `read as ${Buffer.from(again).toString("hex")}`;
  } catch (error) {
    return isBakError(error, code) ? undefined : error;
  }
}

/** The lengths at which a decoder takes the beginning of the bytes for the whole, or fails in another way than by the code. */
export function lengthsNotRefused(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
  code: ErrorCode,
): number[] {
  return Array.from({ length: bytes.length }, (_, length) => length).filter((length) => {
    try {
      decode(bytes.subarray(0, length));
      return true;
    } catch (error) {
      return !isBakError(error, code);
    }
  });
}

/** The value with all its binary as Buffers, so that a comparison in depth sees bytes and not which class holds them. */
export function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withBuffers(each)]));
}
