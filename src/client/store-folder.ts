/** Tells the folder of a store from others: a store that kept itself would grow with every push. */
import { closeSync, fstatSync, readFileSync } from "node:fs";
import { byteStringFromText, joinPath, type ByteString } from "../objects/byte-string.js";
import { openToRead } from "./open-file.js";
import type { FolderPlace } from "./snapshot-options.js";
import { fsPath } from "./source-path.js";

/** What every store has in it. */
export const configName = byteStringFromText("config.json");
const parts = ["config.json", "packs", "projects"].map(byteStringFromText);
/** No store's is nearly as long. */
const maxConfigBytes = 1 << 16;

/** Whether the folder is that of the store with this id, wherever the server that serves it may run. */
export function isStoreFolder({ path, names }: FolderPlace, store: string): boolean {
  return parts.every((part) => names.includes(part)) && isStoreAt(path, store);
}

/** The same, by its config.json alone. */
export function isStoreAt(path: ByteString, store: string): boolean {
  return isStoreConfig(fsPath(joinPath(path, configName)), store);
}

/** Whether a file is the config.json of the store with this id; false where it cannot be read. */
export function isStoreConfig(path: string | Buffer, store: string): boolean {
  try {
    const config: unknown = JSON.parse(readSmall(path));
    return typeof config === "object" && config !== null && "id" in config && config.id === store;
  } catch {
    return false; // somebody else's config.json
  }
}

function readSmall(path: string | Buffer): string {
  const descriptor = openToRead(path);
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= maxConfigBytes ? readFileSync(descriptor, "utf8") : "";
  } finally {
    closeSync(descriptor);
  }
}
