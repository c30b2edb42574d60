/** Objects that lie together in one buffer, on their way from where they were read to where they are packed. */
import { objectIdBytes, objectIdLength, objectIdOf, type ObjectId } from "../objects/object-id.js";
import { objectKinds, type ObjectKind, type PackedObject } from "../objects/object-kind.js";

/** What a buffer has beyond the objects in it, so that they fit as members too where they do not compress. */
export const packingRoomBytes = 64 << 10;

/**
 * The i-th object: its kind's number, its id at 32 i, and its offset and length in the buffer at 2 i. They lie in the buffer in
 * their order, and not over each other.
 */
export interface Batch {
  readonly buffer: ArrayBuffer;
  readonly kinds: Uint8Array;
  readonly ids: Uint8Array;
  readonly places: Uint32Array;
}

/** The number of a kind in a batch. */
export function kindNumber(kind: ObjectKind): number {
  return objectKinds.indexOf(kind);
}

/** The kind of the object at `index`. */
export function kindAt(batch: Pick<Batch, "kinds">, index: number): ObjectKind {
  return objectKinds[batch.kinds[index] as number] as ObjectKind;
}

/** A view of the bytes of the object at `index`. */
export function bytesAt(batch: Pick<Batch, "buffer" | "places">, index: number): Uint8Array {
  return new Uint8Array(batch.buffer, batch.places[index * 2], batch.places[index * 2 + 1]);
}

/** The objects of a batch for which `isWanted` says so, where they lie. */
export function selectObjects(batch: Batch, isWanted: (index: number) => boolean): Batch {
  const { buffer } = batch;
  const kinds = new Uint8Array(batch.kinds.length);
  const ids = new Uint8Array(batch.ids.length);
  const places = new Uint32Array(batch.places.length);
  let count = 0;
  for (let index = 0; index < kinds.length; index += 1) {
    if (!isWanted(index)) continue;
    kinds[count] = batch.kinds[index] as number;
    ids.set(batch.ids.subarray(index * objectIdLength, (index + 1) * objectIdLength), count * objectIdLength);
    places[count * 2] = batch.places[index * 2] as number;
    places[count * 2 + 1] = batch.places[index * 2 + 1] as number;
    count += 1;
  }
  if (count === kinds.length) return batch;
  return {
    buffer,
    kinds: kinds.slice(0, count),
    ids: ids.slice(0, count * objectIdLength),
    places: places.slice(0, count * 2),
  };
}

/** Puts objects into a buffer, one after the other. */
export class BatchBuilder {
  readonly #buffer: ArrayBuffer;
  readonly #limit: number;
  readonly #kinds: number[] = [];
  readonly #ids: Buffer[] = [];
  readonly #places: number[] = [];
  #length = 0;

  /** Fills the buffer up to `limit` bytes. */
  constructor(buffer: ArrayBuffer, limit: number) {
    this.#buffer = buffer;
    this.#limit = limit;
  }

  /** What is left of the buffer up to the limit; objects are taken from its front. */
  room(): Uint8Array {
    return new Uint8Array(this.#buffer, this.#length, this.#limit - this.#length);
  }

  /** Makes the first bytes of the room an object; its id. */
  take(kind: ObjectKind, length: number): ObjectId {
    const bytes = this.room().subarray(0, length);
    const id = objectIdOf(bytes);
    this.#append(kind, id, length);
    return id;
  }

  /** The same where its id is known. */
  takeAs(kind: ObjectKind, id: ObjectId, length: number): void {
    this.#append(kind, id, length);
  }

  /** Leaves out the first bytes of the room. */
  skip(length: number): void {
    this.#length += length;
  }

  /** Copies an object into the buffer; false if there is no room for it. */
  add({ kind, id, bytes }: PackedObject<ObjectId>): boolean {
    const room = this.room();
    if (bytes.length > room.length) return false;
    room.set(bytes);
    this.#append(kind, id, bytes.length);
    return true;
  }

  #append(kind: ObjectKind, id: ObjectId, length: number): void {
    this.#kinds.push(kindNumber(kind));
    this.#ids.push(objectIdBytes(id));
    this.#places.push(this.#length, length);
    this.#length += length;
  }

  finish(): Batch {
    const ids = new Uint8Array(this.#ids.length * objectIdLength);
    for (const [index, id] of this.#ids.entries()) ids.set(id, index * objectIdLength);
    return {
      buffer: this.#buffer,
      kinds: Uint8Array.from(this.#kinds),
      ids,
      places: Uint32Array.from(this.#places),
    };
  }
}
