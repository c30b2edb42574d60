/** What restore does to one name in the target; nothing here follows a symlink. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  type Stats,
} from "node:fs";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { fileHashOf, type Attributes, type FileEntry, type SymlinkEntry } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import { setModificationTime } from "../platform/file-times.js";
import { fsPath } from "./source-path.js";

/** One path cannot be restored, for a reason that no system call gave. */
export class RestoreFailure extends Error {}

const compareBytes = 1 << 20;

/** Makes a folder where there is none; what else has that name is replaced. */
export function makeFolder(path: ByteString): "made" | "there" | "replaced" {
  const stats = statOf(path);
  if (stats?.isDirectory() === true) {
    // an earlier restore may have made it read-only; it gets its mode when all is in it
    if ((stats.mode & 0o700) !== 0o700) chmodSync(fsPath(path), stats.mode | 0o700);
    return "there";
  }
  if (stats !== undefined) unlinkSync(fsPath(path));
  mkdirSync(fsPath(path), { mode: 0o700 });
  return stats === undefined ? "made" : "replaced";
}

/** Makes a symlink, unless the very same is there. */
export function makeSymlink(path: ByteString, entry: SymlinkEntry): "made" | "there" | "replaced" {
  const stats = statOf(path);
  const isRight = stats?.isSymbolicLink() === true && byteString(readlinkSync(fsPath(path), "buffer")) === entry.target;
  if (!isRight) {
    if (stats !== undefined) clearWay(path, stats);
    symlinkSync(fsPath(entry.target), fsPath(path));
  }
  setModificationTime(fsPath(path), entry.mtimeSeconds, entry.mtimeNanoseconds);
  return isRight ? "there" : stats === undefined ? "made" : "replaced";
}

/**
 * Whether the file is there with the content that it should have; its hash is compared, so it is read if the size is
 * right. `breathe` is waited for now and then.
 */
export async function isFileAsWanted(
  path: ByteString,
  entry: FileEntry,
  breathe: () => Promise<void> | undefined,
): Promise<"missing" | "other" | "right"> {
  const stats = statOf(path);
  if (stats === undefined) return "missing";
  if (stats.isDirectory()) clearWay(path, stats);
  if (!stats.isFile() || stats.size !== entry.size) return "other";
  return (await hashFile(path, entry.size, breathe)) === fileHashOf(entry.content) ? "right" : "other";
}

/** Sets mode and mtime of a file or folder that we know to be no symlink. */
export function setAttributes(path: ByteString, attributes: Attributes): void {
  chmodSync(fsPath(path), restorableMode(attributes));
  setModificationTime(fsPath(path), attributes.mtimeSeconds, attributes.mtimeNanoseconds);
}

/**
 * The mode that a file can be given: what made it run as its owner, or its group, must not make it run as us instead, who
 * own what we restore.
 */
export function restorableMode({ mode, uid, gid }: Attributes): number {
  const withUser = process.geteuid?.() === uid ? mode : mode & ~0o4000;
  return process.getegid?.() === gid ? withUser : withUser & ~0o2000;
}

/** Removes what has the name, save a folder with something in it. */
function clearWay(path: ByteString, stats: Stats): void {
  if (!stats.isDirectory()) return unlinkSync(fsPath(path));
  try {
    rmdirSync(fsPath(path));
  } catch (cause) {
    throw new RestoreFailure("a folder that is not empty is in its place", { cause });
  }
}

function statOf(path: ByteString): Stats | undefined {
  return lstatSync(fsPath(path), { throwIfNoEntry: false });
}

/** The file's BLAKE3 in hex; undefined if it is no longer a file, or cannot be read, and so has to be replaced. */
async function hashFile(
  path: ByteString,
  sizeBytes: number,
  breathe: () => Promise<void> | undefined,
): Promise<string | undefined> {
  let fd: number;
  try {
    fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const hasher = blake3().createHasher();
    const buffer = Buffer.allocUnsafe(Math.min(compareBytes, sizeBytes + 1));
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return hasher.digest().toString("hex");
      hasher.update(buffer.subarray(0, count));
      await breathe();
    }
  } finally {
    closeSync(fd);
  }
}
