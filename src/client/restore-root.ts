/** The folder that a restore is into. */
import { lstatSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { BakError, errnoOf } from "../errors.js";
import { byteString, displayName, type ByteString } from "../objects/byte-string.js";
import { HeldFolder } from "./held-folder.js";
import { makeFolders } from "./make-folders.js";
import { isEmptyFolder } from "./restore-plan.js";
import { reasonOf } from "./source-failure.js";
import { fsPath } from "./source-path.js";

/** An open target. */
export interface RestoreRoot {
  readonly folder: HeldFolder;
  /** Without links in it. */
  readonly path: ByteString;
  /** Nothing is in it, or it is not there. */
  readonly isNew: boolean;
}

/** Opens the target, made if it is missing: the user may name it through a link, the commit may not. Throws TARGET_FAILED. */
export function makeRoot(target: ByteString): RestoreRoot {
  return orFail(target, () => {
    makeFolders(target);
    return openRoot(realPathOf(target));
  });
}

/** The same for a dry run: what is missing stays so. */
export function planRoot(target: ByteString): RestoreRoot {
  return orFail(target, () => {
    try {
      return openRoot(realPathOf(target));
    } catch (error) {
      const isMissing = errnoOf(error) === "ENOENT" && !isThere(target);
      if (!isMissing) throw error;
      return { folder: HeldFolder.at({ descriptor: undefined, prefix: target }), path: target, isNew: true };
    }
  });
}

/** Folders from the target up to the root of the file system. */
export function* foldersAround(root: RestoreRoot): Generator<ByteString, void, undefined> {
  for (let at = root.path; ; at = posix.dirname(at) as ByteString) {
    yield at;
    if (at === posix.dirname(at)) return;
  }
}

function openRoot(path: ByteString): RestoreRoot {
  const folder = HeldFolder.openTarget(path);
  return { folder, path, isNew: isEmptyAsFarAsSeen(folder) };
}

/** In a folder that may be written to but not read, anything may be. */
function isEmptyAsFarAsSeen(folder: HeldFolder): boolean {
  try {
    return isEmptyFolder(folder.self);
  } catch (error) {
    if (errnoOf(error) === "EACCES") return false;
    throw error;
  }
}

function realPathOf(path: ByteString): ByteString {
  return byteString(realpathSync(fsPath(path), "buffer"));
}

/** A link that leads nowhere is there, too. */
function isThere(path: ByteString): boolean {
  return lstatSync(fsPath(path), { throwIfNoEntry: false }) !== undefined;
}

function orFail<T>(target: ByteString, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    const isFile = ["EEXIST", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    const why = isFile ? "it is not a folder" : reasonOf(cause);
    const hint = "choose a folder, or a path where none is yet, with --to";
    throw new BakError("TARGET_FAILED", `cannot restore into '${displayName(target)}': ${why}`, { hint, cause });
  }
}
