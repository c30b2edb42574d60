/**
 * Small reads from packs' index files, through a bounded cache. Synchronous: whether an object is there is asked for
 * thousands of ids in a row, and what answers is nearly always a block in memory, or in the kernel's page cache.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { ByteLru } from "./byte-lru.js";

const cacheBytes = 32 << 20;
const blockBytes = 64 << 10;
/** Each block also has the beginning of the next, so that nothing of this length or less ever lies in two. */
const maxReadBytes = 64;

/** Reads index files in blocks, and keeps the blocks used last. */
export class IndexFiles {
  readonly #blocks = new ByteLru<string, Buffer>(cacheBytes);

  /** `length` bytes, 64 at most, at `offset` of the file: a view, or fewer bytes where the file ends before. */
  read(path: string, offset: number, length: number): Buffer {
    if (length > maxReadBytes) throw new RangeError(`a read of ${length} bytes`);
    const number = Math.floor(offset / blockBytes);
    const key = `${number} ${path}`;
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = readBlock(path, number * blockBytes);
      this.#blocks.set(key, block, block.length);
    }
    return block.subarray(offset % blockBytes, (offset % blockBytes) + length);
  }
}

function readBlock(path: string, offset: number): Buffer {
  const block = Buffer.allocUnsafe(blockBytes + maxReadBytes);
  const descriptor = openSync(path, "r");
  try {
    let length = 0;
    while (length < block.length) {
      const read = readSync(descriptor, block, length, block.length - length, offset + length);
      if (read === 0) break;
      length += read;
    }
    return block.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}
