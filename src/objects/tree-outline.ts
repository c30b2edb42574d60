/**
 * What a tree names, without its entries' names, times and owners: for whoever only has to see that all of it is there. A
 * tree is gone through where it stands, every byte of it checked as `decodeTree` checks it, and nothing is made of an entry
 * that names a blob but the blob's id and size, gathered with the others.
 *
 * Only entries of the most common forms are read here. Others go to `readEntry`, one at a time; and wherever anything is
 * wrong, `decodeTree` looks at the tree, and has the last word.
 */
import { isBakError } from "../errors.js";
import { byteString, type ByteString } from "./byte-string.js";
import { CanonicalReader } from "./canonical-reader.js";
import { readEntry, type Entry } from "./entry.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "./object-id.js";
import { maxObjectBytes } from "./object-kind.js";
import { decodeTree, isPaged, maxChildren, maxTreeBytes, type TreePage } from "./tree.js";

/** Blobs that are named, each with the size that it must have. */
export interface NamedBlobs {
  readonly count: number;
  /** The ids, 32 bytes each, one after the other. */
  readonly ids: Uint8Array;
  readonly sizes: Float64Array;
}

/** What the entries of one directory, or of one page of it, name. */
export interface EntriesOutline {
  readonly level: 0;
  /** The names that it begins and ends with; none where it is empty. */
  readonly firstName: ByteString | undefined;
  readonly lastName: ByteString | undefined;
  readonly dirs: readonly { readonly name: ByteString; readonly tree: ObjectId }[];
  readonly lists: readonly { readonly list: ObjectId; readonly size: number }[];
  readonly blobs: NamedBlobs;
}

export type TreeOutline = EntriesOutline | { readonly level: number; readonly pages: readonly TreePage[] };

/** Whether an outline is that of pages, not of entries. */
export function isPagedOutline(tree: TreeOutline): tree is Extract<TreeOutline, { pages: readonly TreePage[] }> {
  return "pages" in tree;
}

/** The outline of the tree that the bytes are; throws BAD_OBJECT wherever `decodeTree` does. */
export function outlineTree(bytes: Uint8Array): TreeOutline {
  const head = headOf(bytes);
  const outline = head === undefined ? undefined : new Outliner(bytes).outline(head);
  if (outline !== undefined) return outline;
  const tree = decodeTree(bytes);
  if (isPaged(tree)) return tree;
  throw new Error("a tree that is well formed has no outline");
}

/** How many entries there are in a tree of entries, [1, 0, [ …, and where they begin. */
function headOf(bytes: Uint8Array): { count: number; at: number } | undefined {
  if (bytes.length > maxTreeBytes || bytes[0] !== 0x93 || bytes[1] !== 1 || bytes[2] !== 0) return undefined;
  const reader = new CanonicalReader(bytes.subarray(3), "tree");
  try {
    const count = reader.array(0, maxChildren);
    return { count, at: 3 + reader.offset };
  } catch (error) {
    if (isBakError(error, "BAD_OBJECT")) return undefined;
    throw error;
  }
}

const file = 0;
const dir = 1;
const maxMode = 0o7777;
const maxOwnerId = 0xffffffff;
const maxNanoseconds = 999_999_999;
const slash = 0x2f;
const dot = 0x2e;
/** The least that an entry with a blob takes: its array, a name, six numbers, and the id. */
const minBlobEntryBytes = 44;

