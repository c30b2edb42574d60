/** A store in numbers. */
import { readdir } from "node:fs/promises";
import { ifThere } from "./if-there.js";
import { parsePackFileName, type Layout } from "./layout.js";
import { packAges } from "./pack-ages.js";
import { packIndexLength } from "./pack-index.js";
import type { Packs } from "./packs.js";
import type { Projects } from "./projects.js";
import type { StoreStats } from "./store.js";
import type { Verified } from "./verified.js";

/** A pack counts as verified for so long. */
export const verifiedForMs = 30 * 24 * 3600 * 1000;

export interface StatsParts {
  readonly layout: Layout;
  readonly packs: Packs;
  readonly projects: Projects;
  readonly verified: Verified;
  readonly leftOut: readonly unknown[];
}

/** Reads the logs, and looks at the times of packs. */
export async function storeStats({ layout, packs, projects, verified, leftOut }: StatsParts): Promise<StoreStats> {
  const all = packs.index.packs;
  const ages = await packAges(all, { layout, verified });
  const sinceMs = Date.now() - verifiedForMs;
  const ids = await projects.list();
  let commits = 0;
  for (const id of ids) commits += (await projects.audit(id)).log.lines.length;
  return {
    projects: ids.length,
    commits,
    packs: all.length,
    packBytes: all.reduce((sum, { packLength }) => sum + packLength, 0),
    objects: packs.index.objectCount,
    indexBytes: all.reduce((sum, pack) => sum + packIndexLength(pack), 0),
    damagedPacks: leftOut.length + ages.filter(({ isDamaged }) => isDamaged).length,
    asidePacks: await countAside(layout.damaged),
    verifiedPacks: ages.filter(({ verifiedMs, isDamaged }) => verifiedMs >= sinceMs && !isDamaged).length,
    oldestVerifiedMs: ages[0] === undefined ? undefined : Math.floor(ages[0].verifiedMs), // they are sorted
  };
}

async function countAside(folder: string): Promise<number> {
  const names = (await ifThere(readdir(folder))) ?? [];
  return names.filter((name) => parsePackFileName(name.replace(/\.\d+$/, ""))?.isIndex === false).length;
}
