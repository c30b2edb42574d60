/**
 * Trees: one directory each. A directory of moderate size is one object that holds its entries; a larger one is a small
 * search tree of pages, whose boundaries come from the names' own hashes, so that a new name changes one page and the few
 * above it. (The idea is that of content-defined chunking, applied to a sorted map.)
 *
 *     tree = [1, 0, [entry, …]]                  a directory, or a leaf page of one
 *          | [1, level, [[first name, tree id], …]]      level 1 and up: pages of the level below
 */
import { BakError } from "../errors.js";
import type { ByteString } from "./byte-string.js";
import { CanonicalReader } from "./canonical-reader.js";
import { CanonicalWriter } from "./canonical-writer.js";
import { isSafeName, maxNameBytes, readEntry, writeEntry, type Entry } from "./entry.js";
import { objectIdBytes, objectIdOf, type ObjectId } from "./object-id.js";
import type { PackedObject } from "./object-kind.js";

/** The version of the tree format that this code writes, and the only one it reads. */
export const treeVersion = 1;
/** Up to so many entries, and so many bytes of them, a directory is a single object. */
export const maxUnpagedEntries = 1024;
export const maxUnpagedBytes = 256 << 10;
/** A page of a larger directory ends where the hash of its last name says so: at one name in 128. */
const pageBits = 7;
/**
 * But not before it has so many elements: names can be chosen so that each of them ends a page, and then every level has
 * to be much smaller than the one below it.
 */
export const minPageElements = 16;
/** A page also ends before an entry that would bring its entries beyond this, whatever the hashes say. */
export const maxPageBytes = 2 << 20;
export const maxTreeLevel = 8;
/** No tree is longer: a full page and what comes before its entries. A few bytes can make an entry, so this bounds memory. */
export const maxTreeBytes = maxPageBytes + 16;
/** Nor has any more entries, or pages. */
export const maxChildren = 1 << 20;

/** A page of a level below: the first name in it, and its id. */
export interface TreePage {
  readonly firstName: ByteString;
  readonly id: ObjectId;
}

export type Tree =
  | { readonly level: 0; readonly entries: readonly Entry[] }
  | { readonly level: number; readonly pages: readonly TreePage[] };

/** Whether a tree holds pages, not entries. */
export function isPaged(tree: Tree): tree is Extract<Tree, { pages: readonly TreePage[] }> {
  return "pages" in tree;
}

/** Whether the bytes, which are a tree's, are of one that holds pages. */
export function isPagedTree(bytes: Uint8Array): boolean {
  return bytes[2] !== 0; // after the marker of the array and the version stands the level
}

/** The canonical bytes of a tree whose entries (or pages) are sorted by name. */
export function encodeTree(tree: Tree): Buffer {
  const writer = new CanonicalWriter(4096);
  const encode = isPaged(tree)
    ? () => tree.pages.forEach((page) => writePage(writer, page))
    : () => tree.entries.forEach((entry) => writeEntry(writer, entry));
  writeHead(writer, tree.level, isPaged(tree) ? tree.pages.length : tree.entries.length);
  encode();
  return writer.finish();
}

/** The tree that the bytes are; throws BAD_OBJECT for any bytes that `encodeTree` does not make. */
export function decodeTree(bytes: Uint8Array): Tree {
  if (bytes.length > maxTreeBytes) throw new BakError("BAD_OBJECT", "malformed tree: longer than any may be");
  const reader = new CanonicalReader(bytes, "tree");
  reader.versioned(treeVersion, 3);
  const level = reader.unsigned(maxTreeLevel);
  const tree: Tree = level === 0 ? { level, entries: readEntries(reader) } : { level, pages: readPages(reader) };
  reader.end();
  return tree;
}

/** The tree of a directory without entries. */
export const emptyTree: Tree = { level: 0, entries: [] };

/**
 * Makes the tree objects of one directory from its entries, given in byte order of their names. Memory: the entries of
 * a directory that is still small enough to be one object, then one open page a level.
 */
export class TreeBuilder {
  readonly #emit: (tree: PackedObject<ObjectId>) => void;
  #waiting: Entry[] = [];
  #waitingBytes = 0;
  #pager: Pager | undefined;
  readonly #writer = new CanonicalWriter(1024);
  #last: ByteString | undefined;
  /** How many entries have been added. */
  count = 0;

  /** `emit` is given each tree once, pages before the pages that name them. */
  constructor(emit: (tree: PackedObject<ObjectId>) => void) {
    this.#emit = emit;
  }

