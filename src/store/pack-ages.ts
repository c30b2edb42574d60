/** Which packs to read next: those that were verified longest ago, so that repeated runs over a part come by all of them. */
import { stat } from "node:fs/promises";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { Verified } from "./verified.js";

/** A pack, and when it was last known to be whole. */
export interface PackAge {
  readonly pack: NumberedPack;
  /** Milliseconds since 1970; 0 where nobody knows. */
  readonly verifiedMs: number;
  readonly isDamaged: boolean;
}

/** So many files are looked at together. */
const filesAtOnce = 64;

/**
 * All packs, those first that were verified longest ago. A pack was verified when it came, which is its file's mtime, unless
 * that is in the future.
 */
export async function packAges(
  packs: readonly NumberedPack[],
  { layout, verified }: { layout: Layout; verified: Verified },
): Promise<PackAge[]> {
  await verified.load();
  const ages: PackAge[] = [];
  const nowMs = Date.now();
  for (let at = 0; at < packs.length; at += filesAtOnce) {
    const some = packs.slice(at, at + filesAtOnce).map(async (pack): Promise<PackAge> => {
      const found = verified.of(pack.id);
      const atMs = found?.atMs ?? (await ifThere(stat(layout.pack(pack.id))))?.mtimeMs ?? 0;
      return { pack, verifiedMs: atMs > nowMs ? 0 : atMs, isDamaged: found?.isDamaged ?? false };
    });
    ages.push(...(await Promise.all(some)));
  }
  return ages.toSorted((a, b) => a.verifiedMs - b.verifiedMs || (a.pack.id < b.pack.id ? -1 : 1));
}

/** As many of the packs, from the first on, as make up a part of all their bytes: `permille` thousandths, or a little more. */
export function firstPart(ages: readonly PackAge[], permille: number): PackAge[] {
  const total = ages.reduce((sum, { pack }) => sum + pack.packLength, 0);
  const wanted = (total * Math.min(permille, 1000)) / 1000;
  const part: PackAge[] = [];
  for (let bytes = 0, at = 0; bytes < wanted && at < ages.length; at += 1) {
    const age = ages[at] as PackAge;
    part.push(age);
    bytes += age.pack.packLength;
  }
  return part;
}
