/** Folders that are to be there, with those above them. */
import { mkdirSync, statSync } from "node:fs";
import { posix } from "node:path";
import { errnoOf } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { fsPath } from "./source-path.js";

/**
 * Makes a folder, and those above it that are missing. Throws what mkdir(2) fails with. (Node's own recursive mkdir never
 * ends where mkdir fails with ENOENT in a folder that is there, as it does in /proc.)
 */
export function makeFolders(path: ByteString, mode = 0o777): void {
  const missing: ByteString[] = [];
  for (let at = path; !isMade(at, mode); at = posix.dirname(at) as ByteString) missing.push(at);
  for (const each of missing.toReversed()) mkdirSync(fsPath(each), { mode });
}

/** Whether the folder is there now; false where the one above it is missing. */
function isMade(path: ByteString, mode: number): boolean {
  try {
    mkdirSync(fsPath(path), { mode });
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" && path !== posix.dirname(path)) return false;
    const isThere = statSync(fsPath(path), { throwIfNoEntry: false })?.isDirectory() === true;
    if (isThere) return true;
    throw error;
  }
}
