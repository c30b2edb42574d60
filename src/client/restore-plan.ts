/** What `restore-target.ts` would do to one name in the target, found out without doing it: for a dry run. */
import { lstatSync, opendirSync, type BigIntStats, type Stats } from "node:fs";
import type { ByteString } from "../objects/byte-string.js";
import type { FileEntry, SymlinkEntry } from "../objects/entry.js";
import type { HeldFolder } from "./held-folder.js";
import { FolderInPlace } from "./restore-failure.js";
import { isSameLink, lookAtPlace, type Made } from "./restore-target.js";

/** What `makeFolder` would answer. */
export function planFolder(parent: HeldFolder, name: ByteString): Made {
  const stats = lstatSync(parent.path(name), { throwIfNoEntry: false });
  if (stats === undefined) return "made";
  return stats.isDirectory() ? "there" : "replaced";
}

/** What `makeSymlink` would answer, or throw. */
export function planSymlink(parent: HeldFolder, entry: SymlinkEntry, mayStay: (found: Stats) => boolean): Made {
  const path = parent.path(entry.name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "made";
  if (isSameLink(path, stats, entry) && mayStay(stats)) return "there";
  assertReplaceable(path, stats);
  return "replaced";
}

/** What `lookAtFile` would answer, or throw. */
export function planFile(
  parent: HeldFolder,
  entry: FileEntry,
  mayStay: (found: Stats) => boolean,
): "missing" | "other" | "similar" {
  return lookAtPlace(parent, entry, { mayStay, makeWay: assertReplaceable });
}

/** Whether nothing is in a folder. */
export function isEmptyFolder(path: string | Buffer): boolean {
  const listing = opendirSync(path);
  try {
    return listing.readSync() === null;
  } finally {
    listing.closeSync();
  }
}

/** Throws FolderInPlace for a folder with something in it. */
export function assertReplaceable(path: string | Buffer, stats: Stats | BigIntStats): void {
  if (stats.isDirectory() && !isEmptyFolder(path)) throw new FolderInPlace();
}
