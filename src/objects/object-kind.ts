/** The four kinds of object, and the limits that hold for each of them. */

/** In the order of their numbers in a pack's index: blob is 0. */
export const objectKinds = ["blob", "list", "tree", "commit"] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** No object of any kind is longer than this many bytes. */
export const maxObjectBytes = 8 << 20;

/** An object on its way into or out of a pack; `bytes` are exactly what its id is the hash of. */
export interface PackedObject<Id extends string = string> {
  readonly kind: ObjectKind;
  readonly id: Id;
  readonly bytes: Uint8Array;
}

/** Whether a text names a kind of object. */
export function isObjectKind(text: string): text is ObjectKind {
  return (objectKinds as readonly string[]).includes(text);
}
