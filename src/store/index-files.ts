/**
 * Reads packs' index files: whole when a store is opened, and then in pieces. Those reads are synchronous: whether an
 * object is there is asked for thousands of ids in a row, and what answers is nearly always memory, or the kernel's page
 * cache.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { errnoOf } from "../errors.js";
import { ByteLru } from "./byte-lru.js";

const cacheBytes = 32 << 20;
const blockBytes = 16 << 10;
/** Each block also has the beginning of the next, so that nothing of this length or less ever lies in two. */
const maxReadBytes = 64;
/** No index has as many blocks. */
const maxBlocks = 2 ** 16;

/** An index file, and a number that no other file has. */
interface IndexFile {
  readonly number: number;
  readonly indexPath: string;
}

/** Reads index files in blocks, and keeps the blocks used last. */
export class IndexFiles {
  readonly #blocks = new ByteLru<number, Buffer>(cacheBytes);

  /** `length` bytes, 64 at most, at `offset` of the file: a view, or fewer bytes where the file ends before. */
  read(file: IndexFile, offset: number, length: number): Buffer {
    if (length > maxReadBytes) throw new RangeError(`a read of ${length} bytes`);
    const number = Math.floor(offset / blockBytes);
    const key = file.number * maxBlocks + number;
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = readBlock(file.indexPath, number * blockBytes);
      this.#blocks.set(key, block, block.length);
    }
    return block.subarray(offset % blockBytes, (offset % blockBytes) + length);
  }

  /** Forgets what was read of a file: it has been written anew. */
  forget(file: IndexFile): void {
    for (let block = 0; block < maxBlocks; block += 1) this.#blocks.delete(file.number * maxBlocks + block);
  }
}

function readBlock(path: string, offset: number): Buffer {
  const block = Buffer.allocUnsafe(blockBytes + maxReadBytes);
  const descriptor = openSync(path, "r");
  try {
    return block.subarray(0, readAt(descriptor, block, offset));
  } finally {
    closeSync(descriptor);
  }
}

/** Fills `bytes` from `offset` of a file; how many there were, fewer only where it ends before. */
export function readAt(descriptor: number, bytes: Buffer, offset: number): number {
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, offset + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}

/** Fills `room` from the beginning of a file; undefined where that is missing, or shorter. */
export async function readIndex(path: string, room: Buffer): Promise<Buffer | undefined> {
  try {
    const handle = await open(path, "r");
    try {
      for (let at = 0; at < room.length;) {
        const { bytesRead } = await handle.read(room, at, room.length - at, at);
        if (bytesRead === 0) return undefined;
        at += bytesRead;
      }
      return room;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
