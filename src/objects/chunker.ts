/**
 * FastCDC: cuts a large file into chunks at boundaries that its content decides, so that an insertion moves the
 * boundaries around it and no others. Gear hash with 32 bits, cut-point skipping and normalised chunking of level 2, from
 * Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016,
 * and "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", IEEE TPDS 2020.
 */
import { blake3 } from "./hash.js";

/** Files up to this size, in bytes, are one blob; larger ones are cut. */
export const maxWholeFileBytes = 1 << 20;
/** No chunk but the last is shorter than this. */
export const minChunkBytes = 128 << 10;
/** Up to here a boundary is made rarer, from here on more frequent: chunks gather around this size. */
export const normalChunkBytes = 512 << 10;
/** No chunk is longer than this. */
export const maxChunkBytes = 4 << 20;

// The hash shifts left by one bit a byte, so its top bits depend on the most bytes: masks take those. 2^19 is the normal
// size; normalised chunking of level 2 asks for two bits more before it and two bits fewer after it.
const maskBeforeNormal = 0xfffff800 | 0; // 21 bits
const maskAfterNormal = 0xffff8000 | 0; // 17 bits

let gear: Int32Array | undefined;

/**
 * The 256 random numbers of the gear hash: entry i is the first four bytes, little-endian, of the BLAKE3 of the text
 * `bak gear ` and i in decimal.
 */
export function gearTable(): Int32Array {
  gear ??= Int32Array.from({ length: 256 }, (_, byte) =>
    blake3()
      .hash(Buffer.from(`bak gear ${byte}`))
      .readInt32LE(0),
  );
  return gear;
}

/**
 * The length of the first chunk of `bytes`, which begin where a chunk begins and are `maxChunkBytes` long at least,
 * unless the file ends with them.
 */
export function firstChunkLength(bytes: Uint8Array): number {
  const length = Math.min(bytes.length, maxChunkBytes);
  if (length <= minChunkBytes) return length;
  const normal = Math.min(normalChunkBytes, length);
  const gearHash = { hash: 0, table: gearTable() };
  return (
    findCut(bytes, { at: minChunkBytes, end: normal, mask: maskBeforeNormal }, gearHash) ??
    findCut(bytes, { at: normal, end: length, mask: maskAfterNormal }, gearHash) ??
    length
  );
}

/**
 * Where the first byte ends, between `at` and `end`, with which the hash has zeros under the mask. One plain loop over
 * local variables: V8 makes it three times as fast as two of them in a function that does more.
 */
function findCut(
  bytes: Uint8Array,
  span: { at: number; end: number; mask: number },
  gearHash: { hash: number; readonly table: Int32Array },
): number | undefined {
  const { end, mask } = span;
  const { table } = gearHash;
  let { hash } = gearHash;
  for (let { at } = span; at < end; at += 1) {
    hash = ((hash << 1) + (table[bytes[at] as number] as number)) | 0;
    if ((hash & mask) === 0) return at + 1;
  }
  gearHash.hash = hash;
  return undefined;
}
