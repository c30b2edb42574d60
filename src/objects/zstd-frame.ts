/**
 * The outside of a zstd frame (RFC 8878, section 3.1.1): where it ends and how much it holds, told without decoding it, so
 * that nothing is allocated for what a frame only claims.
 *
 * bak reads the plainest form alone: one frame with its content's size and a checksum, no dictionary, and a window of at most
 * 8 MiB, which is what the RFC asks every decoder to have.
 */
import { BakError } from "../errors.js";

/** The first four bytes of every zstd frame. */
export const zstdMagic = Buffer.from("28b52ffd", "hex");

/** What RFC 8878 recommends that decoders support. */
const maxWindowBytes = 8 << 20;
/** No block stands for more than this. */
const maxBlockBytes = 128 << 10;
const blockHeaderBytes = 3;
const checksumBytes = 4;

/** A frame's extent. */
export interface ZstdFrame {
  /** From its first byte to the last of its checksum. */
  readonly length: number;
  /** What it says that its content is long; no less than 1, and as much as its blocks may come to. */
  readonly contentLength: number;
}

/**
 * The frame that the bytes begin with. Throws BAD_PACK unless it is whole, of the form above, and with at most
 * `maxContentBytes` in it. What is inside its blocks is not looked at.
 */
export function measureZstdFrame(bytes: Buffer, maxContentBytes: number): ZstdFrame {
  const header = decodeHeader(bytes);
  if (header.contentLength > maxContentBytes) {
    throw damaged(`zstd frame says that it holds ${header.contentLength} bytes, ${maxContentBytes} are allowed`);
  }
  const maxBlock = Math.min(maxBlockBytes, header.windowLength);
  let at = header.length;
  let least = 0; // what the blocks that say so stand for
  let most = 0; // what all blocks can stand for
  for (let isLast = false; !isLast;) {
    if (at + blockHeaderBytes > bytes.length) throw cutShort();
    const block = bytes.readUIntLE(at, blockHeaderBytes);
    const size = block >>> 3;
    if (size > maxBlock) throw damaged("zstd frame has a block that is too large");
    at += blockHeaderBytes;
    switch ((block >>> 1) & 3) {
      case 0: // raw: as it is
        at += size;
        least += size;
        most += size;
        break;
      case 1: // one byte, repeated
        at += 1;
        least += size;
        most += size;
        break;
      case 2: // compressed
        at += size;
        most += maxBlock;
        break;
      default:
        throw damaged("zstd frame has a block of a reserved type");
    }
    isLast = (block & 1) === 1;
  }
  if (at + checksumBytes > bytes.length) throw cutShort();
  if (header.contentLength > most) throw damaged("zstd frame says that it holds more than it can");
  if (header.contentLength < least) throw damaged("zstd frame says that it holds less than it does");
  return { length: at + checksumBytes, contentLength: header.contentLength };
}

function decodeHeader(bytes: Buffer): { length: number; windowLength: number; contentLength: number } {
  if (!bytes.subarray(0, 4).equals(zstdMagic)) throw damaged("not a zstd frame");
  const descriptor = bytes[4];
  if (descriptor === undefined) throw cutShort();
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeForm = descriptor >>> 6;
  if ((descriptor & 0x03) !== 0) throw damaged("zstd frame needs a dictionary");
  if ((descriptor & 0x18) !== 0) throw damaged("zstd frame has reserved bits");
  if ((descriptor & 0x04) === 0) throw damaged("zstd frame has no checksum");
  if (sizeForm === 0 && !isSingleSegment) throw damaged("zstd frame does not say how much it holds");
  const sizeAt = isSingleSegment ? 5 : 6;
  const sizeBytes = 1 << sizeForm;
  if (sizeAt + sizeBytes > bytes.length) throw cutShort();
  const contentLength = contentLengthAt(bytes, sizeAt, sizeForm);
  if (contentLength < 1) throw damaged("zstd frame holds nothing");
  const windowLength = isSingleSegment ? contentLength : windowLengthOf(bytes[5] as number);
  if (!isSingleSegment && windowLength > maxWindowBytes) throw damaged("zstd frame needs a window beyond 8 MiB");
  return { length: sizeAt + sizeBytes, windowLength, contentLength };
}

/** Of 1, 2, 4 or 8 bytes; two of them count from 256. */
function contentLengthAt(bytes: Buffer, at: number, sizeForm: number): number {
  switch (sizeForm) {
    case 0:
      return bytes.readUInt8(at);
    case 1:
      return bytes.readUInt16LE(at) + 256;
    case 2:
      return bytes.readUInt32LE(at);
    default:
      return Number(bytes.readBigUInt64LE(at));
  }
}

function windowLengthOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function cutShort(): BakError {
  return damaged("zstd frame is cut short");
}

function damaged(why: string): BakError {
  return new BakError("BAD_PACK", `damaged pack: ${why}`);
}
