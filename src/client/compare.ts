/** Whether a name is still what the head's tree says, without reading it. */
import { unreachable } from "../errors.js";
import type { Attributes, Entry, ExtendedAttribute, FileEntry } from "../objects/entry.js";
import type { SourceStat } from "./source-stat.js";

/** What the client's own index has of one name. */
export interface IndexedStat {
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

/**
 * File systems stamp times from a clock that ticks every few milliseconds; some keep whole seconds, or two. A file written
 * twice within one tick has one time.
 */
const tickMs = 20;
const coarseTickMs = 2000;

/**
 * Whether a file's content is that of the entry: same size and mtime and, where the index has the name, same ctime and
 * inode. As in git ("racy git", Documentation/technical/racy-git.txt), a time that is not older than the scan that it was
 * seen in proves nothing: the file may have been written once more within the same tick.
 */
export function isUnchangedFile(
  stat: SourceStat,
  entry: Entry | undefined,
  options: { indexed: IndexedStat | undefined; scanStartedMs: number },
): entry is FileEntry {
  if (entry?.kind !== "file" || stat.kind !== "file" || entry.size !== stat.size || !isSameTime(stat, entry))
    return false;
  const { indexed, scanStartedMs } = options;
  if (indexed === undefined) {
    const mtimeMs = stat.mtimeSeconds * 1000 + stat.mtimeNanoseconds / 1e6;
    return mtimeMs < scanStartedMs - (stat.mtimeNanoseconds === 0 ? coarseTickMs : tickMs);
  }
  if (indexed.ctimeNs !== stat.ctimeNs || indexed.ino !== stat.ino) return false;
  return isOlderThan(stat.ctimeNs, raceLimits(scanStartedMs));
}

/** Before when a time must be to prove anything, in ns since 1970; whole seconds are those of a coarse clock. */
export interface RaceLimits {
  readonly fineNs: bigint;
  readonly coarseNs: bigint;
}

/** The limits that follow from when a scan began. */
export function raceLimits(scanStartedMs: number): RaceLimits {
  const startedNs = BigInt(Math.floor(scanStartedMs)) * 1_000_000n;
  return { fineNs: startedNs - BigInt(tickMs) * 1_000_000n, coarseNs: startedNs - BigInt(coarseTickMs) * 1_000_000n };
}

/** Whether a ctime is so old that nothing can have been written since without another. */
export function isOlderThan(ctimeNs: bigint, limits: RaceLimits): boolean {
  if (ctimeNs < limits.coarseNs) return true;
  return ctimeNs < limits.fineNs && ctimeNs % 1_000_000_000n !== 0n;
}

/** Whether two entries of one name say the same; of folders, whether they do save for mtime and what is in them. */
export function isSameEntry(a: Entry, b: Entry): boolean {
  if (a.kind === "dir" && b.kind === "dir") return isSameOwnerAndMode(a, b);
  return isSameAttributes(a, b) && a.hardLinkGroup === b.hardLinkGroup && isSameContent(a, b);
}

/** Whether mode, owner, mtime and extended attributes are the same. */
export function isSameAttributes(a: Attributes, b: Attributes): boolean {
  return isSameTime(a, b) && isSameOwnerAndMode(a, b);
}

function isSameOwnerAndMode(a: Attributes, b: Attributes): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    isSameExtended(a.extendedAttributes ?? [], b.extendedAttributes ?? [])
  );
}

function isSameTime(a: Attributes, b: Attributes): boolean {
  return a.mtimeSeconds === b.mtimeSeconds && a.mtimeNanoseconds === b.mtimeNanoseconds;
}

function isSameExtended(a: readonly ExtendedAttribute[], b: readonly ExtendedAttribute[]): boolean {
  return (
    a.length === b.length &&
    a.every((each, index) => each.name === b[index]?.name && Buffer.compare(each.value, b[index].value) === 0)
  );
}

function isSameContent(a: Entry, b: Entry): boolean {
  switch (a.kind) {
    case "file":
      return b.kind === "file" && a.size === b.size && isSameFileContent(a, b);
    case "symlink":
      return b.kind === "symlink" && a.target === b.target;
    case "char":
    case "block":
      return b.kind === a.kind && a.major === b.major && a.minor === b.minor;
    case "dir":
    case "fifo":
    case "socket":
      return b.kind === a.kind;
    default:
      return unreachable(a);
  }
}

function isSameFileContent(a: FileEntry, b: FileEntry): boolean {
  if ("blob" in a.content) return "blob" in b.content && a.content.blob === b.content.blob;
  return "list" in b.content && a.content.list === b.content.list && a.content.fileHash === b.content.fileHash;
}
