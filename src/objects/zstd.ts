/**
 * Zstandard (RFC 8878), from one of two implementations that are the same code of its authors: Node's own from 22.15 on,
 * which reads and writes; elsewhere WebAssembly (the package zstddec), which reads. JavaScript alone (the package fzstd) would
 * need no loading, but believes what a damaged block says, and is then busy for minutes (docs/performance.md).
 */
import * as zlib from "node:zlib";
import type { ZSTDDecoder } from "zstddec";
import { keepStream, type KeptStream } from "./kept-zlib.js";
import { ownCopy } from "./own-copy.js";
import { measureZstdFrame } from "./zstd-frame.js";

export const zstdNames = ["native", "wasm"] as const;
export type ZstdName = (typeof zstdNames)[number];

/** One implementation of Zstandard. */
export interface ZstdReader {
  readonly name: ZstdName;
  /**
   * The content of one whole frame; throws unless it decodes to exactly `contentLength` bytes, with a right checksum. With
   * `isBorrowed` it may lie where the next one will. Blocks.
   */
  inflate(frame: Uint8Array, contentLength: number, isBorrowed?: boolean): Buffer;
  /** The same on another thread, where the implementation can. */
  inflateInBackground(frame: Uint8Array, contentLength: number): Promise<Buffer>;
}

/** What Node's zlib has from 22.15 on; @types/node is that of the oldest Node that bak runs on. */
interface NativeZstd {
  createZstdCompress(options: ZstdOptions): NodeJS.EventEmitter;
  createZstdDecompress(options: ZstdOptions): NodeJS.EventEmitter;
  zstdCompressSync(bytes: Uint8Array, options: ZstdOptions): Buffer;
  zstdDecompressSync(bytes: Uint8Array, options: ZstdOptions): Buffer;
  zstdDecompress(bytes: Uint8Array, options: ZstdOptions, done: (error: Error | null, content: Buffer) => void): void;
  readonly constants: {
    readonly ZSTD_c_compressionLevel: number;
    readonly ZSTD_c_checksumFlag: number;
    readonly ZSTD_c_minMatch: number;
    readonly ZSTD_e_end: number;
  };
}

interface ZstdOptions {
  readonly chunkSize?: number;
  readonly maxOutputLength?: number;
  readonly params?: Record<number, number>;
}

/** A smaller one would be cut from a buffer that others share. */
const minChunkBytes = 8 << 10;
/** Most members are shorter; what is not comes in more pieces, and is joined. */
const compressedStepBytes = 256 << 10;
/** A thread needs two levels at a time: one for what looks compressible, and one for what does not. */
const maxCompressors = 2;

/**
 * Level 1 looks for matches of 7 bytes in what is as long as members are. With those of 6, text becomes 1.6% smaller and the image of a
 * disk 2.4%, in 1 to 3% more time (docs/performance.md).
 */
const leastMatches: ReadonlyMap<number, number> = new Map([[1, 6]]);
const asLevelSays = 0;

/** Whether this Node can write zstd. */
export function canWriteZstd(): boolean {
  return native() !== undefined;
}

function native(): NativeZstd | undefined {
  return "zstdCompressSync" in zlib ? (zlib as unknown as NativeZstd) : undefined;
}

/** By level, the latest last. */
const compressors = new Map<number, KeptStream>();

/**
 * One frame, with its content's size and checksum. `level` is zstd's own, negative ones too. With `isBorrowed` it may lie
 * where the next one will. Blocks.
 */
export function compressZstd(bytes: Uint8Array, level: number, isBorrowed = false): Buffer {
  const zstd = native();
  if (zstd === undefined) throw new Error("this Node has no zstd to compress with");
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_minMatch, ZSTD_e_end } = zstd.constants;
  const leastMatch = leastMatches.get(level) ?? asLevelSays;
  const params = { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1, [ZSTD_c_minMatch]: leastMatch };
  const options = { chunkSize: compressedStepBytes, params };
  const compressor = compressors.get(level) ?? keepStream(zstd.createZstdCompress(options), ZSTD_e_end);
  if (compressor === undefined) return onlyFirstFrame(zstd.zstdCompressSync(bytes, options));
  compressors.delete(level);
  const { output } = compressor.run(bytes);
  compressors.set(level, compressor);
  for (const [oldest, { close }] of compressors) {
    if (compressors.size <= maxCompressors) break;
    close();
    compressors.delete(oldest);
  }
  const frame = onlyFirstFrame(output);
  return isBorrowed ? frame : ownCopy(frame);
}

