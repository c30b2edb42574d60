/** Which packs there are in a store's folder, and how long their files are. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectId } from "../objects/object-id.js";
import { ifThere } from "./if-there.js";
import { parsePackFileName, type Layout } from "./layout.js";

/** A pack of which there is the file, or the index's, or both. */
export interface ListedPack {
  readonly pack: ObjectId;
  /** Undefined where the pack itself is missing. */
  readonly packBytes: number | undefined;
  /** Undefined where the index is missing. */
  readonly indexBytes: number | undefined;
}

/** All packs of which there is a pack or an index, sorted by their ids. */
export async function listPacks(layout: Layout): Promise<ListedPack[]> {
  const packs: ListedPack[] = [];
  for (const folder of (await readdir(layout.packs)).toSorted()) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue;
    const listed = await listFolder(layout, join(layout.packs, folder));
    packs.push(...listed.filter(({ pack }) => pack.startsWith(folder)));
  }
  return packs;
}

async function listFolder(layout: Layout, folder: string): Promise<ListedPack[]> {
  const packs = new Map<ObjectId, ListedPack>();
  const names = await readdir(folder);
  const lengths = await Promise.all(names.map((name) => lengthOf(folder, name)));
  for (const [at, name] of names.entries()) {
    const parsed = parsePackFileName(name);
    if (parsed === undefined) continue;
    const { pack, isIndex } = parsed;
    if (!isIndex) layout.setCodec(pack, parsed.codec);
    const listed = packs.get(pack) ?? { pack, packBytes: undefined, indexBytes: undefined };
    packs.set(pack, { ...listed, [isIndex ? "indexBytes" : "packBytes"]: lengths[at] });
  }
  return [...packs.values()].toSorted((a, b) => (a.pack < b.pack ? -1 : 1));
}

/** Length of a file of ours; a name that leads nowhere counts as none. */
async function lengthOf(folder: string, name: string): Promise<number | undefined> {
  if (parsePackFileName(name) === undefined) return undefined;
  return (await ifThere(stat(join(folder, name))))?.size;
}
