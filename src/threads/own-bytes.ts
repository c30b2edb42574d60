/** What may be handed to a thread, which takes all of a buffer from whoever else has a view of it. */

/** Bytes that are alone in their buffer have at most so much before them: what the message that they came in says of them. */
const maxHeadBytes = 16;
/** Shorter bytes may lie in Node's pool, which many share. */
const minOwnBytes = 4 << 10;

/**
 * The bytes in a buffer that can be handed over: their own, or that of a copy where they are not alone in it. Behind them may
 * stand the next message, and before them one that still waits; what fits into `maxHeadBytes` is neither.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  const isAlone =
    buffer instanceof ArrayBuffer &&
    length > minOwnBytes &&
    byteOffset <= maxHeadBytes &&
    byteOffset + length === buffer.byteLength;
  return isAlone ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(bytes);
}
