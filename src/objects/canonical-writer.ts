/**
 * Writes the canonical form of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) that objects are kept
 * in: arrays, unsigned and signed integers, binary, UTF-8 text, nil, and maps with integer keys; always the shortest
 * encoding, so that equal values have equal bytes and therefore equal ids.
 */
import type { ByteString } from "./byte-string.js";

const two32 = 2 ** 32;

/** Grows as it is written to; `finish` gives the bytes. */
export class CanonicalWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHintBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(sizeHintBytes);
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#length;
  }

  /** The header of an array; its `count` elements are written next. */
  array(count: number): void {
    this.#header(count, 0x90, 16, 0, 0xdc);
  }

  /** The header of a map; its `count` keys and values are written next, keys as integers in ascending order. */
  map(count: number): void {
    this.#header(count, 0x80, 16, 0, 0xde);
  }

  nil(): void {
    this.#byte(0xc0);
  }

  /** An integer between -(2^53-1) and 2^53-1. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not an integer: ${value}`);
    if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  binary(bytes: Uint8Array): void {
    this.#binaryHeader(bytes.length);
    this.encoded(bytes);
  }

  /** Binary given as a ByteString: one byte a char. */
  name(name: ByteString): void {
    this.#binaryHeader(name.length);
    const at = this.#reserve(name.length);
    this.#bytes.write(name, at, "latin1");
  }

  /** Text, in UTF-8. */
  text(text: string): void {
    const length = Buffer.byteLength(text, "utf8");
    this.#header(length, 0xa0, 32, 0xd9, 0xda);
    const at = this.#reserve(length);
    this.#bytes.write(text, at, "utf8");
  }

  /** Bytes that are canonical MessagePack already. */
  encoded(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What was written from byte `start` on: a view, good until the next write. */
  view(start: number): Buffer {
    return this.#bytes.subarray(start, this.#length);
  }

  /** Forgets what was written from byte `length` on, everything by default, and keeps the memory for what comes next. */
  clear(length = 0): void {
    this.#length = length;
  }

  /** A copy of everything written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(at + count, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#length = at + count;
    return at;
  }

  #byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** `marker8` is 0 for the types that have no form with a length of one byte. */
  #header(count: number, fixMarker: number, fixLimit: number, marker8: number, marker16: number): void {
    if (count < fixLimit) {
      this.#byte(fixMarker | count);
    } else if (marker8 !== 0 && count < 0x100) {
      this.#byte(marker8);
      this.#byte(count);
    } else if (count < 0x10000) {
      this.#byte(marker16);
      const at = this.#reserve(2);
      this.#bytes.writeUInt16BE(count, at);
    } else {
      this.#byte(marker16 + 1);
      const at = this.#reserve(4);
      this.#bytes.writeUInt32BE(count, at);
    }
  }

  #binaryHeader(length: number): void {
    this.#header(length, 0, 0, 0xc4, 0xc5);
  }

  #unsigned(value: number): void {
    if (value < 0x80) {
      this.#byte(value);
    } else if (value < 0x100) {
      this.#byte(0xcc);
      this.#byte(value);
    } else if (value < 0x10000) {
      this.#byte(0xcd);
      const at = this.#reserve(2);
      this.#bytes.writeUInt16BE(value, at);
    } else if (value < two32) {
      this.#byte(0xce);
      const at = this.#reserve(4);
      this.#bytes.writeUInt32BE(value, at);
    } else {
      this.#byte(0xcf);
      const at = this.#reserve(8);
      this.#bytes.writeUInt32BE(Math.floor(value / two32), at);
      this.#bytes.writeUInt32BE(value % two32, at + 4);
    }
  }

  #negative(value: number): void {
    if (value >= -0x20) {
      this.#byte(value & 0xff);
    } else if (value >= -0x80) {
      this.#byte(0xd0);
      this.#byte(value & 0xff);
    } else if (value >= -0x8000) {
      this.#byte(0xd1);
      const at = this.#reserve(2);
      this.#bytes.writeInt16BE(value, at);
    } else if (value >= -0x80000000) {
      this.#byte(0xd2);
      const at = this.#reserve(4);
      this.#bytes.writeInt32BE(value, at);
    } else {
      this.#byte(0xd3);
      const at = this.#reserve(8);
      this.#bytes.writeBigInt64BE(BigInt(value), at);
    }
  }
}
