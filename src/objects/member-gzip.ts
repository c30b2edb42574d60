/** A member of a pack as bytes on disk and on the wire: one gzip member (RFC 1952), and only one. */
import { promisify } from "node:util";
import { crc32, gzip, inflateRaw, type InputType, type ZlibOptions } from "node:zlib";
import { BakError } from "../errors.js";
import { maxMemberBytes, maxPackedMemberBytes } from "./pack-format.js";

const deflate = promisify<InputType, ZlibOptions, Buffer>(gzip);

/** gzip's fastest: on the Linux tree twice as fast as level 6, for a tenth more bytes. */
const defaultLevel = 1;
/** zlib comes back to the main thread after so many bytes of output; its default of 16 KiB would do so 30 times a member. */
const deflateStepBytes = 256 << 10;
const headerBytes = 10;
const footerBytes = 8;

/** Compresses one member's tar, on a thread of its own; stored as it is where that is not longer. */
export async function compressMember(tar: Uint8Array, options: { isIncompressible: boolean }): Promise<Buffer> {
  if (!options.isIncompressible) {
    const packed = await deflate(tar, { level: defaultLevel, chunkSize: deflateStepBytes });
    if (packed.length < tar.length) return packed;
  }
  return deflate(tar, { level: 0, chunkSize: deflateStepBytes });
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
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (packed.length < headerBytes + footerBytes) throw damaged("gzip member is cut short");
  // 1f 8b: gzip; 08: deflate; 00: no name, comment or extra field
  if (packed.readUInt32BE(0) !== 0x1f8b0800) throw damaged("not a plain gzip member");
  const { buffer: tar, engine } = await inflate(
    packed.subarray(headerBytes, Math.min(packed.length, maxPackedMemberBytes)),
  );
  const footer = headerBytes + engine.bytesWritten;
  if (footer + footerBytes > packed.length) throw damaged("gzip member is cut short");
  if (packed.readUInt32LE(footer) !== crc32(tar) || packed.readUInt32LE(footer + 4) !== tar.length) {
    throw damaged("gzip member has another checksum than its content");
  }
  return { tar, packedLength: footer + footerBytes };
}

interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten`: how many bytes of the input the deflate stream took. */
  readonly engine: { readonly bytesWritten: number };
}

async function inflate(deflated: Uint8Array): Promise<Inflated> {
  // one output buffer of a likely size: what is allocated follows what comes out, never what the bytes declare
  const chunkSize = Math.min(Math.max(deflated.length * 8, 64 << 10), 1 << 20);
  const options = { info: true, maxOutputLength: maxMemberBytes, chunkSize };
  try {
    return await new Promise<Inflated>((resolve, reject) => {
      inflateRaw(deflated, options as ZlibOptions, (error, result) => {
        if (error === null) resolve(result as unknown as Inflated);
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
