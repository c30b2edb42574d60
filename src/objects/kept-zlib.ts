/**
 * Streams of node:zlib that do one whole piece of work after the other, with the same memory. What Node has for this, such as
 * zstdCompressSync, takes new memory for each piece, which the system hands out page by page: a quarter of the time that
 * zstd's level 1 takes, and half of what reading that takes (docs/performance.md).
 *
 * The package minizlib, of npm's own tar, does the same: Node closes a stream after such work, unless it cannot.
 */

/* eslint-disable no-underscore-dangle -- the names are Node's */

/** What a stream of node:zlib has, documented or not. */
interface ZlibStream extends NodeJS.EventEmitter {
  _handle: { close(): void } | null;
  /** Takes all of the input at once, and gives all that comes out; may lie in a buffer that the next call writes to. */
  _processChunk(bytes: Uint8Array, flush: number): Buffer;
  /** How much of the last input was taken. */
  readonly bytesWritten: number;
}

/** One that is used again and again. */
export interface KeptStream {
  /** What comes out of the input: good until the next call. After it has thrown, there is no other but `close`. Blocks. */
  run(input: Uint8Array): { readonly output: Buffer; readonly consumed: number };
  readonly close: () => void;
}

/** `end` says to the stream that its input is whole. Undefined where this Node's streams are made otherwise than is known. */
export function keepStream(fresh: NodeJS.EventEmitter, end: number): KeptStream | undefined {
  const stream = fresh as ZlibStream;
  const handle = stream._handle;
  if (typeof handle?.close !== "function" || typeof stream._processChunk !== "function") return undefined;
  const close = handle.close.bind(handle);
  handle.close = () => undefined;
  return {
    run: (input) => {
      stream._handle = handle; // which it has let go of
      try {
        const output = stream._processChunk(input, end);
        return { output, consumed: stream.bytesWritten };
      } finally {
        stream.removeAllListeners("error"); // of which it adds one each time
        stream.on("error", () => undefined); // it is told again what has been thrown
      }
    },
    close,
  };
}
