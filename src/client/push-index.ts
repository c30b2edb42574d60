/**
 * The client's own index, as git has one: for each project the trees of the last push and, for every name in them, the
 * ctime and inode that it had. With it an unchanged folder needs no trees from the store, and a file that was replaced by
 * one of the same size and mtime is noticed. It is a cache: lost or damaged, it is made anew.
 *
 *     "bakindex" version(u32) header length(u32) header (JSON) padding
 *     then for each folder  path length, stat count, tree id, path, padding, [ctime ns, inode] (i64 each) …
 *     and for each object   length, id, bytes, padding        numbers little-endian, padding to 8 bytes
 *     BLAKE3 of all before
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { byteString, byteStringFromText, bytesOf, type ByteString } from "../objects/byte-string.js";
import { blake3, hashLength } from "../objects/hash.js";
import { isObjectId, objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { makeFolders } from "./make-folders.js";
import { writeBeside, type FreshFile } from "./replace-file.js";
import { writeAll } from "./write-all.js";

/** What was seen of one folder: for the i-th entry of its tree, ctime in ns at 2i and inode at 2i+1. */
export interface FolderStats {
  readonly tree: ObjectId;
  readonly stats: BigInt64Array;
}

export interface PushIndex {
  /** The store and commit that the trees are of. */
  readonly store: string;
  readonly commit: ObjectId;
  /** When the scan began, in ms since 1970: what is not older may have changed since without a trace. */
  readonly startedMs: number;
  /** Which extended attributes whoever made it could see. */
  readonly attributes: string;
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
  /** The trees' bytes, and the commit's. */
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
}

/** An index that is to be written: its trees may come from elsewhere. */
export interface NewPushIndex extends Omit<PushIndex, "objects"> {
  readonly objects: { readonly size: number } & Iterable<readonly [ObjectId, Uint8Array]>;
}

const magic = Buffer.from("bakindex");
const version = 2;
const alignment = 8;

/** The index that the file holds; undefined where there is none, or none that is whole and of this version. */
export function readPushIndex(file: string): PushIndex | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  return decodePushIndex(bytes);
}

/** The index that the bytes are; undefined for any that no index is made of. */
export function decodePushIndex(bytes: Buffer): PushIndex | undefined {
  const end = bytes.length - hashLength;
  if (end < magic.length + 8 || !blake3().hash(bytes.subarray(0, end)).equals(bytes.subarray(end))) return undefined;
  if (!bytes.subarray(0, magic.length).equals(magic) || bytes.readUInt32LE(magic.length) !== version) return undefined;
  return decode(bytes.subarray(0, end));
}

/** Writes the index beside the file; it takes the place of what that held, if anything, once `put` is called. */
export function writePushIndex(file: string, index: NewPushIndex): FreshFile {
  makeFolders(byteStringFromText(dirname(file)), 0o700);
  return writeBeside(byteStringFromText(file), { mode: 0o600, isKept: false }, (fd) => {
    const writer = new IndexWriter(fd);
    write(writer, index);
    writer.finish();
  });
}

interface Header {
  store: string;
  commit: string;
  startedMs: number;
  attributes: string;
  folders: number;
  objects: number;
}

function write(writer: IndexWriter, index: NewPushIndex): void {
  const header = {
    store: index.store,
    commit: index.commit,
    startedMs: index.startedMs,
    attributes: index.attributes,
    folders: index.folders.size,
    objects: index.objects.size,
  } satisfies Header;
  const json = Buffer.from(JSON.stringify(header));
  writer.add(magic, uint32(version), uint32(json.length), json);
  writer.align();
  for (const [path, { tree, stats }] of index.folders) {
    writer.add(uint32(path.length), uint32(stats.length / 2), objectIdBytes(tree), bytesOf(path));
    writer.align();
    writer.add(new Uint8Array(stats.buffer, stats.byteOffset, stats.byteLength));
  }
  for (const [id, bytes] of index.objects) {
    writer.add(uint32(bytes.length), objectIdBytes(id), bytes);
    writer.align();
  }
}

