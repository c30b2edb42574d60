/** Tells the folder of a store from others: a store that kept itself would grow with every push. */
import { readFileSync } from "node:fs";
import { byteStringFromText, joinPath } from "../objects/byte-string.js";
import type { FolderPlace } from "./snapshot.js";
import { fsPath } from "./source-path.js";

const parts = ["config.json", "packs", "projects"].map(byteStringFromText);

/** Whether the folder is that of the store with this id, wherever the server that serves it may run. */
export function isStoreFolder({ path, names }: FolderPlace, store: string): boolean {
  if (!parts.every((part) => names.includes(part))) return false;
  try {
    const config: unknown = JSON.parse(readFileSync(fsPath(joinPath(path, byteStringFromText("config.json"))), "utf8"));
    return typeof config === "object" && config !== null && "id" in config && config.id === store;
  } catch {
    return false; // somebody else's config.json
  }
}
