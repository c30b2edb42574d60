/** The folders that `bak init` was run for, as they are found from other folders. */
import { realpathSync } from "node:fs";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { findConfigFolder, readFolderConfig, type FolderConfig } from "./folder-config.js";

/** Such a folder, as it was found. */
export interface FolderPlace {
  /** A path to it, from where bak runs. */
  readonly path: string;
  /** How many folders above the one that it was looked for from. */
  readonly above: number;
  /** What was said of it. Throws USAGE if that is not to be believed. */
  config(): FolderConfig;
}

/** Looks for each but once. */
export class FolderPlaces {
  readonly #found = new Map<string, FolderPlace | undefined>();

  /** The nearest such folder from this one up. */
  find(folder: string): FolderPlace | undefined {
    if (!this.#found.has(folder)) this.#found.set(folder, placeFrom(folder));
    return this.#found.get(folder);
  }
}

function placeFrom(folder: string): FolderPlace | undefined {
  let from: ByteString;
  try {
    from = byteString(realpathSync.native(folder, "buffer"));
  } catch {
    return undefined; // whoever needs the folder says that it is not there
  }
  const found = findConfigFolder(from);
  if (found === undefined) return undefined;
  const above = depthOf(from) - depthOf(found);
  let config: FolderConfig | undefined;
  return {
    // the system takes `..` from the real folder, which its name, if that is not UTF-8, would not lead to
    path:
      above === 0 ? folder : (folder === "." ? "" : `${folder}/`) + Array.from({ length: above }, () => "..").join("/"),
    above,
    config: () => (config ??= readFolderConfig(found) ?? { project: undefined, server: undefined, content: {} }),
  };
}

/** How many folders lead to a real, absolute path. */
function depthOf(path: ByteString): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}
