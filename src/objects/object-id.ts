/** Object ids: what names an object everywhere, the BLAKE3-256 of its exact bytes. */
import { BakError } from "../errors.js";
import { quoted } from "./byte-string.js";
import { blake3, hashLength } from "./hash.js";

declare const brand: unique symbol;

/** The id of an object as text: 64 lower-case hex digits. */
export type ObjectId = string & { readonly [brand]: "ObjectId" };

/** Length of an object id in bytes, as it stands in objects, messages and indexes. */
export const objectIdLength = hashLength;

const pattern = /^[0-9a-f]{64}$/;

/** Whether a text is an object id in its one form. */
export function isObjectId(text: string): text is ObjectId {
  return pattern.test(text);
}

/** The only way text becomes an ObjectId: log lines, file names and arguments all pass here. Throws BAD_OBJECT_ID. */
export function parseObjectId(text: string): ObjectId {
  if (!isObjectId(text)) throw new BakError("BAD_OBJECT_ID", `not an object id: ${quoted(text, 80)}`);
  return text;
}

/** The id that stands at `offset` of `bytes`, 32 bytes long. The caller has checked that they are there. */
export function objectIdAt(bytes: Uint8Array, offset = 0): ObjectId {
  if (offset + objectIdLength > bytes.length) throw new RangeError("object id beyond the end of its bytes");
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, objectIdLength).toString("hex") as ObjectId;
}

/** The 32 bytes of an id. */
export function objectIdBytes(id: ObjectId): Buffer {
  return Buffer.from(id, "hex");
}

/** The bytes of ids, one after the other. */
export function encodeObjectIds(ids: readonly ObjectId[]): Buffer {
  const bytes = Buffer.allocUnsafe(ids.length * objectIdLength);
  for (const [index, id] of ids.entries()) bytes.write(id, index * objectIdLength, "hex");
  return bytes;
}

/** The ids that stand one after the other in `bytes`; what is left over at the end is none. */
export function decodeObjectIds(bytes: Uint8Array): ObjectId[] {
  const count = Math.floor(bytes.length / objectIdLength);
  return Array.from({ length: count }, (_, index) => objectIdAt(bytes, index * objectIdLength));
}

/** Names an object: the BLAKE3-256 of its bytes, with nothing before or after them. */
export function objectIdOf(bytes: Uint8Array): ObjectId {
  return blake3().hashHex(bytes) as ObjectId;
}
