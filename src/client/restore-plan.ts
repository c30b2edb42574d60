/** What `restore-target.ts` would do to one name in the target, found out without doing it: for a dry run. */
import { lstatSync, opendirSync, readlinkSync, type BigIntStats } from "node:fs";
import { byteString, type ByteString } from "../objects/byte-string.js";
import type { FileEntry, SymlinkEntry } from "../objects/entry.js";
import type { HeldFolder } from "./held-folder.js";
import { FolderInPlace } from "./restore-failure.js";
import { isTimeOf, type MadeFolder, type MadeLink } from "./restore-target.js";

/** What `makeFolder` would answer. */
export function planFolder(parent: HeldFolder, name: ByteString): MadeFolder {
  const stats = lstatSync(parent.path(name), { throwIfNoEntry: false });
  if (stats === undefined) return "made";
  return stats.isDirectory() ? "there" : "replaced";
}

/** What `makeSymlink` would answer, or throw. */
export function planSymlink(parent: HeldFolder, entry: SymlinkEntry): MadeLink {
  const path = parent.path(entry.name);
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return "made";
  if (stats.isSymbolicLink() && byteString(readlinkSync(path, "buffer")) === entry.target)
    return isTimeOf(stats, entry) ? "there" : "changed";
  assertReplaceable(path, stats);
  return "replaced";
}

/** What `lookAtFile` would answer, or throw. */
export function planFile(parent: HeldFolder, entry: FileEntry): "missing" | "other" | "similar" {
  const path = parent.path(entry.name);
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return "missing";
  assertReplaceable(path, stats);
  return stats.isFile() && Number(stats.size) === entry.size ? "similar" : "other";
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

function assertReplaceable(path: string | Buffer, stats: BigIntStats): void {
  if (stats.isDirectory() && !isEmptyFolder(path)) throw new FolderInPlace();
}
