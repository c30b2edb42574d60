/** How a member is compressed: each member says so in its first bytes, and can be read without knowing it beforehand. */
import { BakError } from "../errors.js";
import { deflateInput } from "./deflate.js";
import {
  compressMember,
  inflateFirstMember,
  inflateMember,
  inflateMemberNow,
  type CompressOptions,
  type InflateOptions,
} from "./member-gzip.js";
import {
  compressZstdMember,
  inflateFirstZstdMember,
  inflateZstdMember,
  inflateZstdMemberInBackground,
} from "./member-zstd.js";
import { packCodecs, type PackCodec } from "./pack-format.js";
import { zstdMagic } from "./zstd-frame.js";
import { canWriteZstd } from "./zstd.js";

/** What a user or a store can choose from; `none` is gzip that stores. */
export const codecs = ["gzip", "zstd", "none"] as const;
export type Codec = (typeof codecs)[number];

/** Chosen by measurement: docs/performance.md has the figures. */
export const defaultLevels: Readonly<Record<Codec, number>> = { gzip: 2, zstd: 1, none: 0 };

/** Which of the codecs this Node can write; it can read all of them. */
export function writableCodecs(): readonly Codec[] {
  return codecs.filter((codec) => codec !== "zstd" || canWriteZstd());
}

/** What the members of a pack are that is written with a codec: all of a pack's members are of one kind. */
export function packCodecOf(codec: Codec): PackCodec {
  return codec === "zstd" ? "zstd" : "gzip";
}

/** How a member is compressed, by its first bytes; throws BAD_PACK for bytes that no codec of ours begins with. */
export function codecOfMember(packed: Uint8Array): PackCodec {
  if (packed[0] === 0x1f && packed[1] === 0x8b) return "gzip";
  if (zstdMagic.every((byte, index) => packed[index] === byte)) return "zstd";
  throw new BakError("BAD_PACK", `damaged pack: a member is neither ${packCodecs.join(" nor ")}`);
}

/**
 * A member's bytes as they go into a pack. `level` is gzip's (1 to 9) or zstd's own (1 to 19), and 0 for data that does not
 * look compressible; with `none` it is always that. Blocks while it compresses, so it belongs on a thread of its own.
 */
export function packMember(
  tar: Uint8Array,
  codec: Codec,
  level: number = defaultLevels[codec],
  options: CompressOptions = {},
): Buffer {
  if (codec === "zstd") return compressZstdMember(tar, level, options);
  return compressMember(tar, codec === "none" ? 0 : level, options);
}

/**
 * Where a tar had best be made that `packMember` is given before anything else runs on this thread: memory that is used again
 * and again, with room for the longest chunk.
 */
export function tarRoom(): Uint8Array {
  return deflateInput();
}

/**
 * The tar of one member; throws BAD_PACK unless the bytes are a single member, whole and undamaged. Blocks while it
 * inflates. Gives a promise only where a decoder has to be loaded first, so it has to be awaited. Who compares all that it
 * takes of the tar with the ids of it can have a gzip member with `anyChecksum`: the rest of it may then be whole.
 */
export function unpackMember(packed: Uint8Array, options: InflateOptions = {}): Buffer | Promise<Buffer> {
  const bytes = asBuffer(packed);
  return codecOfMember(bytes) === "gzip" ? inflateMemberNow(bytes, options) : inflateZstdMember(bytes, options);
}

/** The same, without blocking: zlib works on a thread of its own. (Where this Node has no zstd, that does block.) */
export async function unpackMemberInBackground(packed: Uint8Array): Promise<Buffer> {
  const bytes = asBuffer(packed);
  return codecOfMember(bytes) === "gzip" ? inflateMember(bytes) : inflateZstdMemberInBackground(bytes);
}

/**
 * The first of the members that the bytes begin with, and how long it is; for reading a pack without its index. `bytes`
 * hold that member whole, if there is one. Throws BAD_PACK unless it is a member of a pack of that codec.
 */
export async function unpackFirstMember(
  bytes: Uint8Array,
  codec: PackCodec,
): Promise<{ tar: Buffer; packedLength: number }> {
  assertCodec(bytes, codec);
  return codec === "gzip" ? inflateFirstMember(bytes) : inflateFirstZstdMember(asBuffer(bytes));
}

/** Throws BAD_PACK unless the member is one that a pack of that codec may have. */
export function assertCodec(packed: Uint8Array, codec: PackCodec): void {
  const found = codecOfMember(packed);
  if (found !== codec) throw new BakError("BAD_PACK", `damaged pack: a ${found} member in a ${codec} pack`);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
