/** Finds the packs of a store when it is opened, and makes the indexes again that are missing or damaged. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { BakError, errnoOf, isBakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import type { Disk } from "./disk.js";
import { parsePackFileName, type Layout } from "./layout.js";
import { decodePackIndex, type PackIndex } from "./pack-index.js";
import { scanPack } from "./pack-scan.js";
import type { Packs } from "./packs.js";
import type { DamagedPack } from "./store.js";
import { writeFileWhole } from "./write-file.js";

/**
 * Adds every pack that is whole to `packs`, in the order of their ids, and gives those that are not. A pack's index is
 * taken at its word, and made from the pack only where it does not have the checksum that it ends with.
 */
export async function loadPacks(packs: Packs, options: { disk: Disk; layout: Layout }): Promise<DamagedPack[]> {
  const { disk, layout } = options;
  const damaged: DamagedPack[] = [];
  for (const pack of await listPacks(layout)) {
    try {
      const size = await packSize(layout.pack(pack));
      const index = await readIndex(layout.index(pack), pack);
      const made = index ?? decodePackIndex(await scanPack(layout.pack(pack), pack, layout.codec(pack)), pack);
      assertSize(made.packLength, size);
      const isIndexWritten = index !== undefined || (await tryWrite(disk, layout, { pack, index: made.bytes }));
      packs.add(pack, made, { isIndexWritten });
    } catch (error) {
      if (!isBakError(error, "BAD_PACK", "STORE_DAMAGED")) throw error;
      damaged.push({ path: layout.pack(pack), why: error.message });
    }
  }
  return damaged;
}

/** The ids of all packs of which there is a pack or an index, sorted. */
async function listPacks(layout: Layout): Promise<ObjectId[]> {
  const ids = new Set<ObjectId>();
  for (const name of await readdir(layout.packs)) {
    if (!/^[0-9a-f]{2}$/.test(name)) continue;
    for (const file of await readdir(join(layout.packs, name))) {
      const parsed = parsePackFileName(file);
      if (parsed?.pack.startsWith(name) !== true) continue;
      ids.add(parsed.pack);
      if (!parsed.isIndex) layout.setCodec(parsed.pack, parsed.codec);
    }
  }
  return [...ids].toSorted();
}

async function packSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw new BakError("STORE_DAMAGED", "the pack is missing, its index is there");
    throw error;
  }
}

function assertSize(expected: number, actual: number): void {
  if (expected !== actual) throw new BakError("STORE_DAMAGED", `the pack is ${actual} bytes long, not ${expected}`);
}

/** A pack's index, if there is one that is whole. */
async function readIndex(path: string, pack: ObjectId): Promise<PackIndex | undefined> {
  try {
    return decodePackIndex(await readFile(path), pack);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || isBakError(error, "STORE_DAMAGED")) return undefined;
    throw error;
  }
}

/** Whether the index could be written; a store on a full disk opens all the same. */
async function tryWrite(disk: Disk, layout: Layout, made: { pack: ObjectId; index: Buffer }): Promise<boolean> {
  const temporary = layout.temporary();
  try {
    await writeFileWhole(disk, layout.index(made.pack), { bytes: made.index, temporary });
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOSPC" && errno !== "EDQUOT") throw error;
    return false;
  }
}
