/**
 * Inflate (RFC 1951), faster than zlib's: assembly/inflate.ts, of which each thread has an instance of its own, as
 * large as the largest members that it has had. What it takes for a stream, and for the end of one, is what zlib takes for it.
 */
import { loadWasm, type WasmExports } from "./wasm.js";

/** What dist/inflate.wasm exports. */
interface Decoder extends WasmExports {
  setUp(): void;
  inputAddress(): number;
  outputAddress(): number;
  consumedBytes(): number;
  inflate(length: number): number;
}

/** More than this, of input or output, is left to others: it is the largest chunk with its header, and more. */
const maxBytes = (4 << 20) + (64 << 10);

/** A stream that has been inflated. */
export interface Inflated {
  /** What came out: valid until the next call, and in memory that is not to be transferred. */
  readonly bytes: Buffer;
  /** How many bytes of the input the stream took. */
  readonly consumed: number;
}

let decoder: Decoder | undefined;

/**
 * The deflate stream that the bytes begin with, inflated. "damaged" where there is none, or the bytes end before it does;
 * "large" where it has, or inflates to, more than 4 MiB and 64 KiB. Blocks meanwhile.
 */
export function inflate(deflated: Uint8Array): Inflated | "damaged" | "large" {
  if (deflated.length > maxBytes) return "large";
  decoder ??= loadDecoder();
  const { buffer } = decoder.memory;
  new Uint8Array(buffer, decoder.inputAddress(), deflated.length).set(deflated);
  const length = decoder.inflate(deflated.length);
  if (length < 0) return length === -2 ? "large" : "damaged";
  return { bytes: Buffer.from(buffer, decoder.outputAddress(), length), consumed: decoder.consumedBytes() };
}

function loadDecoder(): Decoder {
  const loaded = loadWasm("inflate") as Decoder;
  loaded.setUp();
  return loaded;
}
