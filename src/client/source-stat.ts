/** What the file system says of a name, without following links, in the terms of a tree's entry. */
import { accessSync, constants, lstatSync, realpathSync, statSync, type BigIntStats } from "node:fs";
import { BakError, errnoOf } from "../errors.js";
import { byteString, type ByteString } from "../objects/byte-string.js";
import type { Attributes, EntryKind } from "../objects/entry.js";
import type { FileStatus } from "../platform/statx.js";
import { reasonOf } from "./source-failure.js";
import { fsPath } from "./source-path.js";

export interface SourceStat extends Attributes {
  readonly kind: EntryKind;
  /** In bytes. */
  readonly size: number;
  readonly dev: bigint;
  /** How many names it has; of a folder it says nothing. */
  readonly links: number;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** Device number of a device, as the kernel packs it. */
  readonly rdev: bigint;
}

const billion = 1_000_000_000n;

/** Throws what lstat(2) fails with. */
export function statSource(path: ByteString): SourceStat {
  return sourceStatOf(statusOf(lstatSync(fsPath(path), { bigint: true })));
}

/**
 * The real, absolute path of a folder that the user names, through a link perhaps. Throws SOURCE_FAILED, with the path as
 * it was named, where there is none.
 */
export function findSourceFolder(named: string): ByteString {
  let path: Buffer;
  try {
    // the other realpathSync takes the names on the way, and in links, for UTF-8
    path = realpathSync.native(named, "buffer");
  } catch (cause) {
    const isMissing = ["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    const message = isMissing ? `no such folder: '${named}'` : `cannot read '${named}': ${reasonOf(cause)}`;
    throw new BakError("SOURCE_FAILED", message, { cause });
  }
  if (statSync(path).isDirectory()) {
    assertReadable(path, named);
    return byteString(path);
  }
  throw new BakError("SOURCE_FAILED", `not a folder: '${named}'`, { hint: "push the folder that it is in" });
}

function assertReadable(folder: Buffer, named: string): void {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
  } catch (cause) {
    throw new BakError("SOURCE_FAILED", `cannot read '${named}': ${reasonOf(cause)}`, { cause });
  }
}

/** A status in the terms of a tree's entry, to be kept. Throws SOURCE_FAILED for a time that no entry can have. */
export function sourceStatOf(status: FileStatus): SourceStat {
  const { mtimeSeconds } = status;
  if (!Number.isSafeInteger(mtimeSeconds)) throw new BakError("SOURCE_FAILED", "its time is beyond what can be kept");
  return {
    kind: kindOf(status),
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtimeSeconds,
    mtimeNanoseconds: status.mtimeNanoseconds,
    size: status.size,
    dev: status.dev,
    links: status.links,
    ino: status.ino,
    ctimeNs: status.ctimeNs,
    rdev: status.rdev,
  };
}

/** What Node's stat calls return, as a status. */
export function statusOf(stats: BigIntStats): FileStatus {
  // BigInt division truncates towards zero; before 1970 the fraction still counts upwards
  let seconds = stats.mtimeNs / billion;
  let nanoseconds = stats.mtimeNs % billion;
  if (nanoseconds < 0n) {
    seconds -= 1n;
    nanoseconds += billion;
  }
  return {
    mode: Number(stats.mode),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    links: Number(stats.nlink),
    size: Number(stats.size),
    mtimeSeconds: Number(seconds),
    mtimeNanoseconds: Number(nanoseconds),
    ctimeNs: stats.ctimeNs,
    ino: stats.ino,
    dev: stats.dev,
    rdev: stats.rdev,
  };
}

/** What an entry keeps of a stat, beside kind and size. */
export function attributesOf(stat: SourceStat): Attributes {
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = stat;
  return { mode, uid, gid, mtimeSeconds, mtimeNanoseconds };
}

/** The device number's parts as glibc's major(3) and minor(3) take them apart. */
export function deviceNumbers(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

/** What kind of thing it is. */
export function kindOf({ mode }: { readonly mode: number | bigint }): EntryKind {
  switch (Number(mode) & constants.S_IFMT) {
    case constants.S_IFREG:
      return "file";
    case constants.S_IFDIR:
      return "dir";
    case constants.S_IFLNK:
      return "symlink";
    case constants.S_IFIFO:
      return "fifo";
    case constants.S_IFSOCK:
      return "socket";
    case constants.S_IFCHR:
      return "char";
    default:
      return "block";
  }
}
