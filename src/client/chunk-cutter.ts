/**
 * Cuts a file as the chunker does, and where it knows the chunks that the file had, tries those first: where one may begin,
 * the bytes of its length are hashed, and if that gives its id, it is the chunk. Where a chunk ends depends on its own bytes
 * alone, so the chunker would have found the same end, at three times the cost. The exception is the last one, which may
 * have ended with the file: it counts only where it does so again. (A list that another program has cut by another rule is
 * gone by, too: its chunks are in the store.)
 */
import { firstChunkEnd, maxChunkBytes, minChunkBytes } from "../objects/chunker.js";
import { objectIdAt, objectIdLength, objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { OldChunks } from "./old-chunks.js";

export interface Chunk {
  readonly id: ObjectId;
  readonly length: number;
  /** Whether the file had it before. */
  readonly isOld: boolean;
}

export class ChunkCutter {
  readonly #old: OldChunks | undefined;
  /** Which of the old chunks may be the next; undefined where nothing is known. */
  #next: number | undefined;
  #places: Map<ObjectId, number> | undefined;

  constructor(old: OldChunks | undefined) {
    this.#old = old;
    this.#expect(0);
  }

  /**
   * The first chunk of bytes that begin where one begins; undefined if more bytes are needed to tell, as many as the longest
   * chunk at most. `isEnd`: the file ends with these.
   */
  first(bytes: Uint8Array, isEnd: boolean): Chunk | undefined {
    const expected = this.#expected(bytes.length, isEnd);
    if (expected === "later") return undefined;
    if (expected !== undefined) {
      const id = objectIdOf(bytes.subarray(0, expected.size));
      if (id === expected.id) {
        this.#expect((this.#next as number) + 1);
        return { id, length: expected.size, isOld: true };
      }
    }
    this.#next = undefined;
    const length = firstChunkEnd(bytes) ?? (isEnd ? bytes.length : undefined);
    if (length === undefined) return undefined;
    const id = objectIdOf(bytes.subarray(0, length));
    const place = this.#placeOf(id);
    if (place !== undefined) this.#expect(place + 1);
    return { id, length, isOld: place !== undefined };
  }

  #expect(place: number): void {
    this.#next = this.#old !== undefined && place < this.#old.sizes.length ? place : undefined;
  }

  /** The old chunk that the bytes may begin with; "later" if there are too few to tell. */
  #expected(length: number, isEnd: boolean): { size: number; id: ObjectId } | "later" | undefined {
    if (this.#old === undefined || this.#next === undefined) return undefined;
    const { sizes, ids } = this.#old;
    const size = sizes[this.#next] as number;
    const isLast = this.#next === sizes.length - 1;
    if (size > maxChunkBytes || (size < minChunkBytes && !isLast)) return undefined; // another's rule
    if (!isEnd && (size > length || isLast)) return size > length ? "later" : undefined;
    if (size > length || (isLast && size !== length)) return undefined;
    return { size, id: objectIdAt(ids, this.#next * objectIdLength) };
  }

  /** Where the file had a chunk; the last place of several. */
  #placeOf(id: ObjectId): number | undefined {
    if (this.#old === undefined) return undefined;
    if (this.#places === undefined) {
      this.#places = new Map();
      for (let place = 0; place < this.#old.sizes.length; place += 1)
        this.#places.set(objectIdAt(this.#old.ids, place * objectIdLength), place);
    }
    return this.#places.get(id);
  }
}
