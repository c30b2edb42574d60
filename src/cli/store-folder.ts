/** The store that a server serves. */
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";

/** The store of a folder that is to be served, made if the folder is missing or empty. */
export function openStoreFolder(folder: string): Promise<Store> {
  return openStore(folder, { create: true });
}
