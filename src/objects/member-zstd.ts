/** A member of a pack as one zstd frame (RFC 8878), and only one. */
import { BakError } from "../errors.js";
import { maxMemberBytes, maxPackedMemberBytes } from "./pack-format.js";
import { measureZstdFrame, type ZstdFrame } from "./zstd-frame.js";
import { compressZstd, zstdReader, type ZstdReader } from "./zstd.js";

/**
 * For what does not look compressible: zstd without matches, which takes out what unevenness of bytes there is, and stores the
 * rest as it is, twice as fast as level 1 (docs/performance.md).
 */
const storedLevel = -7;

/**
 * Compresses one member's tar; `level` 0 is for data that does not look compressible. With `isBorrowed` the member may lie where
 * the next one will. Blocks while it does so.
 */
export function compressZstdMember(tar: Uint8Array, level: number, { isBorrowed = false } = {}): Buffer {
  return compressZstd(tar, level === 0 ? storedLevel : level, isBorrowed);
}

/**
 * The tar of one member. Throws BAD_PACK unless the bytes are a single frame as `measureZstdFrame` reads it, whole and
 * undamaged, that inflates to exactly what it declares. Blocks while it inflates; a promise where a decoder has to be loaded.
 * With `isBorrowed` the tar may lie where the next one will.
 */
export function inflateZstdMember(packed: Buffer, { isBorrowed = false } = {}): Buffer | Promise<Buffer> {
  const frame = onlyFrame(packed);
  const reader = zstdReader();
  return reader instanceof Promise
    ? reader.then((each) => inflate(each, packed, frame, isBorrowed))
    : inflate(reader, packed, frame, isBorrowed);
}

/** The same, without blocking where this Node has zstd of its own. */
export async function inflateZstdMemberInBackground(packed: Buffer): Promise<Buffer> {
  const { contentLength } = onlyFrame(packed);
  const reader = await zstdReader();
  return reader.inflateInBackground(packed, contentLength).catch((cause: unknown) => {
    throw doesNotInflate(cause);
  });
}

/** The first of the members that the bytes begin with, and how long it is. */
export async function inflateFirstZstdMember(bytes: Buffer): Promise<{ tar: Buffer; packedLength: number }> {
  const { length } = measure(bytes);
  return { tar: await inflateZstdMember(bytes.subarray(0, length)), packedLength: length };
}

function inflate(reader: ZstdReader, packed: Buffer, { contentLength }: ZstdFrame, isBorrowed: boolean): Buffer {
  try {
    return reader.inflate(packed, contentLength, isBorrowed);
  } catch (cause) {
    throw doesNotInflate(cause);
  }
}

function onlyFrame(packed: Buffer): ZstdFrame {
  const frame = measure(packed);
  if (frame.length !== packed.length) throw new BakError("BAD_PACK", "damaged pack: bytes after a zstd frame");
  return frame;
}

function measure(bytes: Buffer): ZstdFrame {
  return measureZstdFrame(bytes.subarray(0, maxPackedMemberBytes), maxMemberBytes);
}

function doesNotInflate(cause: unknown): BakError {
  return new BakError("BAD_PACK", "damaged pack: zstd frame does not inflate", { cause });
}
