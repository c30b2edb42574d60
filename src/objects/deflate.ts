/**
 * Deflate (RFC 1951), faster than zlib's at the same ratio: assembly/deflate.ts, of which each thread has an instance of
 * its own, of which as much is really there as the longest streams took. zlib reads what it writes.
 */
import { loadWasm, type WasmExports } from "./wasm.js";

/** Level 0 stores; of this encoder's own, 1 takes the first match that it finds, 2 looks whether the next is longer. */
export type DeflateLevel = 0 | 1 | 2;

/** What dist/deflate.wasm exports. */
interface Encoder extends WasmExports {
  setUp(): void;
  inputAddress(): number;
  outputAddress(): number;
  begin(level: DeflateLevel): void;
  compress(length: number, isLast: boolean): number;
}

/** What the encoder takes at once. */
const pieceBytes = (4 << 20) + (64 << 10);

let encoder: Encoder | undefined;

/**
 * The deflate stream of the bytes, with `before` and `after` so many bytes of room around it, 64 at most; valid until the next
 * call, and in memory that is not to be transferred. It is longer than what is in it by 12 bytes in 64 KiB at most.
 */
export function deflate(bytes: Uint8Array, level: DeflateLevel, room = { before: 0, after: 0 }): Buffer {
  encoder ??= loadEncoder();
  encoder.begin(level);
  if (bytes.length <= pieceBytes) return compressPiece(encoder, bytes, true, room);
  const pieces = [Buffer.alloc(room.before)];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    pieces.push(Buffer.from(compressPiece(encoder, piece, at + pieceBytes >= bytes.length)));
  }
  pieces.push(Buffer.alloc(room.after));
  return Buffer.concat(pieces);
}

/**
 * Memory of the encoder's, where bytes need not be copied from to be deflated: 4 MiB and 64 KiB. The next stream writes over
 * what is there, if it is of other bytes.
 */
export function deflateInput(): Uint8Array {
  encoder ??= loadEncoder();
  return inputOf(encoder, pieceBytes);
}

function compressPiece(to: Encoder, bytes: Uint8Array, isLast: boolean, room = { before: 0, after: 0 }): Buffer {
  const input = inputOf(to, bytes.length);
  if (bytes.buffer !== input.buffer || bytes.byteOffset !== input.byteOffset) input.set(bytes);
  const length = to.compress(bytes.length, isLast);
  return Buffer.from(to.memory.buffer, to.outputAddress() - room.before, room.before + length + room.after);
}

function inputOf(of: Encoder, length: number): Uint8Array {
  return new Uint8Array(of.memory.buffer, of.inputAddress(), length);
}

function loadEncoder(): Encoder {
  const loaded = loadWasm("deflate") as Encoder;
  loaded.setUp();
  return loaded;
}
