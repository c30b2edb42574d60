/** Makes sure of blobs that trees and lists name, many at a time: that each is there, and of the size that it must have. */
import { BakError } from "../errors.js";
import { objectIdAt, objectIdLength } from "../objects/object-id.js";
import type { NamedBlobs } from "../objects/tree-outline.js";
import type { ObjectSource } from "./store.js";

/** So many are looked up together, within 5 ms; then others have a turn. */
const batchBlobs = 8192;

/** Gathers blobs that are to be looked up. Memory: 320 KiB. */
export class BlobChecks {
  readonly #store: Pick<ObjectSource, "lengthsOf">;
  readonly #ids = new Uint8Array(batchBlobs * objectIdLength);
  readonly #sizes = new Float64Array(batchBlobs);
  #count = 0;

  constructor(store: Pick<ObjectSource, "lengthsOf">) {
    this.#store = store;
  }

  /** One more blob. Rejects with what is wrong with one that was added before: NO_OBJECT, or BAD_OBJECT for its size. */
  async add(id: Uint8Array, size: number): Promise<void> {
    this.#ids.set(id, this.#count * objectIdLength);
    this.#sizes[this.#count] = size;
    this.#count += 1;
    if (this.#count === batchBlobs) await this.#check();
  }

  /** The same for many. */
  async addAll({ count, ids, sizes }: NamedBlobs): Promise<void> {
    for (let from = 0; from < count;) {
      const to = Math.min(count, from + batchBlobs - this.#count);
      this.#ids.set(ids.subarray(from * objectIdLength, to * objectIdLength), this.#count * objectIdLength);
      this.#sizes.set(sizes.subarray(from, to), this.#count);
      this.#count += to - from;
      from = to;
      if (this.#count === batchBlobs) await this.#check();
    }
  }

  /** Looks up what has not been looked up yet. Rejects as `add` does. */
  async finish(): Promise<void> {
    if (this.#count > 0) await this.#check();
  }

  async #check(): Promise<void> {
    const count = this.#count;
    this.#count = 0;
    const lengths = await this.#store.lengthsOf(this.#ids.subarray(0, count * objectIdLength));
    for (let index = 0; index < count; index += 1) {
      const [length, size] = [lengths[index] as number, this.#sizes[index] as number];
      if (length !== size) throw wrong(objectIdAt(this.#ids, index * objectIdLength), length, size);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function wrong(id: string, length: number, size: number): BakError {
  if (length < 0) return new BakError("NO_OBJECT", `no object '${id}' in the store`);
  return new BakError("BAD_OBJECT", `malformed commit: blob '${id}' is ${length} bytes long, not ${size}`);
}
