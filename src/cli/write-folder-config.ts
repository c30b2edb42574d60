/** Writes `.bak/config.json` whole, or not at all. */
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { configFileName, configFolderName } from "../client/config-folder.js";
import { replaceFile } from "../client/replace-file.js";
import { reasonOf } from "../client/source-failure.js";
import { fsPath } from "../client/source-path.js";
import { BakError, isBakError } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { configFileOf } from "./folder-config.js";

/** Throws USAGE where a folder `.bak` that is not bak's is in the way, SOURCE_FAILED where the folder cannot be written to. */
export function writeFolderConfig(folder: ByteString, content: Readonly<Record<string, unknown>>): void {
  const place = posix.join(folder, configFolderName) as ByteString;
  try {
    makePlace(place);
    const text = `${JSON.stringify(content, undefined, 2)}\n`;
    replaceFile(configFileOf(folder), { isKept: true }, (fd) => writeFileSync(fd, text));
  } catch (cause) {
    if (isBakError(cause)) throw cause;
    throw new BakError("SOURCE_FAILED", `cannot write '${displayName(configFileOf(folder))}': ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** What lies in the folder would be left out of every backup from now on: it must be ours. */
function makePlace(place: ByteString): void {
  const found = lstatSync(fsPath(place), { throwIfNoEntry: false });
  if (found === undefined) return mkdirSync(fsPath(place));
  const isOurs = found.isDirectory() && readdirSync(fsPath(place)).every((name) => name.startsWith(configFileName));
  if (isOurs) return;
  throw new BakError("USAGE", `'${displayName(place)}' is there, and is not bak's`, {
    hint: "give it another name: bak keeps its own things there, and leaves them out of backups",
  });
}
