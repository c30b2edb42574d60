/**
 * Reads one file of the source: whole, or chunk by chunk where it is large; with plain synchronous calls, which cost a
 * small file less than any other. What is given out was really read, and a file that changed meanwhile is read again.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { firstChunkLength, maxChunkBytes, maxWholeFileBytes } from "../objects/chunker.js";
import type { FileContent } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import { ListBuilder } from "../objects/list.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { fsPath } from "./source-path.js";
import { sourceStatOf, type SourceStat } from "./source-stat.js";

/** How often a file that changes while it is read is begun again before it is kept as it was read. */
const maxTries = 3;
/** A larger one is not begun again: it may well change for ever, as logs do. */
const maxRetriedBytes = 64 << 20;
/** What is looked at of a large file at a time: the longest chunk, and what is read at once at least. */
export const windowBytes = maxChunkBytes + (1 << 20);

export interface ReadFile {
  readonly content: FileContent;
  /** As it was when the reading ended; its size is that of the content. */
  readonly stat: SourceStat;
  /** Whether it was still changing at the last try: then its content may be of no one moment. */
  readonly isUnsteady: boolean;
}

export interface ReadFileOptions {
  /** Takes each object that the file is made of; what it returns is waited for, and the bytes are written over after that. */
  offer: (object: PackedObject<ObjectId>) => Promise<void> | undefined;
  /** `windowBytes` of memory to read a large file through; new memory, unless given. */
  window?: Buffer | undefined;
  /** Told of bytes as they are read. */
  onBytes: (count: number) => void;
  /** Is waited for now and then, so that the network gets its turn. */
  breathe: () => Promise<void> | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Reads the file that `path` names. Throws what the file system says; also where there is no regular file any more, as a
 * BakError of code SOURCE_FAILED.
 */
export async function readSourceFile(path: ByteString, options: ReadFileOptions): Promise<ReadFile> {
  // neither a link nor a fifo that has taken the file's place may lead or hold us elsewhere
  const fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const before = statOf(fd);
      // no more than it had at first: a file that grows as fast as it is read would have no end
      const read = before.size <= maxWholeFileBytes ? readSmall : readLarge;
      const { content, size } = await read(fd, before.size, options);
      const after = statOf(fd);
      const isSteady = size === after.size && before.ctimeNs === after.ctimeNs && isSameTime(before, after);
      const isLastTry = attempt === maxTries || before.size > maxRetriedBytes;
      if (isSteady || isLastTry) return { content, stat: { ...after, size }, isUnsteady: !isSteady };
    }
  } finally {
    closeSync(fd);
  }
}

function isSameTime(a: SourceStat, b: SourceStat): boolean {
  return a.mtimeSeconds === b.mtimeSeconds && a.mtimeNanoseconds === b.mtimeNanoseconds;
}

function statOf(fd: number): SourceStat {
  const stat = sourceStatOf(fstatSync(fd, { bigint: true }));
  if (stat.kind !== "file") throw new BakError("SOURCE_FAILED", "it is no longer a file");
  return stat;
}

interface Content {
  content: FileContent;
  size: number;
}

/** One blob: the first `size` bytes, or what there is of them. */
async function readSmall(fd: number, size: number, options: ReadFileOptions): Promise<Content> {
  const buffer = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, length);
    if (count === 0) break;
    length += count;
  }
  options.onBytes(length);
  const bytes = buffer.subarray(0, length);
  const id = objectIdOf(bytes);
  await options.offer({ kind: "blob", id, bytes });
  return { content: { blob: id }, size: length };
}

/** A list of chunks, of the first `end` bytes or what there is of them; memory holds a few MiB, whatever the size. */
async function readLarge(fd: number, end: number, options: ReadFileOptions): Promise<Content> {
  const lists: PackedObject<ObjectId>[] = [];
  const builder = new ListBuilder((list) => void lists.push(list));
  const hasher = blake3().createHasher();
  const window = options.window ?? Buffer.allocUnsafeSlow(Math.min(windowBytes, end));
  let position = 0;
  let rest = window.subarray(0, 0);
  let isEnd = false;
  let size = 0;
  while (!isEnd || rest.length > 0) {
    options.signal?.throwIfAborted();
    if (!isEnd && rest.length < maxChunkBytes) {
      window.set(rest);
      const room = window.subarray(rest.length, rest.length + Math.min(end - position, window.length - rest.length));
      const count = readSync(fd, room, 0, room.length, position);
      position += count;
      isEnd = count === 0 || position === end;
      options.onBytes(count);
      hasher.update(room.subarray(0, count));
      rest = window.subarray(0, rest.length + count);
      continue;
    }
    const bytes = rest.subarray(0, firstChunkLength(rest));
    rest = rest.subarray(bytes.length);
    size += bytes.length;
    const id = objectIdOf(bytes);
    builder.add({ id, size: bytes.length });
    await options.offer({ kind: "blob", id, bytes });
    for (const list of lists.splice(0)) await options.offer(list);
    await options.breathe();
  }
  if (size === 0) return readEmpty(options);
  const list = builder.finish();
  for (const object of lists) await options.offer(object);
  return { content: { list, fileHash: hasher.digest().toString("hex") as ObjectId }, size };
}

/** A large file that was emptied before it could be read. */
async function readEmpty(options: ReadFileOptions): Promise<Content> {
  const bytes = Buffer.alloc(0);
  const id = objectIdOf(bytes);
  await options.offer({ kind: "blob", id, bytes });
  return { content: { blob: id }, size: 0 };
}
