/** Random numbers that are the same in every run, on every machine. */
import { createCipheriv } from "node:crypto";

/** Numbers from a seed: mulberry32 (Tommy Ettinger, 2017), 32 bits of state, which is enough for what looks like data. */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    // seeds in a row would begin alike
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
  }

  /** @returns {number} 0 to 2^32-1 */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let value = this.state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (value ^ (value >>> 14)) >>> 0;
  }

  /** @returns {number} from 0, and less than 1 */
  real() {
    return this.next() / 2 ** 32;
  }

  /**
   * @param {number} limit
   * @returns {number} a whole number from 0, and less than `limit`
   */
  below(limit) {
    return Math.floor(this.real() * limit);
  }

  /**
   * @template T
   * @param {readonly T[]} values
   * @returns {T}
   */
  pick(values) {
    return /** @type {T} */ (values[this.below(values.length)]);
  }

  /**
   * One of the values, the first ones much more often than the last, as words are used in a text.
   * @template T
   * @param {readonly T[]} values
   * @returns {T}
   */
  favour(values) {
    const share = this.real();
    return /** @type {T} */ (values[Math.floor(share * share * share * values.length)]);
  }

  /** @returns {number} of the normal distribution with mean 0 and deviation 1 (Box and Muller, 1958) */
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.real())) * Math.cos(2 * Math.PI * this.real());
  }
}

/**
 * Bytes that nothing compresses: the key stream of AES-128 in counter mode.
 * @param {number} seed
 * @param {number} length
 * @returns {Buffer}
 */
export function randomBytes(seed, length) {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(seed >>> 0);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
