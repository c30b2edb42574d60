/**
 * Whether a folder is what the head's tree and the client's own index say, name by name: one lstat a name and nothing made
 * of it, since most folders of most pushes are.
 */
import { unreachable } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { TreeLoader } from "../objects/directory.js";
import { EntryCursor } from "../objects/entry-cursor.js";
import type { ObjectId } from "../objects/object-id.js";
import type { FileStatus } from "../platform/statx.js";
import { isOlderThan, raceLimits, type RaceLimits } from "./compare.js";
import type { NameLooker } from "./name-looker.js";
import type { FolderStats } from "./push-index.js";
import { kindOf, sourceStatOf, type SourceStat } from "./source-stat.js";

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
  readonly looker: Pick<NameLooker, "look">;
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
  const { absolute, looker, names, indexed, load, breathe, onOwner, maxFileBytes = Infinity } = at;
  const cursor = new EntryCursor(indexed.tree, load);
  const limits = raceLimits(at.scanStartedMs);
  const folders: { name: ByteString; stat: SourceStat; tree: ObjectId }[] = [];
  let files = 0;
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    if (!cursor.next() || cursor.name !== name) return undefined;
    const status = lookIfThere(looker, absolute, name);
    if (status === undefined || !hasAttributes(status, cursor) || !isProven(status, { index, indexed, limits }))
      return undefined;
    onOwner(cursor.uid, cursor.gid);
    if (cursor.kind === "dir") {
      folders.push({ name, stat: sourceStatOf(status), tree: cursor.tree() });
    } else {
      if (!isSameName(status, cursor)) return undefined;
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
function isProven(status: FileStatus, { index, indexed, limits }: IndexedName): boolean {
  const { ctimeNs } = status;
  return (
    ctimeNs === indexed.stats[index * 2] && status.ino === indexed.stats[index * 2 + 1] && isOlderThan(ctimeNs, limits)
  );
}

/** For a name that is proven to be as it was. */
function isSameName(status: FileStatus, cursor: EntryCursor): boolean {
  switch (cursor.kind) {
    case "file":
      return status.size === cursor.size;
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

function hasAttributes(status: FileStatus, cursor: EntryCursor): boolean {
  return (
    kindOf(status) === cursor.kind &&
    (status.mode & 0o7777) === cursor.mode &&
    status.uid === cursor.uid &&
    status.gid === cursor.gid &&
    status.mtimeSeconds === cursor.mtimeSeconds &&
    status.mtimeNanoseconds === cursor.mtimeNanoseconds
  );
}

function lookIfThere(looker: Pick<NameLooker, "look">, folder: ByteString, name: ByteString): FileStatus | undefined {
  try {
    return looker.look(folder, name);
  } catch {
    return undefined; // the walk that looks with more care meets it again, and tells
  }
}
