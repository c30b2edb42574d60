/**
 * Reads one file of the source into buffers: whole, or cut into chunks where it is large, which lie in a buffer as they lie
 * in the file. Calls are plain synchronous ones, which cost less than any other. What is given out was really read, and
 * a file that changed meanwhile is read again.
 */
import { closeSync, fstatSync, readSync } from "node:fs";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { maxWholeFileBytes } from "../objects/chunker.js";
import type { FileContent } from "../objects/entry.js";
import { blake3, type Hasher } from "../objects/hash.js";
import { ListBuilder } from "../objects/list.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { readAhead } from "../platform/page-cache.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { BatchBuilder, packingRoomBytes, type Batch } from "./batch.js";
import { ChunkCutter } from "./chunk-cutter.js";
import type { OldChunks } from "./old-chunks.js";
import { openToRead } from "./open-file.js";
import { fsPath } from "./source-path.js";
import { sourceStatOf, statusOf, type SourceStat } from "./source-stat.js";

/** How often a file that changes while it is read is begun again before it is kept as it was read. */
const maxTries = 3;
/** A larger one is not begun again: it may well change for ever, as logs do. */
const maxRetriedBytes = 64 << 20;

/** How a file changes while it is read: it has grown, become shorter, or been written to. */
export type Unsteadiness = "grown" | "shrunk" | "changed";

export interface ReadFile {
  readonly content: FileContent;
  /** As it was when the reading ended; its size is that of the content. */
  readonly stat: SourceStat;
  /** What was still happening to it at the last try: then its content may be of no one moment. */
  readonly unsteady: Unsteadiness | undefined;
}

/** What one buffer was filled with. */
export interface Filled {
  readonly batch: Batch;
  /** At the end of the file. */
  readonly end: ReadFile | undefined;
}

/** A file that is being read, and stands still between one buffer and the next. */
export class SourceFile {
  readonly #fd: number;
  /** Told of bytes as they are read. */
  readonly #onRead: (count: number) => void;
  readonly #old: OldChunks | undefined;
  #reading: Reading | undefined;
  #tries = 0;

  /**
   * Opens the file that `path` names. `old`: chunks that the store is known to have, which are not given out. Throws what the
   * file system says.
   */
  constructor(path: ByteString, onRead: (count: number) => void, old?: OldChunks) {
    this.#fd = openToRead(fsPath(path));
    this.#onRead = onRead;
    this.#old = old;
  }

