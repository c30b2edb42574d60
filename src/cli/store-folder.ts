/** The store that a server serves. */
import type { Codec } from "../objects/member-codec.js";
import { openStore } from "../store/open-store.js";
import type { Store } from "../store/store.js";

/** The store of a folder that is to be served, made if the folder is missing or empty; it remembers `compression`. */
export function openStoreFolder(folder: string, options: { compression?: Codec | undefined } = {}): Promise<Store> {
  return openStore(folder, { create: true, ...options });
}
