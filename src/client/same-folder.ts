/**
 * Whether a folder is what the head's tree and the client's own index say, name by name: one lstat a name and nothing made
 * of it, since most folders of most pushes are.
 */
import { lstatSync, type BigIntStats } from "node:fs";
import { unreachable } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { TreeLoader } from "../objects/directory.js";
import { EntryCursor } from "../objects/entry-cursor.js";
import type { ObjectId } from "../objects/object-id.js";
import { isOlderThan, raceLimits, type RaceLimits } from "./compare.js";
import type { FolderStats } from "./push-index.js";
import { fsPath } from "./source-path.js";
import { kindOf, sourceStatOf, type SourceStat } from "./source-stat.js";

const billion = 1_000_000_000n;

/** What a folder that is as it was has in it. */
export interface SameFolder {
  /** Names that are no folders, and the sum of the files' sizes in bytes. */
  readonly files: number;
  readonly bytes: number;
  /** The folders in it, in order; what is in those is not known yet. */
  readonly folders: readonly { readonly name: ByteString; readonly stat: SourceStat; readonly tree: ObjectId }[];
}

export interface ComparedFolder {
  /** Absolute. */
  readonly absolute: ByteString;
  /** The names that are there now, sorted. */
  readonly names: readonly ByteString[];
  readonly indexed: FolderStats;
  /** When the scan that made the index began, in ms since 1970. */
  readonly scanStartedMs: number;
  /** Told whom a name belongs to. */
  readonly onOwner: (uid: number, gid: number) => void;
  readonly load: TreeLoader;
  readonly breathe: () => Promise<void> | undefined;
  /** Larger files are no longer to be kept; undefined where that is not so. */
  readonly maxFileBytes?: number | undefined;
}

/** Compares; undefined as soon as anything is, or may be, another than it was. Throws what `load` throws. */
export async function compareFolder(at: ComparedFolder): Promise<SameFolder | undefined> {
  const { absolute, names, indexed, load, breathe, onOwner, maxFileBytes = Infinity } = at;
  const cursor = new EntryCursor(indexed.tree, load);
  const limits = raceLimits(at.scanStartedMs);
  const folders: { name: ByteString; stat: SourceStat; tree: ObjectId }[] = [];
  let files = 0;
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    if (!cursor.next() || cursor.name !== name) return undefined;
    const path = joinPath(absolute, name);
    const stats = lstatIfThere(path);
    if (stats === undefined || !hasAttributes(stats, cursor) || !isProven(stats, { index, indexed, limits }))
      return undefined;
    onOwner(cursor.uid, cursor.gid);
    if (cursor.kind === "dir") {
      folders.push({ name, stat: sourceStatOf(stats), tree: cursor.tree() });
    } else {
      if (!isSameName(stats, cursor)) return undefined;
      files += 1;
      if (cursor.kind === "file") {
        if (cursor.size > maxFileBytes) return undefined;
        bytes += cursor.size;
      }
    }
    const breath = breathe();
    if (breath !== undefined) await breath;
  }
  return cursor.next() ? undefined : { files, bytes, folders };
}

interface IndexedName {
  readonly index: number;
  readonly indexed: FolderStats;
  readonly limits: RaceLimits;
}

/** Whether nothing of a name can have changed: not the target of a link, nor its extended attributes, nor how many names it has. */
function isProven(stats: BigIntStats, { index, indexed, limits }: IndexedName): boolean {
  return (
    stats.ctimeNs === indexed.stats[index * 2] &&
    stats.ino === indexed.stats[index * 2 + 1] &&
    isOlderThan(stats.ctimeNs, limits)
  );
}

/** For a name that is proven to be as it was. */
function isSameName(stats: BigIntStats, cursor: EntryCursor): boolean {
  switch (cursor.kind) {
    case "file":
      return Number(stats.size) === cursor.size;
    case "symlink":
    case "fifo":
    case "socket":
    case "char":
    case "block":
      return true;
    case "dir":
      throw new Error("a folder is no plain entry");
    default:
      return unreachable(cursor.kind);
  }
}

function hasAttributes(stats: BigIntStats, cursor: EntryCursor): boolean {
  return (
    kindOf(stats) === cursor.kind &&
    (Number(stats.mode) & 0o7777) === cursor.mode &&
    Number(stats.uid) === cursor.uid &&
    Number(stats.gid) === cursor.gid &&
    stats.mtimeNs === BigInt(cursor.mtimeSeconds) * billion + BigInt(cursor.mtimeNanoseconds)
  );
}

function lstatIfThere(path: ByteString): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(path), { bigint: true });
  } catch {
    return undefined; // the walk that looks with more care meets it again, and tells
  }
}
