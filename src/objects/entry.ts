/**
 * Tree entries: what a tree keeps of each name in a directory.
 *
 *     entry   = [name, kind, mode, uid, gid, seconds, nanoseconds, size, content]      or, with extras,
 *               [name, kind, mode, uid, gid, seconds, nanoseconds, size, content, {key: value, …}]
 *     content = blob id | [list id, file hash]    file, small or large
 *             | target                            symlink
 *             | tree id                           dir
 *             | [major, minor]                    char, block
 *             | nil                               fifo, socket
 *     extras  = {1: [[name, value], …], 2: hard-link group}                            only those that are present
 */
import { BakError, unreachable } from "../errors.js";
import type { ByteString } from "./byte-string.js";
import type { CanonicalReader } from "./canonical-reader.js";
import type { CanonicalWriter } from "./canonical-writer.js";
import { maxObjectBytes } from "./object-kind.js";
import { objectIdBytes, type ObjectId } from "./object-id.js";

/** In the order of their numbers in an entry: file is 0. */
export const entryKinds = ["file", "dir", "symlink", "fifo", "socket", "char", "block"] as const;
export type EntryKind = (typeof entryKinds)[number];

/** Longer than Linux's NAME_MAX: vfat, ntfs and exfat have names of 255 UTF-16 units, which are up to 765 bytes. */
export const maxNameBytes = 1024;
export const maxTargetBytes = 1 << 16;
/** No entry, with all its extended attributes, is longer than this. */
export const maxEntryBytes = 1 << 20;
const maxAttributeNameBytes = 255;
/** More than listxattr(2) can list, whose answer is 64 KiB at most. */
const maxAttributes = 1 << 14;
const maxId = 0xffffffff;
const maxMode = 0o7777;
const extraKeys = { attributes: 1, hardLinkGroup: 2 } as const;

/** One extended attribute; POSIX ACLs and capabilities are such, too. */
export interface ExtendedAttribute {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

/** What every kind of entry has beside its name and content, and the root folder of a commit has too. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Modification time: whole seconds since 1970, negative before it, and nanoseconds 0 to 999,999,999 beyond them. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Sorted by name, names unique; absent rather than empty. */
  readonly extendedAttributes?: readonly ExtendedAttribute[];
}

/** What a file's bytes are kept as: one blob, or, for a large file, a list and the BLAKE3 of the file as a whole. */
export type FileContent = { readonly blob: ObjectId } | { readonly list: ObjectId; readonly fileHash: ObjectId };

interface EntryBase extends Attributes {
  readonly name: ByteString;
  /** Entries of one commit with the same number are names of one file; only of a file that had several, there or elsewhere. */
  readonly hardLinkGroup?: number;
}

/** The size of a file is in bytes. */
export type FileEntry = EntryBase & { readonly kind: "file"; readonly size: number; readonly content: FileContent };
export type DirEntry = EntryBase & { readonly kind: "dir"; readonly tree: ObjectId };
export type SymlinkEntry = EntryBase & { readonly kind: "symlink"; readonly target: ByteString };
export type DeviceEntry = EntryBase & {
  readonly kind: "char" | "block";
  readonly major: number;
  readonly minor: number;
};
export type PlainEntry = EntryBase & { readonly kind: "fifo" | "socket" };
export type Entry = FileEntry | DirEntry | SymlinkEntry | DeviceEntry | PlainEntry;

/** The hash that `b3sum` prints for the file. */
export function fileHashOf(content: FileContent): ObjectId {
  return "blob" in content ? content.blob : content.fileHash;
}

/** Whether a name can be joined to a path without climbing out of it: not empty, `.`, `..`, nor with `/` or NUL. */
export function isSafeName(name: ByteString): boolean {
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    name.length <= maxNameBytes &&
    !name.includes("/") &&
    !name.includes("\0")
  );
}