/** Where a frame ends with one of the buffers that it came out in, Node asks zstd for more, which begins another, of nothing. */
function onlyFirstFrame(output: Buffer): Buffer {
  if (output.length <= compressedStepBytes) return output;
  return output.subarray(0, measureZstdFrame(output, Infinity).length);
}

/** Loads one implementation by name; rejects where it is not there. */
export async function loadZstdReader(name: ZstdName): Promise<ZstdReader> {
  if (name === "wasm") return wasmReader();
  const zstd = native();
  if (zstd === undefined) throw new Error("this Node has no zstd");
  return nativeReader(zstd);
}

let reader: ZstdReader | Promise<ZstdReader> | undefined;

/** The implementation in use: Node's own where there is one. A promise only while WebAssembly is being loaded. */
export function zstdReader(): ZstdReader | Promise<ZstdReader> {
  const zstd = native();
  reader ??= zstd === undefined ? wasmReader() : nativeReader(zstd);
  return reader;
}

/**
 * With room for all of it in one buffer, zstd decodes straight into that, and needs no window of its own; without a byte left in
 * it, zlib would make another one to see whether more comes.
 */
function inflateOptions(contentLength: number): ZstdOptions {
  return { chunkSize: Math.max(contentLength + 1, minChunkBytes), maxOutputLength: contentLength };
}

function nativeReader(zstd: NativeZstd): ZstdReader {
  return {
    name: "native",
    inflate: (frame, contentLength, isBorrowed = false) => {
      const content = inflateKept(zstd, frame, contentLength);
      if (content === undefined) {
        return exactly(zstd.zstdDecompressSync(frame, inflateOptions(contentLength)), contentLength);
      }
      return isBorrowed ? content : ownCopy(content);
    },
    inflateInBackground: (frame, contentLength) =>
      new Promise((resolve, reject) => {
        zstd.zstdDecompress(frame, inflateOptions(contentLength), (error, content) => {
          if (error !== null) reject(error);
          else if (content.length === contentLength) resolve(content);
          else reject(wrongLength(contentLength, content.length));
        });
      }),
  };
}

interface Decompressor {
  readonly stream: KeptStream;
  /** What it decodes has to be shorter. */
  readonly roomBytes: number;
}

let decompressor: Decompressor | undefined;

function openDecompressor(zstd: NativeZstd, contentLength: number): Decompressor | undefined {
  const roomBytes = Math.max(contentLength + (contentLength >> 2) + 1, minChunkBytes);
  const fresh = zstd.createZstdDecompress({ chunkSize: roomBytes, maxOutputLength: roomBytes });
  const stream = keepStream(fresh, zstd.constants.ZSTD_e_end);
  return stream && { stream, roomBytes };
}

/**
 * By a stream that is kept as long as all goes well: after damage, what it has still in mind would come to the next frame.
 * Undefined where streams cannot be kept.
 */
function inflateKept(zstd: NativeZstd, frame: Uint8Array, contentLength: number): Buffer | undefined {
  let inUse = decompressor;
  decompressor = undefined;
  if (inUse !== undefined && contentLength >= inUse.roomBytes) {
    inUse.stream.close();
    inUse = undefined;
  }
  inUse ??= openDecompressor(zstd, contentLength);
  if (inUse === undefined) return undefined;
  try {
    const { output, consumed } = inUse.stream.run(frame);
    exactly(output, contentLength);
    if (consumed === frame.length) decompressor = inUse;
    return output;
  } finally {
    if (decompressor === undefined) inUse.stream.close();
  }
}

async function wasmReader(): Promise<ZstdReader> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder: ZSTDDecoder = new ZSTDDecoder();
  await decoder.init();
  const inflate = (frame: Uint8Array, contentLength: number): Buffer => {
    const { buffer, byteOffset, length } = decoder.decode(frame, contentLength); // of no length where it failed
    return exactly(Buffer.from(buffer, byteOffset, length), contentLength);
  };
  return {
    name: "wasm",
    inflate,
    inflateInBackground: async (frame, contentLength) => inflate(frame, contentLength),
  };
}

function exactly(content: Buffer, contentLength: number): Buffer {
  if (content.length !== contentLength) throw wrongLength(contentLength, content.length);
  return content;
}

function wrongLength(expected: number, actual: number): Error {
  return new Error(`expected ${expected} bytes of content, found ${actual}`);
}