  /**
   * Reads on into a buffer, which holds the longest chunk and has `packingRoomBytes` more. Throws what the file system
   * says; also where there is no regular file any more, as a BakError of code SOURCE_FAILED.
   */
  readInto(buffer: ArrayBuffer): Filled {
    if (this.#reading === undefined) {
      this.#tries += 1;
      // no more than it had at first: a file that grows as fast as it is read would have no end
      const before = statOf(this.#fd);
      this.#reading =
        before.size <= maxWholeFileBytes ? new WholeReading(before) : new ChunkedReading(before, this.#old);
    }
    const { before } = this.#reading;
    const filling = new BatchBuilder(buffer, buffer.byteLength - packingRoomBytes);
    const content = this.#reading.readInto(filling, (room, position) => this.#read(room, position));
    const batch = filling.finish();
    if (content === undefined) return { batch, end: undefined };
    const { size } = this.#reading;
    this.#reading = undefined;
    const after = statOf(this.#fd);
    const isSteady = size === after.size && before.ctimeNs === after.ctimeNs && isSameTime(before, after);
    const isLastTry = this.#tries === maxTries || before.size > maxRetriedBytes;
    if (!isSteady && !isLastTry) return { batch, end: undefined };
    const unsteady = isSteady ? undefined : unsteadinessOf({ before: before.size, read: size, after: after.size });
    return { batch, end: { content, stat: { ...after, size }, unsteady } };
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Reads until the room is full, or the file at its end; how many bytes. */
  #read(room: Uint8Array, position: number): number {
    let length = 0;
    while (length < room.length) {
      const count = readSync(this.#fd, room, length, room.length - length, position + length);
      if (count === 0) break;
      this.#onRead(count);
      length += count;
    }
    // a file that fills a buffer goes on in the next
    if (length === room.length && length > maxWholeFileBytes) readAhead(this.#fd, position + length, length);
    return length;
  }
}

/** Reads at a position, until the room is full or the file at its end; how many bytes. */
type Read = (room: Uint8Array, position: number) => number;

/** One try to read a file. */
interface Reading {
  readonly before: SourceStat;
  /** Bytes that are in what was given out. */
  readonly size: number;
  /** Reads on; at the end, gives what the file is. */
  readInto: (filling: BatchBuilder, read: Read) => FileContent | undefined;
}

/** One blob: the first `before.size` bytes, or what there is of them. */
class WholeReading implements Reading {
  readonly before: SourceStat;
  size = 0;

  constructor(before: SourceStat) {
    this.before = before;
  }

  readInto(filling: BatchBuilder, read: Read): FileContent {
    this.size = read(filling.room().subarray(0, this.before.size), 0);
    return { blob: filling.take("blob", this.size) };
  }
}

/** A list of chunks, of the first `before.size` bytes or what there is of them. */
class ChunkedReading implements Reading {
  readonly before: SourceStat;
  size = 0;
  #position = 0;
  #isEnd = false;
  readonly #hasher: Hasher = blake3().createHasher();
  readonly #lists: PackedObject<ObjectId>[] = [];
  readonly #builder = new ListBuilder((list) => void this.#lists.push(list));
  #content: FileContent | undefined;
  /** What was read of a chunk whose end was not: less than the longest chunk. */
  #rest = Buffer.alloc(0);

  readonly #cutter: ChunkCutter;

  constructor(before: SourceStat, old: OldChunks | undefined) {
    this.before = before;
    this.#cutter = new ChunkCutter(old);
  }

  readInto(filling: BatchBuilder, read: Read): FileContent | undefined {
    this.#addLists(filling); // which the last buffer had no room for
    if (this.#content === undefined) this.#cut(filling, this.#readOn(filling.room(), read));
    return this.#addLists(filling) ? this.#content : undefined;
  }

  /** Fills the room with the rest and what follows it. */
  #readOn(room: Uint8Array, read: Read): Uint8Array {
    const rest = this.#rest;
    if (rest.length > room.length) return room.subarray(0, 0);
    room.set(rest);
    countGarbage(rest.length);
    const wanted = Math.min(this.before.size - this.#position, room.length - rest.length);
    const fresh = room.subarray(rest.length, rest.length + wanted);
    const count = read(fresh, this.#position);
    this.#hasher.update(fresh.subarray(0, count));
    this.#position += count;
    this.#isEnd = count < wanted || this.#position === this.before.size;
    this.#rest = rest.subarray(0, 0);
    return room.subarray(0, rest.length + count);
  }

  /** Takes the chunks that the bytes begin with, and keeps what is left. */
  #cut(filling: BatchBuilder, bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const chunk = this.#cutter.first(bytes.subarray(at), this.#isEnd);
      if (chunk === undefined) break;
      const { id, length } = chunk;
      if (chunk.isOld) filling.skip(length);
      else filling.takeAs("blob", id, length);
      this.#builder.add({ id, size: length });
      at += length;
    }
    this.size += at;
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
    if (!this.#isEnd || this.#rest.length > 0) return;
    if (this.size === 0) {
      this.#content = { blob: filling.take("blob", 0) }; // it was emptied before it could be read
      return;
    }
    const list = this.#builder.finish();
    this.#content = { list, fileHash: this.#hasher.digest().toString("hex") as ObjectId };
  }

  /** Whether there was room for all lists that are finished. */
  #addLists(filling: BatchBuilder): boolean {
    while (this.#lists[0] !== undefined && filling.add(this.#lists[0])) this.#lists.shift();
    return this.#lists.length === 0;
  }
}

/** From its sizes in bytes. No more was read than it had before. */
function unsteadinessOf({ before, read, after }: { before: number; read: number; after: number }): Unsteadiness {
  if (read < before || after < read) return "shrunk";
  return after > read ? "grown" : "changed";
}

function isSameTime(a: SourceStat, b: SourceStat): boolean {
  return a.mtimeSeconds === b.mtimeSeconds && a.mtimeNanoseconds === b.mtimeNanoseconds;
}

function statOf(fd: number): SourceStat {
  const stat = sourceStatOf(statusOf(fstatSync(fd, { bigint: true })));
  if (stat.kind !== "file") throw new BakError("SOURCE_FAILED", "it is no longer a file");
  return stat;
}
