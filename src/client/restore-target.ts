/** What restore does to one name in the target; nothing here follows a symlink. */
import { chmodSync, lstatSync, readlinkSync, rmdirSync, symlinkSync, unlinkSync, type Stats } from "node:fs";
import { errnoOf } from "../errors.js";
import { byteString } from "../objects/byte-string.js";
import type { FileEntry, SymlinkEntry } from "../objects/entry.js";
import { loadAttributeCalls } from "../platform/extended-attributes.js";
import type { HeldFolder } from "./held-folder.js";
import { FolderInPlace } from "./restore-failure.js";
import { fsPath } from "./source-path.js";

/** What has been done for a name: it took the place of something else, or there was nothing, or it was there. */
export type Made = "made" | "there" | "replaced";

/** Makes it possible to work in a folder that was there: an earlier restore may have made it read-only. */
export function unlockFolder(folder: HeldFolder): void {
  const { mode } = lstatSync(folder.self);
  if ((mode & 0o700) !== 0o700) chmodSync(folder.self, (mode & 0o7777) | 0o700);
}

/** What new names in a folder inherit, and must not: it gets its own again when it is finished. */
export function dropDefaultAcl(folder: HeldFolder): void {
  try {
    loadAttributeCalls()?.remove(folder.self, "system.posix_acl_default");
  } catch {
    // somebody else's folder: what is made in it is put right one by one
  }
}

/** Makes a symlink, unless the very same is there, and may stay. */
export function makeSymlink(parent: HeldFolder, entry: SymlinkEntry, mayStay: (found: Stats) => boolean): Made {
  const path = parent.path(entry.name);
  const make = (): boolean => unlessThere(() => symlinkSync(fsPath(entry.target), path));
  if (make()) return "made";
  const stats = lstatSync(path);
  if (isSameLink(path, stats, entry) && mayStay(stats)) return "there";
  clearWay(path, stats);
  symlinkSync(fsPath(entry.target), path);
  return "replaced";
}

/**
 * What is in the place of a file: nothing; something that has to be replaced (an empty folder is gone already); or a file
 * of the right size, whose content has to be looked at. `mayStay` says whether that is no other name of something else.
 */
export function lookAtFile(
  parent: HeldFolder,
  entry: FileEntry,
  mayStay: (found: Stats) => boolean,
): "missing" | "other" | "similar" {
  return lookAtPlace(parent, entry, { mayStay, makeWay: clearWay });
}

/** The same, with what is done about a folder that is there. */
export function lookAtPlace(
  parent: HeldFolder,
  entry: FileEntry,
  { mayStay, makeWay }: { mayStay: (found: Stats) => boolean; makeWay: (path: string | Buffer, stats: Stats) => void },
): "missing" | "other" | "similar" {
  const path = parent.path(entry.name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "missing";
  if (stats.isDirectory()) makeWay(path, stats);
  return stats.isFile() && stats.size === entry.size && mayStay(stats) ? "similar" : "other";
}

/** Whether what is at a path is the very link. */
export function isSameLink(path: string | Buffer, stats: Stats, entry: SymlinkEntry): boolean {
  return stats.isSymbolicLink() && byteString(readlinkSync(path, "buffer")) === entry.target;
}

/** Removes what has the name, save a folder with something in it. */
export function clearWay(path: string | Buffer, stats: Pick<Stats, "isDirectory">): void {
  if (!stats.isDirectory()) return unlinkSync(path);
  try {
    rmdirSync(path);
  } catch (cause) {
    throw new FolderInPlace({ cause });
  }
}

/** Whether it could be made; false where something has its name. */
export function unlessThere(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}
