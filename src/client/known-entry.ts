/** What a name is, as far as that can be said without reading a file. */
import { readlinkSync } from "node:fs";
import { unreachable } from "../errors.js";
import { byteString, type ByteString } from "../objects/byte-string.js";
import type { Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { isUnchangedFile } from "./compare.js";
import type { HeadEntry } from "./head-entries.js";
import { fsPath } from "./source-path.js";
import type { Extras } from "./source-attributes.js";
import { attributesOf, deviceNumbers, type SourceStat } from "./source-stat.js";

/** What an entry holds in place of an id that is not known yet, or never asked for. */
export const noId = "" as ObjectId;

/** What there is to compare with; without a sink nothing is read, and a changed file has no content. */
interface Known {
  readonly baseline: { readonly scanStartedMs: number; readonly isOfFolder: boolean };
  readonly isFull: boolean;
  readonly sink: object | undefined;
}

/** A name of a folder, as lstat has it, and what belongs to it beside that. */
export interface FoundName {
  readonly name: ByteString;
  readonly absolute: ByteString;
  readonly stat: SourceStat;
  readonly extras: Extras;
}

/**
 * The entry of a name that is no folder; undefined for a file that has to be read. `head` is what the head has of the name.
 * Throws what readlink(2) fails with.
 */
export function knownEntry(at: FoundName, head: HeadEntry | undefined, options: Known): Entry | undefined {
  const { name, stat, absolute, extras } = at;
  const base = { name, ...attributesOf(stat), ...extras };
  switch (stat.kind) {
    case "file":
      return knownFile(at, head, options);
    case "symlink":
      return { ...base, kind: "symlink", target: byteString(readlinkSync(fsPath(absolute), "buffer")) };
    case "char":
    case "block":
      return { ...base, kind: stat.kind, ...deviceNumbers(stat.rdev) };
    case "fifo":
    case "socket":
      return { ...base, kind: stat.kind };
    case "dir":
      throw new Error("a folder is no plain entry");
    default:
      return unreachable(stat.kind);
  }
}

function knownFile(
  { name, stat, extras }: FoundName,
  head: HeadEntry | undefined,
  { baseline, isFull, sink }: Known,
): FileEntry | undefined {
  const base = { name, kind: "file", ...attributesOf(stat), ...extras, size: stat.size } as const;
  const comparison = { indexed: head?.indexed, scanStartedMs: baseline.scanStartedMs };
  const isProven = baseline.isOfFolder || head?.indexed !== undefined;
  const known = head?.entry;
  if (!isFull && isProven && isUnchangedFile(stat, known, comparison)) return { ...base, content: known.content };
  return sink === undefined ? { ...base, content: { blob: noId } } : undefined; // equal to no content
}
