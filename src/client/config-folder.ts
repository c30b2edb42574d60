/** Tells the folder in which `bak init` keeps what it was told, and which belongs to no commit. */
import { byteStringFromText, joinPath, type ByteString } from "../objects/byte-string.js";
import type { FolderPlace } from "./snapshot-options.js";

/** The name of that folder, and of what is in it. */
export const configFolderName = ".bak";
export const configFileName = "config.json";

/** Whether a folder is that of `root`; one that somebody else has made, without the file in it, is not. */
export function isConfigFolder({ path, names }: Pick<FolderPlace, "path" | "names">, root: ByteString): boolean {
  return path === joinPath(root, byteStringFromText(configFolderName)) && names.includes(configFileName as ByteString);
}