/** Appends the entry's canonical bytes. Throws LIMIT, and appends nothing, for an entry that is longer than any may be. */
export function writeEntry(writer: CanonicalWriter, entry: Entry): void {
  assertWithinLimits(entry);
  const start = writer.length;
  const extras = (entry.extendedAttributes === undefined ? 0 : 1) + (entry.hardLinkGroup === undefined ? 0 : 1);
  writer.array(extras === 0 ? 9 : 10);
  writer.name(entry.name);
  writer.integer(entryKinds.indexOf(entry.kind));
  writeAttributes(writer, entry);
  writer.integer(entrySize(entry));
  writeContent(writer, entry);
  if (extras > 0) {
    writer.map(extras);
    if (entry.extendedAttributes !== undefined) {
      writer.integer(extraKeys.attributes);
      writeExtendedAttributes(writer, entry.extendedAttributes);
    }
    if (entry.hardLinkGroup !== undefined) {
      writer.integer(extraKeys.hardLinkGroup);
      writer.integer(entry.hardLinkGroup);
    }
  }
  if (writer.length - start > maxEntryBytes) {
    writer.clear(start);
    throw new BakError("LIMIT", "metadata beyond 1 MiB");
  }
}

/** What `readEntry` would refuse must never be written: it would be noticed only when the entry is needed. */
function assertWithinLimits(entry: Entry): void {
  if (entry.name.length > maxNameBytes) throw new BakError("LIMIT", `name beyond ${maxNameBytes} bytes`);
  if (!isSafeName(entry.name)) throw new Error("unsafe name");
  if (entry.kind === "symlink" && entry.target.length > maxTargetBytes) {
    throw new BakError("LIMIT", `link target beyond ${maxTargetBytes} bytes`);
  }
  if ((entry.extendedAttributes?.length ?? 0) > maxAttributes) {
    throw new BakError("LIMIT", `more than ${maxAttributes} extended attributes`);
  }
}

/** Reads one entry; throws BAD_OBJECT for anything that `writeEntry` does not make, unsafe names first of all. */
export function readEntry(reader: CanonicalReader): Entry {
  const start = reader.offset;
  const hasExtras = reader.array(9, 10) === 10;
  const name = reader.name(1, maxNameBytes);
  // names are joined to a path on restore, so a tree that can climb is corrupt
  if (!isSafeName(name)) throw reader.refuse("unsafe name");
  const kind = entryKinds[reader.unsigned(entryKinds.length - 1)] as EntryKind;
  const attributes = readAttributes(reader);
  const size = reader.unsigned();
  const content = readContent(reader, kind, size);
  const entry = { name, ...attributes, ...content, ...(hasExtras ? readExtras(reader) : {}) };
  if (reader.offset - start > maxEntryBytes) throw reader.refuse("entry beyond 1 MiB");
  return entry;
}

/** Appends mode, owner and mtime: five integers. */
export function writeAttributes(writer: CanonicalWriter, attributes: Attributes): void {
  writer.integer(attributes.mode);
  writer.integer(attributes.uid);
  writer.integer(attributes.gid);
  writer.integer(attributes.mtimeSeconds);
  writer.integer(attributes.mtimeNanoseconds);
}

/** Reads what `writeAttributes` wrote. */
export function readAttributes(reader: CanonicalReader): Attributes {
  return {
    mode: reader.unsigned(maxMode),
    uid: reader.unsigned(maxId),
    gid: reader.unsigned(maxId),
    mtimeSeconds: reader.integer(),
    mtimeNanoseconds: reader.unsigned(999_999_999),
  };
}

/** Appends an array of `[name, value]`. */
export function writeExtendedAttributes(writer: CanonicalWriter, attributes: readonly ExtendedAttribute[]): void {
  writer.array(attributes.length);
  for (const attribute of attributes) {
    writer.array(2);
    writer.name(attribute.name);
    writer.binary(attribute.value);
  }
}

