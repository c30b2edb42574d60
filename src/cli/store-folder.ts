/** The store that a server serves. */
import type { Codec } from "../objects/member-codec.js";
import { isBakError } from "../errors.js";
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";
import { TokenFile } from "../store/token-file.js";

/** Whether somebody has a token of the store in a folder; true, too, where that can't be read, so that nobody is let in. */
export async function hasTokens(folder: string): Promise<boolean> {
  try {
    return ((await new TokenFile(folder).read()) ?? []).length > 0;
  } catch (error) {
    if (isBakError(error, "STORE_DAMAGED", "STORE_VERSION")) return true;
    throw error;
  }
}

/** The store of a folder that is to be served, made if the folder is missing or empty; it remembers `compression`. */
export function openStoreFolder(folder: string, options: { compression?: Codec | undefined } = {}): Promise<Store> {
  return openStore(folder, { create: true, ...options });
}
