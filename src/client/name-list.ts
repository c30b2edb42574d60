/** Many names in little memory: some 20 bytes each, where a Set of a million takes 100 MB. */
import type { ByteString } from "../objects/byte-string.js";
import { maxNameBytes } from "../objects/entry.js";

const firstBytes = 1024;
const firstNames = 64;

export class NameList {
  #bytes = Buffer.allocUnsafeSlow(firstBytes);
  /** Where each name ends. */
  #ends = new Uint32Array(firstNames);
  #count = 0;
  readonly #sought = Buffer.allocUnsafeSlow(maxNameBytes);

  get length(): number {
    return this.#count;
  }

  /** Forgets all names; what was taken for them is kept for the next. */
  clear(): void {
    this.#count = 0;
  }

  add(name: ByteString): void {
    const start = this.#startOf(this.#count);
    const end = start + name.length;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(end, this.#bytes.length * 2));
    if (this.#count === this.#ends.length) {
      const ends = new Uint32Array(this.#count * 2);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    this.#bytes.write(name, start, "latin1");
    this.#ends[this.#count] = end;
    this.#count += 1;
  }

  /** The name that was added as the `index`-th, from 0 on. */
  at(index: number): ByteString {
    return this.#bytes.toString("latin1", this.#startOf(index), this.#ends[index]) as ByteString;
  }

  /** Whether it has the name. All names must have been added in the order of their bytes. */
  has(name: ByteString): boolean {
    if (name.length > maxNameBytes) return false;
    const length = this.#sought.write(name, "latin1");
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#bytes.compare(this.#sought, 0, length, this.#startOf(middle), this.#ends[middle]);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }
}
