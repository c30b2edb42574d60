/** What restore does to one name in the target; nothing here follows a symlink. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  type BigIntStats,
  type Stats,
} from "node:fs";
import { errnoOf } from "../errors.js";
import { byteString, type ByteString } from "../objects/byte-string.js";
import type { Attributes, FileEntry, SymlinkEntry } from "../objects/entry.js";
import { setModificationTime } from "../platform/file-times.js";
import type { HeldFolder } from "./held-folder.js";
import { FolderInPlace } from "./restore-failure.js";
import { fsPath } from "./source-path.js";

/** What has been done for a folder: it took the place of something else, or there was nothing, or a folder. */
export type MadeFolder = "made" | "there" | "replaced";
/** The same for a link; one that was there may have got another mtime. */
export type MadeLink = MadeFolder | "changed";

/** Makes a folder where there is none; what else has that name is replaced. */
export function makeFolder(parent: HeldFolder, name: ByteString): MadeFolder {
  const path = parent.path(name);
  const make = (): boolean => unlessThere(() => mkdirSync(path, { mode: 0o700 }));
  if (make()) return "made";
  if (lstatSync(path).isDirectory()) return "there";
  unlinkSync(path);
  mkdirSync(path, { mode: 0o700 });
  return "replaced";
}

/** Makes it possible to work in a folder that was there: an earlier restore may have made it read-only. */
export function unlockFolder(folder: HeldFolder): void {
  const { mode } = lstatSync(folder.self);
  if ((mode & 0o700) !== 0o700) chmodSync(folder.self, (mode & 0o7777) | 0o700);
}

/** Makes a symlink, unless the very same is there. */
export function makeSymlink(parent: HeldFolder, entry: SymlinkEntry): MadeLink {
  const path = parent.path(entry.name);
  const make = (): boolean => unlessThere(() => symlinkSync(fsPath(entry.target), path));
  let made: MadeLink = "made";
  if (!make()) {
    const stats = lstatSync(path, { bigint: true });
    const isRight = stats.isSymbolicLink() && byteString(readlinkSync(path, "buffer")) === entry.target;
    if (isRight && isTimeOf(stats, entry)) return "there";
    made = isRight ? "changed" : "replaced";
    if (!isRight) {
      clearWay(path, stats);
      symlinkSync(fsPath(entry.target), path);
    }
  }
  setModificationTime(path, entry.mtimeSeconds, entry.mtimeNanoseconds);
  return made;
}

/**
 * What is in the place of a file: nothing; something that has to be replaced (an empty folder is gone already); or a file
 * of the right size, whose content has to be looked at.
 */
export function lookAtFile(parent: HeldFolder, entry: FileEntry): "missing" | "other" | "similar" {
  const path = parent.path(entry.name);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return "missing";
  if (stats.isDirectory()) clearWay(path, stats);
  return stats.isFile() && stats.size === entry.size ? "similar" : "other";
}

/** Whether an mtime is the entry's. */
export function isTimeOf({ mtimeNs }: BigIntStats, { mtimeSeconds, mtimeNanoseconds }: Attributes): boolean {
  return mtimeNs === BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanoseconds);
}

/** Gives a folder its mode and mtime. */
export function finishFolder(folder: HeldFolder, attributes: Attributes, mode: number): void {
  chmodSync(folder.self, mode);
  setModificationTime(folder.self, attributes.mtimeSeconds, attributes.mtimeNanoseconds);
}

/** Who restores. */
export interface Owner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/**
 * The mode that a file can be given: what made it run as its owner, or its group, must not make it run as us instead, who
 * own what we restore.
 */
export function restorableMode({ mode, uid, gid }: Attributes, owner: Owner): number {
  const withUser = owner.uid === uid ? mode : mode & ~0o4000;
  return owner.gid === gid ? withUser : withUser & ~0o2000;
}

/** Removes what has the name, save a folder with something in it. */
function clearWay(path: string | Buffer, stats: Stats | BigIntStats): void {
  if (!stats.isDirectory()) return unlinkSync(path);
  try {
    rmdirSync(path);
  } catch (cause) {
    throw new FolderInPlace({ cause });
  }
}

/** Whether it could be made; false where something has its name. */
function unlessThere(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}
