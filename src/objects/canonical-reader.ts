/**
 * Reads canonical MessagePack (see canonical-writer.ts) and refuses every other form of it: each value has exactly one
 * encoding, so an object that decodes encodes to the same bytes again. Trusts nothing: every length is checked against
 * the bytes that are there, and against the caller's limit, before anything is made of it.
 */
import { BakError } from "../errors.js";
import { byteString, type ByteString } from "./byte-string.js";
import { objectIdAt, objectIdLength, type ObjectId } from "./object-id.js";

const two32 = 2 ** 32;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A cursor over the bytes of one object. Every method throws BAD_OBJECT where the bytes are not what it asks for. */
export class CanonicalReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** `what` names the object in errors: "tree", "commit", …. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  /** The offset of the next byte to be read. */
  get offset(): number {
    return this.#at;
  }

  /** The error for a value that is well formed but not allowed. */
  refuse(why: string): BakError {
    return new BakError("BAD_OBJECT", `malformed ${this.#what}: ${why} before byte ${this.#at}`);
  }

  /** The number of elements of the array that begins here. */
  array(min: number, max: number): number {
    const marker = this.#byte();
    let count = 0;
    if ((marker & 0xf0) === 0x90) count = marker & 0x0f;
    else if (marker === 0xdc) count = this.#shortest(this.#uint(2), 16);
    else if (marker === 0xdd) count = this.#shortest(this.#uint(4), 0x10000);
    else throw this.refuse("not an array");
    return this.#within(count, min, max, "elements");
  }

  /**
   * The array that every object is: a version, then other fields, `fields` in all. The version comes first, so that an
   * object of a later one is refused for that, whatever else has changed.
   */
  versioned(version: number, fields: number): void {
    const count = this.array(1, 0xffff);
    if (this.unsigned() !== version) throw this.refuse("unknown version");
    this.#within(count, fields, fields, "fields");
  }

  /** The number of pairs of the map that begins here. */
  map(min: number, max: number): number {
    const marker = this.#byte();
    if ((marker & 0xf0) !== 0x80) throw this.refuse("not a small map");
    return this.#within(marker & 0x0f, min, max, "pairs");
  }

  /** Whether the next value is nil; if so, it has been read. */
  nil(): boolean {
    if (this.#bytes[this.#at] !== 0xc0) return false;
    this.#at += 1;
    return true;
  }

  /** Whether the next value is an array, without reading it. */
  isArrayNext(): boolean {
    const marker = this.#bytes[this.#at] ?? 0;
    return (marker & 0xf0) === 0x90 || marker === 0xdc || marker === 0xdd;
  }

  /** An integer between 0 and `max`, which is 2^53-1 at most. */
  unsigned(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.integer();
    return this.#within(value, 0, max, "as a number");
  }

  /** An integer between -(2^53-1) and 2^53-1. */
  integer(): number {
    const marker = this.#byte();
    if (marker < 0x80) return marker;
    if (marker >= 0xe0) return marker - 0x100;
    switch (marker) {
      case 0xcc:
        return this.#shortest(this.#uint(1), 0x80);
      case 0xcd:
        return this.#shortest(this.#uint(2), 0x100);
      case 0xce:
        return this.#shortest(this.#uint(4), 0x10000);
      case 0xcf: {
        const high = this.#uint(4);
        if (high > 0x1fffff) throw this.refuse("integer beyond 2^53-1");
        return this.#shortest(high * two32 + this.#uint(4), two32);
      }
      case 0xd0:
        return this.#shortestNegative((this.#uint(1) << 24) >> 24, -0x20);
      case 0xd1:
        return this.#shortestNegative((this.#uint(2) << 16) >> 16, -0x80);
      case 0xd2:
        return this.#shortestNegative(this.#uint(4) | 0, -0x8000);
      case 0xd3: {
        this.#need(8);
        const value = Number(this.#bytes.readBigInt64BE(this.#at));
        this.#at += 8;
        if (!Number.isSafeInteger(value)) throw this.refuse("integer beyond -(2^53-1)");
        return this.#shortestNegative(value, -0x80000000);
      }
      default:
        throw this.refuse("not an integer");
    }
  }

  /** Binary of `min` to `max` bytes: a view of the object's own bytes, not a copy. */
  binary(min: number, max: number): Buffer {
    const marker = this.#byte();
    let length = 0;
    if (marker === 0xc4) length = this.#uint(1);
    else if (marker === 0xc5) length = this.#shortest(this.#uint(2), 0x100);
    else if (marker === 0xc6) length = this.#shortest(this.#uint(4), 0x10000);
    else throw this.refuse("not binary");
    return this.#take(this.#within(length, min, max, "bytes"));
  }

  /** Binary of `min` to `max` bytes, as a ByteString. */
  name(min: number, max: number): ByteString {
    return byteString(this.binary(min, max));
  }

  /** UTF-8 text of at most `max` bytes. */
  text(max: number): string {
    const marker = this.#byte();
    let length = 0;
    if ((marker & 0xe0) === 0xa0) length = marker & 0x1f;
    else if (marker === 0xd9) length = this.#shortest(this.#uint(1), 0x20);
    else if (marker === 0xda) length = this.#shortest(this.#uint(2), 0x100);
    else if (marker === 0xdb) length = this.#shortest(this.#uint(4), 0x10000);
    else throw this.refuse("not text");
    const bytes = this.#take(this.#within(length, 0, max, "bytes of text"));
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new BakError("BAD_OBJECT", `malformed ${this.#what}: text that is not UTF-8`, { cause });
    }
  }

  /** An object id: binary of 32 bytes. */
  objectId(): ObjectId {
    return objectIdAt(this.binary(objectIdLength, objectIdLength));
  }

  /** Throws unless everything has been read. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.refuse("bytes after the end");
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length) throw this.refuse("cut short");
  }

  #byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++] as number;
  }

  #uint(width: 1 | 2 | 4): number {
    this.#need(width);
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  #take(length: number): Buffer {
    this.#need(length);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  #shortest(value: number, atLeast: number): number {
    if (value < atLeast) throw this.refuse("not the shortest encoding");
    return value;
  }

  #shortestNegative(value: number, below: number): number {
    if (value >= below) throw this.refuse("not the shortest encoding");
    return value;
  }

  #within(value: number, min: number, max: number, unit: string): number {
    if (value < min || value > max) throw this.refuse(`${value} ${unit}, not ${min} to ${max},`);
    return value;
  }
}
