/** Sizes as they are typed: `500M`, `1.5GB`. */
import { BakError } from "../errors.js";
import { quoted } from "../objects/byte-string.js";

const pattern = /^(\d{1,15}(?:\.\d{1,9})?)(?:([KMGTP])(iB|B)?|B)?$/i;
const letters = "KMGTP";

/**
 * Bytes. As GNU's tools have it, `M` and `MiB` are 1024 x 1024 bytes, `MB` is a million. Throws USAGE, which says how a size
 * is written.
 */
export function parseSize(text: string): number {
  const [whole, digits, letter, unit] = pattern.exec(text.trim()) ?? [];
  const base = unit?.toLowerCase() === "b" ? 1000 : 1024;
  const power = letter === undefined ? 0 : letters.indexOf(letter.toUpperCase()) + 1;
  const bytes = Math.floor(Number(digits) * base ** power);
  if (whole !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new BakError("USAGE", `not a size: ${quoted(text, 80)}`, { hint: "write it as 500M, 2G, 750kB or 1000000" });
}
