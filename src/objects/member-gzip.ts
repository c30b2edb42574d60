/** A member of a pack as bytes on disk and on the wire: one gzip member (RFC 1952), and only one. */
import { crc32, gzipSync, inflateRaw, inflateRawSync, type ZlibOptions } from "node:zlib";
import { BakError } from "../errors.js";
import { deflate, type DeflateLevel } from "./deflate.js";
import { inflate, type Inflated } from "./inflate.js";
import { ownCopy } from "./own-copy.js";
import { maxMemberBytes, maxPackedMemberBytes } from "./pack-format.js";

/** zlib's most, 9, is also its fastest: 256 KiB of memory while a member is compressed. */
const memLevel = 9;
/** zlib gives its output in buffers of this size, and joins them: one is enough for most members, and malloc has room for it at hand. */
const deflateStepBytes = 100 << 10;
/** What a header of ours is: gzip; deflate; no name, time, comment or extra field; by a Unix. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
/** What says of a stored member that it was made fast (RFC 1952, XFL), as zlib does. */
const speedAt = 8;
const fastest = 4;
const footerBytes = 8;

/** How a member is compressed. */
export interface CompressOptions {
  /** The member may lie where the next one will, in memory that is not to be transferred: for who copies it at once. */
  readonly isBorrowed?: boolean;
}

/**
 * Compresses one member's tar at a level from 1 to 9, of which bak's own encoder does the first two; at `level` 0, or where
 * that is not longer, stores it as it is. Blocks while it does so.
 */
export function compressMember(tar: Uint8Array, level: number, { isBorrowed = false }: CompressOptions = {}): Buffer {
  if (level > 2) {
    const packed = gzipSync(tar, { level, memLevel, chunkSize: deflateStepBytes });
    if (packed.length < tar.length) return packed;
  }
  const coded = level === 1 || level === 2 ? compressFast(tar, level) : undefined;
  const packed = coded !== undefined && coded.length < tar.length ? coded : compressFast(tar, 0);
  return isBorrowed ? packed : ownCopy(packed);
}

function compressFast(tar: Uint8Array, level: DeflateLevel): Buffer {
  const packed = deflate(tar, level, { before: header.length, after: footerBytes });
  header.copy(packed);
  if (level === 0) packed[speedAt] = fastest;
  packed.writeUInt32LE(crc32(tar), packed.length - footerBytes);
  packed.writeUInt32LE(tar.length, packed.length - footerBytes + 4);
  return packed;
}

/**
 * The tar of one member. Throws BAD_PACK unless the bytes are a single gzip member with a plain header, whole and
 * undamaged, that inflates to exactly what it declares, and to `maxMemberBytes` at most.
 */
export async function inflateMember(packed: Uint8Array): Promise<Buffer> {
  const { tar, packedLength } = await inflateFirstMember(packed);
  if (packedLength !== packed.length) throw damaged("bytes after a gzip member");
  return tar;
}

/**
 * The first of the members that the bytes begin with, and how long it is; for reading a pack without its index. `bytes`
 * hold that member whole, if there is one.
 */
export async function inflateFirstMember(bytes: Uint8Array): Promise<{ tar: Buffer; packedLength: number }> {
  const packed = asBuffer(bytes);
  return checked(packed, await inflateInBackground(deflatedIn(packed)));
}

/** How a member is inflated at once. */
export interface InflateOptions {
  /** Do not compare gzip's checksum with the content. */
  readonly anyChecksum?: boolean;
  /** The tar may lie where the next one will: for who is done with it before anything else runs. */
  readonly isBorrowed?: boolean;
}

/** `inflateMember` at once: blocks while it inflates. */
export function inflateMemberNow(bytes: Uint8Array, options: InflateOptions = {}): Buffer {
  const packed = asBuffer(bytes);
  const deflated = deflatedIn(packed);
  const own = inflate(deflated);
  if (own === "damaged") throw damaged("gzip member does not inflate");
  const inflated = own === "large" ? inflateByZlib(deflated) : own;
  const { tar, packedLength } = checked(packed, inflated, options.anyChecksum);
  if (packedLength !== packed.length) throw damaged("bytes after a gzip member");
  if (own === "large" || options.isBorrowed === true) return tar;
  return ownCopy(tar);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** What follows the header of the member at the beginning. */
function deflatedIn(packed: Buffer): Buffer {
  if (packed.length < header.length + footerBytes) throw damaged("gzip member is cut short");
  // 1f 8b: gzip; 08: deflate; 00: no name, comment or extra field
  if (packed.readUInt32BE(0) !== 0x1f8b0800) throw damaged("not a plain gzip member");
  return packed.subarray(header.length, Math.min(packed.length, maxPackedMemberBytes));
}

/** Checks the footer of the member at the beginning against what it inflated to. */
function checked(
  packed: Buffer,
  { bytes: tar, consumed }: Inflated,
  anyChecksum = false,
): { tar: Buffer; packedLength: number } {
  const footer = header.length + consumed;
  if (footer + footerBytes > packed.length) throw damaged("gzip member is cut short");
  const isRight = anyChecksum || packed.readUInt32LE(footer) === crc32(tar);
  if (!isRight || packed.readUInt32LE(footer + 4) !== tar.length) {
    throw damaged("gzip member has another checksum than its content");
  }
  return { tar, packedLength: footer + footerBytes };
}

/** What zlib gives with `info`; `bytesWritten`: how many bytes of the input the deflate stream took. */
interface ZlibResult {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflatedOf({ buffer, engine }: ZlibResult): Inflated {
  return { bytes: buffer, consumed: engine.bytesWritten };
}

/** One output buffer of a likely size: what is allocated follows what comes out, never what the bytes declare. */
function inflateOptions(deflated: Uint8Array): ZlibOptions {
  const chunkSize = Math.min(Math.max(deflated.length * 8, 64 << 10), 1 << 20);
  return { info: true, maxOutputLength: maxMemberBytes, chunkSize };
}

function inflateByZlib(deflated: Uint8Array): Inflated {
  try {
    return inflatedOf(inflateRawSync(deflated, inflateOptions(deflated)) as unknown as ZlibResult);
  } catch (cause) {
    throw damaged("gzip member does not inflate", cause);
  }
}

async function inflateInBackground(deflated: Uint8Array): Promise<Inflated> {
  try {
    return await new Promise<Inflated>((resolve, reject) => {
      inflateRaw(deflated, inflateOptions(deflated), (error, result) => {
        if (error === null) resolve(inflatedOf(result as unknown as ZlibResult));
        else reject(error);
      });
    });
  } catch (cause) {
    throw damaged("gzip member does not inflate", cause);
  }
}

function damaged(why: string, cause?: unknown): BakError {
  return new BakError("BAD_PACK", `damaged pack: ${why}`, { cause });
}