/** Reads what `writeExtendedAttributes` wrote: at least `min` of them, sorted by name, each once. */
export function readExtendedAttributes(reader: CanonicalReader, min: number): ExtendedAttribute[] {
  const count = reader.array(min, maxAttributes);
  const attributes: ExtendedAttribute[] = [];
  for (let index = 0; index < count; index += 1) {
    reader.array(2, 2);
    const name = reader.name(1, maxAttributeNameBytes);
    if (name.includes("\0")) throw reader.refuse("unsafe attribute name");
    if (index > 0 && name <= (attributes[index - 1] as ExtendedAttribute).name)
      throw reader.refuse("attributes out of order");
    attributes.push({ name, value: reader.binary(0, maxEntryBytes) });
  }
  return attributes;
}

/** What stands in an entry's size: a file's bytes, the length of a symlink's target, 0 for the rest. */
function entrySize(entry: Entry): number {
  if (entry.kind === "file") return entry.size;
  return entry.kind === "symlink" ? entry.target.length : 0;
}

function writeContent(writer: CanonicalWriter, entry: Entry): void {
  switch (entry.kind) {
    case "file":
      if ("blob" in entry.content) {
        writer.binary(objectIdBytes(entry.content.blob));
      } else {
        writer.array(2);
        writer.binary(objectIdBytes(entry.content.list));
        writer.binary(objectIdBytes(entry.content.fileHash));
      }
      return;
    case "dir":
      return writer.binary(objectIdBytes(entry.tree));
    case "symlink":
      return writer.name(entry.target);
    case "char":
    case "block":
      writer.array(2);
      writer.integer(entry.major);
      writer.integer(entry.minor);
      return;
    case "fifo":
    case "socket":
      return writer.nil();
    default:
      unreachable(entry);
  }
}

type Content =
  | Pick<FileEntry, "kind" | "size" | "content">
  | Pick<DirEntry, "kind" | "tree">
  | Pick<SymlinkEntry, "kind" | "target">
  | Pick<DeviceEntry, "kind" | "major" | "minor">
  | Pick<PlainEntry, "kind">;

function readContent(reader: CanonicalReader, kind: EntryKind, size: number): Content {
  if (kind !== "file" && kind !== "symlink" && size !== 0) throw reader.refuse(`${kind} with a size`);
  switch (kind) {
    case "file":
      if (!reader.isArrayNext()) {
        if (size > maxObjectBytes) throw reader.refuse("blob beyond 8 MiB");
        return { kind, size, content: { blob: reader.objectId() } };
      }
      reader.array(2, 2);
      return { kind, size, content: { list: reader.objectId(), fileHash: reader.objectId() } };
    case "dir":
      return { kind, tree: reader.objectId() };
    case "symlink": {
      const target = reader.name(1, maxTargetBytes);
      if (target.includes("\0")) throw reader.refuse("unsafe link target");
      if (target.length !== size) throw reader.refuse("symlink with another size than its target's");
      return { kind, target };
    }
    case "char":
    case "block":
      reader.array(2, 2);
      return { kind, major: reader.unsigned(maxId), minor: reader.unsigned(maxId) };
    case "fifo":
    case "socket":
      if (!reader.nil()) throw reader.refuse(`${kind} with content`);
      return { kind };
    default:
      return unreachable(kind);
  }
}

function readExtras(reader: CanonicalReader): Pick<EntryBase, "extendedAttributes" | "hardLinkGroup"> {
  const count = reader.map(1, 2);
  const extras: { extendedAttributes?: ExtendedAttribute[]; hardLinkGroup?: number } = {};
  let last = 0;
  for (let index = 0; index < count; index += 1) {
    const key = reader.unsigned();
    if (key <= last) throw reader.refuse("extras out of order");
    last = key;
    if (key === extraKeys.attributes) extras.extendedAttributes = readExtendedAttributes(reader, 1);
    else if (key === extraKeys.hardLinkGroup) extras.hardLinkGroup = reader.unsigned();
    else throw reader.refuse(`unknown extra ${key}`);
  }
  return extras;
}
