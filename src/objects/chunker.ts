/**
 * FastCDC: cuts a large file into chunks at boundaries that its content decides, so that an insertion moves the
 * boundaries around it and no others. Gear hash with 32 bits, cut-point skipping and normalised chunking of level 2, from
 * Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016,
 * and "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", IEEE TPDS 2020.
 */
import { findGearZeros } from "./gear.js";

/** Files up to this size, in bytes, are one blob; larger ones are cut. */
export const maxWholeFileBytes = 1 << 20;
/** No chunk but the last is shorter than this. */
export const minChunkBytes = 32 << 10;
/** Up to here a boundary is made rarer, from here on more frequent: chunks gather around this size. */
export const normalChunkBytes = 128 << 10;
/** No chunk is longer than this. */
export const maxChunkBytes = 4 << 20;

// The hash shifts left by one bit a byte, so its top bits depend on the most bytes: masks take those. 2^17 is the normal
// size; normalised chunking of level 2 asks for two bits more before it and two bits fewer after it.
const maskBeforeNormal = 0xffffe000 | 0; // 19 bits
const maskAfterNormal = 0xfffe0000 | 0; // 15 bits

/**
 * The length of the first chunk of `bytes`, which begin where a chunk begins; undefined if it does not end in them. (The
 * last chunk of a file ends with that.)
 */
export function firstChunkEnd(bytes: Uint8Array): number | undefined {
  const length = Math.min(bytes.length, maxChunkBytes);
  const normal = Math.min(normalChunkBytes, length);
  const end = findGearZeros(bytes, [
    { from: minChunkBytes, to: normal, mask: maskBeforeNormal },
    { from: normal, to: length, mask: maskAfterNormal },
  ]);
  return end ?? (length === maxChunkBytes ? length : undefined);
}
