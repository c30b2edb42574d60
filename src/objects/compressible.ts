/** Tells data that compression would only slow down from data that it makes smaller, by a sample. */
import { deflate } from "./deflate.js";

const sampleBytes = 128;
const samples = 8;
/** Below this there is too little to judge by, and too little to win. */
const minBytes = 4096;
/**
 * How often two bytes of a sample are alike, against random bytes, where it is once in 256, give or take a fiftieth. Encrypted
 * data lies within that, and most compressed data; what lies between 1.1 and 1.25 becomes 5% smaller; text and programs are at 3 and above.
 */
const likeness = 1.1;

/** After so many samples it is clear of most text that it is no such data: twice the likeness of random bytes, ten times what chance makes of it. */
const firstSamples = 2;
const clearLikeness = 2;

/** Whether the bytes look random, as compressed and encrypted files do: by the collision entropy of eight samples. */
export function looksIncompressible(bytes: Uint8Array): boolean {
  if (bytes.length < minBytes) return false;
  const counts = new Uint16Array(256);
  const step = Math.floor((bytes.length - sampleBytes) / (samples - 1));
  let alike = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    // from the middle on, and then from the beginning: a header tells little
    const start = ((sample + samples / 2) % samples) * step;
    for (let at = start; at < start + sampleBytes; at += 1) {
      const byte = bytes[at] as number;
      const count = counts[byte] as number;
      alike += 2 * count;
      counts[byte] = count + 1;
    }
    if (sample === firstSamples - 1 && alike > randomlyAlike(firstSamples) * clearLikeness) return false;
  }
  return alike < randomlyAlike(samples) * likeness;
}

/** Below this, a trial is too large a part of the work that it may save. */
const minTriedBytes = 64 << 10;
const trialBytes = 16 << 10;
/** What becomes this much smaller costs a tenth of the CPU, for a byte less, that a higher level costs. */
const worthwhile = 0.98;

/**
 * Whether deflate makes data smaller that looks incompressible, by trying it in the middle: much compressed data has parts
 * that are not, and some structure in what is. Writes over `deflateInput`.
 */
export function deflatesYet(bytes: Uint8Array): boolean {
  if (bytes.length < minTriedBytes) return false;
  const start = (bytes.length - trialBytes) >>> 1;
  return deflate(bytes.subarray(start, start + trialBytes), 2).length < trialBytes * worthwhile;
}

/** How many of all pairs of so many samples' bytes are alike by chance. */
function randomlyAlike(count: number): number {
  const total = sampleBytes * count;
  return (total * (total - 1)) / 256;
}