const noBytes = Buffer.alloc(alignment);

/** Writes through a small buffer: the index of a million files has 130 MB, which need not be in memory once more. */
class IndexWriter {
  readonly #fd: number;
  readonly #hasher = blake3().createHasher();
  readonly #buffer = Buffer.allocUnsafe(256 << 10);
  #used = 0;
  #length = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  add(...parts: Uint8Array[]): void {
    for (const part of parts) {
      this.#length += part.length;
      if (this.#used + part.length > this.#buffer.length) this.#flush();
      if (part.length > this.#buffer.length) {
        this.#hasher.update(part);
        writeAll(this.#fd, part);
      } else {
        this.#buffer.set(part, this.#used);
        this.#used += part.length;
      }
    }
  }

  /** Zeros up to the next multiple of `alignment`. */
  align(): void {
    this.add(noBytes.subarray(0, align(this.#length) - this.#length));
  }

  /** The hash of all that was written. */
  finish(): void {
    this.#flush();
    writeAll(this.#fd, this.#hasher.digest());
  }

  #flush(): void {
    const used = this.#buffer.subarray(0, this.#used);
    this.#hasher.update(used);
    writeAll(this.#fd, used);
    this.#used = 0;
  }
}

/** The bytes are whole, as their hash has shown; whether they were written by this program, it does not show. */
function decode(bytes: Buffer): PushIndex | undefined {
  // numbers of 64 bits are read in place, which asks for alignment
  const aligned = bytes.byteOffset % alignment === 0 ? bytes : Buffer.alloc(bytes.length);
  if (aligned !== bytes) bytes.copy(aligned);
  const headerAt = magic.length + 8;
  const headerEnd = headerAt + aligned.readUInt32LE(magic.length + 4);
  if (headerEnd > aligned.length) return undefined;
  const header = parseHeader(aligned.toString("utf8", headerAt, headerEnd));
  if (header === undefined) return undefined;
  let at = align(headerEnd);
  const folders = new Map<ByteString, FolderStats>();
  for (let index = 0; index < header.folders; index += 1) {
    const pathAt = at + 8 + objectIdLength;
    if (pathAt > aligned.length) return undefined;
    const pathEnd = pathAt + aligned.readUInt32LE(at);
    const statsAt = align(pathEnd);
    const count = aligned.readUInt32LE(at + 4);
    if (statsAt + count * 16 > aligned.length) return undefined;
    const stats = new BigInt64Array(aligned.buffer, aligned.byteOffset + statsAt, count * 2);
    folders.set(byteString(aligned.subarray(pathAt, pathEnd)), { tree: objectIdAt(aligned, at + 8), stats });
    at = statsAt + count * 16;
  }
  const objects = new Map<ObjectId, Uint8Array>();
  for (let index = 0; index < header.objects; index += 1) {
    const start = at + 4 + objectIdLength;
    if (start > aligned.length) return undefined;
    const end = start + aligned.readUInt32LE(at);
    if (end > aligned.length) return undefined;
    objects.set(objectIdAt(aligned, at + 4), aligned.subarray(start, end));
    at = align(end);
  }
  const { store, commit, startedMs, attributes } = header;
  return { store, commit, startedMs, attributes, folders, objects };
}

function parseHeader(text: string): (Header & { commit: ObjectId }) | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { store, commit, startedMs, attributes, folders, objects } = value as Partial<Record<keyof Header, unknown>>;
  const isHeader =
    typeof store === "string" &&
    typeof commit === "string" &&
    isObjectId(commit) &&
    isCount(startedMs) &&
    typeof attributes === "string" &&
    isCount(folders) &&
    isCount(objects);
  return isHeader ? { store, commit, startedMs, attributes, folders, objects } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function align(at: number): number {
  return at + (-at & (alignment - 1));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
