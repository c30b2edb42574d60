/** The store that a server serves. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Codec } from "../objects/member-codec.js";
import { BakError, isBakError } from "../errors.js";
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";
import { TokenFile } from "../store/token-file.js";

/**
 * Whether somebody has a token of the store in a folder; true, too, where the file is damaged or of a later version, so that
 * nobody is let in. Rejects with STORE_FAILED where it can't be read.
 */
export async function hasTokens(folder: string): Promise<boolean> {
  try {
    return ((await new TokenFile(folder).read()) ?? []).length > 0;
  } catch (error) {
    if (isBakError(error, "STORE_DAMAGED", "STORE_VERSION")) return true;
    throw error;
  }
}

/** Rejects with NO_STORE for a folder that is no store and has some in it. */
export async function assertNoFolderOfStores(folder: string): Promise<void> {
  if (existsSync(join(folder, "config.json"))) return;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!existsSync(join(folder, name, "config.json"))) continue;
    throw new BakError("NO_STORE", `'${folder}' is no store, but has stores in it`, {
      hint: "serve them with --stores, or name one",
    });
  }
}

/** The store of a folder that is to be served, made if the folder is missing or empty; it remembers `compression`. */
export function openStoreFolder(folder: string, options: { compression?: Codec | undefined } = {}): Promise<Store> {
  return openStore(folder, { create: true, ...options });
}