  /** Adds the next entry; throws LIMIT for one whose metadata is too long to be kept. */
  add(entry: Entry): void {
    if (this.#last !== undefined && entry.name <= this.#last) throw new Error(`entries out of order: ${entry.name}`);
    const writer = this.#writer;
    const start = writer.length;
    writeEntry(writer, entry);
    this.#last = entry.name;
    this.count += 1;
    if (this.#pager === undefined) {
      this.#waiting.push(entry);
      this.#waitingBytes = writer.length;
      if (this.count <= maxUnpagedEntries && this.#waitingBytes <= maxUnpagedBytes) return;
      this.#startPages();
    } else {
      this.#pager.add(entry.name, writer.view(start), 0);
      writer.clear();
    }
  }

  /** The id of the whole directory's tree; every object of it has been emitted. */
  finish(): ObjectId {
    if (this.#pager !== undefined) return this.#pager.finish();
    const head = new CanonicalWriter(this.#writer.length + 16);
    writeHead(head, 0, this.count);
    head.encoded(this.#writer.view(0));
    return emitTree(this.#emit, head.finish());
  }

  #startPages(): void {
    this.#pager = new Pager(this.#emit);
    this.#writer.clear();
    for (const entry of this.#waiting) {
      writeEntry(this.#writer, entry);
      this.#pager.add(entry.name, this.#writer.view(0), 0);
      this.#writer.clear();
    }
    this.#waiting = [];
  }
}

interface OpenPage {
  firstName: ByteString;
  lastName: ByteString;
  count: number;
  writer: CanonicalWriter;
}

/** Cuts a sorted run of encoded elements into pages, the pages' names into pages of pages, and so on. */
class Pager {
  readonly #emit: (tree: PackedObject<ObjectId>) => void;
  readonly #open: (OpenPage | undefined)[] = [];

  constructor(emit: (tree: PackedObject<ObjectId>) => void) {
    this.#emit = emit;
  }

  /** `firstName` and `lastName` are those of the element: the same for an entry, the span of a page for a page. */
  add(firstName: ByteString, encoded: Uint8Array, level: number, lastName = firstName): void {
    if (level > maxTreeLevel) throw new BakError("LIMIT", "directory too large for a tree");
    const before = this.#open[level];
    if (before !== undefined && before.writer.length + encoded.length > maxPageBytes) this.#close(level);
    const page = (this.#open[level] ??= { firstName, lastName, count: 0, writer: new CanonicalWriter(16 << 10) });
    page.writer.encoded(encoded);
    page.lastName = lastName;
    page.count += 1;
    if (page.count >= minPageElements && endsPage(lastName, level)) this.#close(level);
  }

  finish(): ObjectId {
    for (let level = 0; ; level += 1) {
      const page = this.#open[level];
      const isTop = level === this.#open.length - 1;
      if (isTop && page !== undefined && level > 0 && page.count === 1) return this.#only(page);
      if (isTop && page !== undefined) return this.#seal(level, page);
      if (page !== undefined) this.#close(level);
    }
  }

  /** A page that names a single page is left out, and that page takes its place. */
  #only(page: OpenPage): ObjectId {
    const reader = new CanonicalReader(page.writer.view(0), "tree");
    return readPage(reader).id;
  }

  #seal(level: number, page: OpenPage): ObjectId {
    this.#open[level] = undefined;
    const head = new CanonicalWriter(page.writer.length + 16);
    writeHead(head, level, page.count);
    head.encoded(page.writer.view(0));
    return emitTree(this.#emit, head.finish());
  }

  #close(level: number): void {
    const page = this.#open[level];
    if (page === undefined) return;
    const id = this.#seal(level, page);
    const element = new CanonicalWriter(64 + page.firstName.length);
    writePage(element, { firstName: page.firstName, id });
    this.add(page.firstName, element.view(0), level + 1, page.lastName);
  }
}

function emitTree(emit: (tree: PackedObject<ObjectId>) => void, bytes: Buffer): ObjectId {
  const id = objectIdOf(bytes);
  emit({ kind: "tree", id, bytes });
  return id;
}

/** Whether a page of the given level ends after this name. */
function endsPage(lastName: ByteString, level: number): boolean {
  const bits = Math.min(pageBits * (level + 1), 32);
  return bits === 32 ? nameHash(lastName) === 0 : (nameHash(lastName) & (2 ** bits - 1)) === 0;
}

/**
 * 32 bits of a name: FNV-1a (draft-eastlake-fnv) and then the finalizer of MurmurHash3, since the low bits of FNV alone
 * depend on too little of names that differ only in a number.
 */
export function nameHash(name: ByteString): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function writeHead(writer: CanonicalWriter, level: number, count: number): void {
  writer.array(3);
  writer.integer(treeVersion);
  writer.integer(level);
  writer.array(count);
}

function writePage(writer: CanonicalWriter, page: TreePage): void {
  writer.array(2);
  writer.name(page.firstName);
  writer.binary(objectIdBytes(page.id));
}

function readPage(reader: CanonicalReader): TreePage {
  reader.array(2, 2);
  const firstName = reader.name(1, maxNameBytes);
  if (!isSafeName(firstName)) throw reader.refuse("unsafe name");
  return { firstName, id: reader.objectId() };
}

function readEntries(reader: CanonicalReader): Entry[] {
  return readSorted(reader, 0, readEntry, (entry) => entry.name);
}

function readPages(reader: CanonicalReader): TreePage[] {
  return readSorted(reader, 1, readPage, (page) => page.firstName);
}

function readSorted<T>(
  reader: CanonicalReader,
  min: number,
  read: (reader: CanonicalReader) => T,
  nameOf: (element: T) => ByteString,
): T[] {
  const count = reader.array(min, maxChildren);
  const elements: T[] = [];
  let last: ByteString | undefined;
  for (let index = 0; index < count; index += 1) {
    const element = read(reader);
    const name = nameOf(element);
    if (last !== undefined && name <= last) throw reader.refuse("names out of order, or twice");
    last = name;
    elements.push(element);
  }
  return elements;
}