/** Goes through the entries of one tree. */
class Outliner {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Where the name stands that came last, and how long it is: shorter than any, so that each comes after it. */
  #lastNameAt = 0;
  #lastNameLength = 0;
  #firstName: ByteString | undefined;
  readonly #dirs: { name: ByteString; tree: ObjectId }[] = [];
  readonly #lists: { list: ObjectId; size: number }[] = [];
  #ids = new Uint8Array(0);
  #sizes = new Float64Array(0);
  #blobs = 0;
  /** What `#unsigned` has read last. */
  #value = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Undefined for a tree that is malformed. */
  outline({ count, at }: { count: number; at: number }): EntriesOutline | undefined {
    const mostBlobs = Math.min(count, Math.floor(this.#bytes.length / minBlobEntryBytes));
    this.#ids = new Uint8Array(mostBlobs * objectIdLength);
    this.#sizes = new Float64Array(mostBlobs);
    this.#at = at;
    for (let index = 0; index < count; index += 1) {
      const start = this.#at;
      if (this.#entry()) continue;
      this.#at = start;
      if (!this.#rareEntry()) return undefined;
    }
    if (this.#at !== this.#bytes.length) return undefined;
    return {
      level: 0,
      firstName: this.#firstName,
      lastName: count === 0 ? undefined : this.#lastName(),
      dirs: this.#dirs,
      lists: this.#lists,
      blobs: { count: this.#blobs, ids: this.#ids, sizes: this.#sizes },
    };
  }

  /** A file or a folder without extras, and with a name of up to 255 bytes. */
  #entry(): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== 0x99 || bytes[this.#at + 1] !== 0xc4) return false;
    const nameAt = this.#at + 3;
    const nameLength = bytes[this.#at + 2] as number;
    const kindAt = nameAt + nameLength;
    const kind = bytes[kindAt];
    if ((kind !== file && kind !== dir) || !this.#isSafeName(nameAt, nameLength)) return false;
    if (!this.#isAfterLastName(nameAt, nameLength)) return false;
    this.#at = kindAt + 1;
    const isWithin = this.#unsigned(maxMode) && this.#unsigned(maxOwnerId) && this.#unsigned(maxOwnerId);
    if (!isWithin || !this.#unsigned(Number.MAX_SAFE_INTEGER) || !this.#unsigned(maxNanoseconds)) return false;
    if (!this.#unsigned(Number.MAX_SAFE_INTEGER)) return false;
    const size = this.#value;
    if (kind === dir) return size === 0 && this.#dir(nameAt, nameLength);
    return this.#fileContent(size, nameAt, nameLength);
  }

  #dir(nameAt: number, nameLength: number): boolean {
    const at = this.#id();
    if (at < 0) return false;
    this.#tookName(nameAt, nameLength);
    this.#dirs.push({ name: this.#lastName(), tree: objectIdAt(this.#bytes, at) });
    return true;
  }

  #fileContent(size: number, nameAt: number, nameLength: number): boolean {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x92) {
      this.#at += 1;
      const list = this.#id();
      if (list < 0 || this.#id() < 0) return false;
      this.#lists.push({ list: objectIdAt(bytes, list), size });
    } else {
      const at = this.#id();
      if (at < 0 || size > maxObjectBytes) return false;
      this.#addBlob(bytes, at, size);
    }
    this.#tookName(nameAt, nameLength);
    return true;
  }

  #addBlob(bytes: Uint8Array, idAt: number, size: number): void {
    const to = this.#blobs * objectIdLength;
    for (let byte = 0; byte < objectIdLength; byte += 1) this.#ids[to + byte] = bytes[idAt + byte] as number;
    this.#sizes[this.#blobs] = size;
    this.#blobs += 1;
  }

  /** Any entry at all. */
  #rareEntry(): boolean {
    const reader = new CanonicalReader(this.#bytes.subarray(this.#at), "tree");
    let entry: Entry;
    try {
      entry = readEntry(reader);
    } catch (error) {
      if (isBakError(error, "BAD_OBJECT")) return false;
      throw error;
    }
    // the name comes second, after the marker of the entry, and its own of two, three or more bytes
    const nameLength = entry.name.length;
    const nameAt = this.#at + 1 + (nameLength < 0x100 ? 2 : 3);
    if (!this.#isAfterLastName(nameAt, nameLength)) return false;
    this.#tookName(nameAt, nameLength);
    this.#at += reader.offset;
    if (entry.kind === "dir") this.#dirs.push({ name: entry.name, tree: entry.tree });
    if (entry.kind !== "file") return true;
    if ("list" in entry.content) this.#lists.push({ list: entry.content.list, size: entry.size });
    else this.#addBlob(objectIdBytes(entry.content.blob), 0, entry.size);
    return true;
  }

  /** Reads an integer from 0 to `max` into `#value`; false for any that is not one, in its shortest form. */
  #unsigned(max: number): boolean {
    const bytes = this.#bytes;
    const marker = bytes[this.#at] ?? 0xff;
    const at = this.#at + 1;
    if (marker < 0x80) return this.#tookValue(marker, 1, max);
    const [a, b, c, d] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0];
    switch (marker) {
      case 0xcc:
        return a >= 0x80 && this.#tookValue(a, 2, max);
      case 0xcd:
        return a > 0 && this.#tookValue(a * 0x100 + b, 3, max);
      case 0xce:
        return (a > 0 || b > 0) && this.#tookValue(a * 0x1000000 + b * 0x10000 + c * 0x100 + d, 5, max);
      default:
        return false;
    }
  }

  #tookValue(value: number, length: number, max: number): boolean {
    this.#value = value;
    this.#at += length;
    return value <= max && this.#at <= this.#bytes.length;
  }

  /** Where the id stands that comes next, or -1. */
  #id(): number {
    const at = this.#at;
    if (this.#bytes[at] !== 0xc4 || this.#bytes[at + 1] !== objectIdLength) return -1;
    this.#at = at + 2 + objectIdLength;
    return this.#at <= this.#bytes.length ? at + 2 : -1;
  }

  /** See `isSafeName`. */
  #isSafeName(at: number, length: number): boolean {
    const bytes = this.#bytes;
    if (length === 0 || (bytes[at] === dot && (length === 1 || (length === 2 && bytes[at + 1] === dot)))) return false;
    for (let byte = at; byte < at + length; byte += 1) if (bytes[byte] === slash || bytes[byte] === 0) return false;
    return true;
  }

  #isAfterLastName(at: number, length: number): boolean {
    const bytes = this.#bytes;
    const common = Math.min(length, this.#lastNameLength);
    for (let byte = 0; byte < common; byte += 1) {
      const difference = (bytes[at + byte] as number) - (bytes[this.#lastNameAt + byte] as number);
      if (difference !== 0) return difference > 0;
    }
    return length > this.#lastNameLength;
  }

  #tookName(at: number, length: number): void {
    this.#lastNameAt = at;
    this.#lastNameLength = length;
    this.#firstName ??= this.#lastName();
  }

  #lastName(): ByteString {
    return byteString(this.#bytes.subarray(this.#lastNameAt, this.#lastNameAt + this.#lastNameLength));
  }
}
