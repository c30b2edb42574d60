/** Opens a store in a folder, and makes one where there is none. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { nanoid } from "nanoid";
import { BakError, errnoOf } from "../errors.js";
import type { Codec } from "../objects/member-codec.js";
import { loadFlock } from "../platform/flock.js";
import { ConfigFile, readConfigFile } from "./config-file.js";
import { explained } from "./disk-error.js";
import { DiskStore } from "./disk-store.js";
import { nodeDisk, type Disk } from "./disk.js";
import { IncompleteHeads } from "./incomplete-heads.js";
import { Ingest } from "./ingest.js";
import { isPreparationName, Layout } from "./layout.js";
import { loadPacks } from "./load-packs.js";
import { lockStore } from "./lock.js";
import { Packs } from "./packs.js";
import type { StoreLock } from "./store-lock.js";
import type { Store } from "./store.js";
import { makeFolderDurably } from "./write-file.js";

export interface OpenOptions {
  /** Makes a store where the folder is missing or empty. */
  readonly create: boolean;
  /** What clients are to be asked to compress with from now on; the store remembers it. */
  readonly compression?: Codec | undefined;
  /** What changes the store's files. */
  readonly disk?: Disk;
  /** Threads that check what comes in; as many as pay, unless said. With 0 all is done on the calling one. */
  readonly threads?: number;
}

/**
 * Opens the store in a folder, for this process alone. Whatever a crash has left there is put in order: temporary files go,
 * indexes that are missing or damaged are made again; a pack that is not whole is left out, and named by `damaged`.
 *
 * Rejects with NO_STORE where the folder holds something else, or nothing and `create` is false; STORE_LOCKED where the
 * store has an owner; STORE_VERSION where a later bak made it; STORE_DAMAGED where its config.json can't be used;
 * STORE_FULL and STORE_FAILED where the disk does not let it be opened.
 */
export async function openStore(folder: string, options: OpenOptions): Promise<Store> {
  const path = resolve(folder);
  return explained(path, () => openLayout(new Layout(path), { disk: nodeDisk, ...options }));
}

interface LayoutOptions extends OpenOptions {
  readonly disk: Disk;
}

async function openLayout(layout: Layout, options: LayoutOptions): Promise<Store> {
  const { create, disk } = options;
  if ((await look(layout)) === "nothing") {
    if (!create) throw noStore(`no store in '${layout.folder}'`, "check the path, or push to it to make one there");
    await makeFolders(disk, layout.folder);
  }
  await makeFolderDurably(disk, layout.incoming);
  const lock = await lockStore(disk, layout, loadFlock());
  try {
    return await openLocked(layout, options, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(layout: Layout, options: LayoutOptions, lock: StoreLock): Promise<Store> {
  const { disk, compression, threads } = options;
  // a folder that is empty may have been lost by whatever copied the store here
  for (const folder of [layout.packs, layout.projects]) await makeFolderDurably(disk, folder);
  await clearIncoming(disk, layout);
  const config = new ConfigFile(disk, layout);
  // the last step of making a store: before it, the folder counts as empty
  if ((await look(layout)) === "nothing") {
    await config.write({ version: 1, id: nanoid(), createdMs: Date.now(), compression: compression ?? "gzip" });
  }
  await config.read();
  if (compression !== undefined) await config.setCompression(compression);
  const packs = new Packs(disk, layout);
  const loaded = await loadPacks(packs, { disk, layout });
  const heads = await IncompleteHeads.load(disk, layout);
  const ingest = new Ingest({ threads });
  return new DiskStore({ config, disk, layout, lock, packs, heads, ingest, ...loaded });
}

/** What is in the folder: a store, or nothing yet, as far as bak is concerned; anything else is refused. */
async function look(layout: Layout): Promise<"store" | "nothing"> {
  const names = await namesIn(layout.folder);
  if (names.includes("config.json")) {
    await readConfigFile(layout.config);
    return "store";
  }
  if (!names.every(isPreparationName)) {
    throw noStore(
      `no store in '${layout.folder}', but other files`,
      "name a store, or a folder that is empty or not there yet",
    );
  }
  const kept = [...(await namesIn(layout.packs)), ...(await namesIn(layout.projects))];
  if (kept.length === 0) return "nothing"; // empty, or a store whose making was interrupted
  throw new BakError("STORE_DAMAGED", `damaged store: '${layout.config}' is missing, but packs or projects are there`, {
    hint: "restore the file from a copy of the store",
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    if (errnoOf(error) === "ENOTDIR") throw noStore(`no store at '${folder}': it is not a folder`, "name a folder");
    throw error;
  }
}

/**
 * Makes a folder, unless it is there, with all those above it that are missing. One that is there may have been made by a
 * process that was killed before its name was on stable storage; in a folder that we may not look into, that is not for us.
 */
async function makeFolders(disk: Disk, folder: string): Promise<void> {
  const isThere = existsSync(folder);
  if (!isThere && !existsSync(dirname(folder))) await makeFolders(disk, dirname(folder));
  try {
    await makeFolderDurably(disk, folder);
  } catch (error) {
    if (!isThere || errnoOf(error) !== "EACCES") throw error;
  }
}

async function clearIncoming(disk: Disk, layout: Layout): Promise<void> {
  for (const name of await readdir(layout.incoming)) {
    try {
      await disk.remove(join(layout.incoming, name));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error; // another process that wanted the lock had a file there
    }
  }
}

function noStore(message: string, hint: string): BakError {
  return new BakError("NO_STORE", message, { hint });
}
