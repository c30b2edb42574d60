/** Tells data that compression would only slow down from data that it makes smaller, by a sample. */

const sampleBytes = 128;
const samples = 8;
/** Below this there is too little to judge by, and too little to win. */
const minBytes = 4096;
/**
 * How often two bytes of a sample are alike, against random bytes, where it is once in 256. Compressed and encrypted data
 * lies within 1.1 of that; text and programs are at 3 and above.
 */
const likeness = 1.25;

/** Whether the bytes look random, as compressed and encrypted files do: by the collision entropy of eight samples. */
export function looksIncompressible(bytes: Uint8Array): boolean {
  if (bytes.length < minBytes) return false;
  const counts = new Uint16Array(256);
  const step = Math.floor((bytes.length - sampleBytes) / (samples - 1));
  for (let sample = 0; sample < samples; sample += 1) {
    const start = sample * step;
    for (let at = start; at < start + sampleBytes; at += 1) {
      const byte = bytes[at] as number;
      counts[byte] = (counts[byte] as number) + 1;
    }
  }
  const total = sampleBytes * samples;
  let alike = 0;
  for (const count of counts) alike += count * (count - 1);
  return alike < ((total * (total - 1)) / 256) * likeness;
}
