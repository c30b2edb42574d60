/**
 * Deflate (RFC 1951), faster than zlib's at the same ratio: assembly/deflate.ts, of which each thread has an instance of
 * its own, 2.5 MB large. zlib reads what it writes.
 */
import { loadWasm, type WasmExports } from "./wasm.js";

/** Compresses at a level of this encoder: 1 takes the first match that it finds, 2 looks whether the next is longer. */
export type DeflateLevel = 1 | 2;

/** What dist/deflate.wasm exports. */
interface Encoder extends WasmExports {
  setUp(): void;
  inputAddress(): number;
  outputAddress(): number;
  begin(isLazy: boolean): void;
  compress(length: number, isLast: boolean): number;
}

/** What the encoder takes at once. */
const pieceBytes = 1 << 20;

let encoder: Encoder | undefined;

/**
 * The deflate stream of the bytes, with `before` and `after` so many bytes of room around it; a stream is longer than
 * what is in it by 6 bytes in 64 KiB at most.
 */
export function deflate(bytes: Uint8Array, level: DeflateLevel, room = { before: 0, after: 0 }): Buffer {
  encoder ??= loadEncoder();
  const { buffer } = encoder.memory;
  const input = new Uint8Array(buffer, encoder.inputAddress(), pieceBytes);
  const pieces: Buffer[] = [];
  encoder.begin(level > 1);
  let length = room.before;
  for (let at = 0; at === 0 || at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    input.set(piece);
    const isLast = at + pieceBytes >= bytes.length;
    const output = Buffer.from(buffer, encoder.outputAddress(), encoder.compress(piece.length, isLast));
    pieces.push(isLast ? output : Buffer.from(output));
    length += output.length;
  }
  const deflated = Buffer.allocUnsafeSlow(length + room.after);
  let at = room.before;
  for (const piece of pieces) at += piece.copy(deflated, at);
  return deflated;
}

function loadEncoder(): Encoder {
  const loaded = loadWasm("deflate") as Encoder;
  loaded.setUp();
  return loaded;
}
