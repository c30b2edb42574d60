/** Objects that lie together in one buffer, on their way from where they were read to where they are packed. */
import { objectKinds, type ObjectKind } from "../objects/object-kind.js";

/** What a buffer has beyond the objects in it, so that they fit as members too where they do not compress. */
export const packingRoomBytes = 64 << 10;

/** The i-th object: its kind's number, its id at 32 i, and its offset and length in the buffer at 2 i. */
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
