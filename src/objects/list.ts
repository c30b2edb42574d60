/**
 * Lists: the ordered blobs, or lists, that make up one large file. A list of level 0 names blobs; a list of level n
 * names lists of level n-1. Where one list ends and the next begins is decided by the ids themselves, so that an
 * insertion into a file of any size rewrites the lists around it and no others.
 *
 *     list  = [1, level, [child, …]]          1 to 4,096 children
 *     child = [id, size]                      size: how many bytes of the file it stands for
 */
import { BakError } from "../errors.js";
import { CanonicalReader } from "./canonical-reader.js";
import { CanonicalWriter } from "./canonical-writer.js";
import { objectIdBytes, objectIdOf, type ObjectId } from "./object-id.js";
import { maxObjectBytes, type PackedObject } from "./object-kind.js";

/** The version of the list format that this code writes, and the only one it reads. */
export const listVersion = 1;
export const maxListChildren = 4096;
/**
 * No list that is not the last of its level has fewer, whatever the ids are: contents can be chosen so that every id
 * ends a list, and with two children to a list such a file would need a level more for each doubling.
 */
export const minListChildren = 16;
/** 16 children in each of 9 levels over chunks of 32 KiB at least are 2 PiB, and with ids as they come far more: no file needs that. */
export const maxListLevel = 8;

export interface ListChild {
  readonly id: ObjectId;
  /** Bytes of the file beneath this child; at least 1. */
  readonly size: number;
}

export interface List {
  /** 0 where the children are blobs, else one more than the level of the lists that they are. */
  readonly level: number;
  readonly children: readonly ListChild[];
}

/** The canonical bytes of a list. */
export function encodeList(list: List): Buffer {
  const writer = new CanonicalWriter(16 + list.children.length * 48);
  writer.array(3);
  writer.integer(listVersion);
  writer.integer(list.level);
  writer.array(list.children.length);
  for (const child of list.children) {
    writer.array(2);
    writer.binary(objectIdBytes(child.id));
    writer.integer(child.size);
  }
  return writer.finish();
}

/** The list that the bytes are; throws BAD_OBJECT for any bytes that `encodeList` does not make. */
export function decodeList(bytes: Uint8Array): List {
  const reader = new CanonicalReader(bytes, "list");
  reader.versioned(listVersion, 3);
  const level = reader.unsigned(maxListLevel);
  const count = reader.array(1, maxListChildren);
  const children: ListChild[] = [];
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    reader.array(2, 2);
    const id = reader.objectId();
    const size = reader.unsigned(level === 0 ? maxObjectBytes : Number.MAX_SAFE_INTEGER);
    if (size === 0) throw reader.refuse("empty child");
    total += size;
    children.push({ id, size });
  }
  if (!Number.isSafeInteger(total)) throw reader.refuse("file beyond 2^53-1 bytes");
  reader.end();
  return { level, children };
}

/** How many bytes of the file a list stands for. */
export function listSize(list: List): number {
  return list.children.reduce((sum, child) => sum + child.size, 0);
}

/** A list ends after a child whose id ends in nine zero bits: one in 512. */
const boundaryMask = 0x1ff;

function endsList(id: ObjectId): boolean {
  return (Number.parseInt(id.slice(-8), 16) & boundaryMask) === 0;
}

/**
 * Gathers the chunks of one file, in order, and gives out lists as they fill up. Memory: one open list a level.
 */
export class ListBuilder {
  readonly #open: ListChild[][] = [];
  readonly #emit: (list: PackedObject<ObjectId>) => void;

  /** `emit` is given each list once, children before parents. */
  constructor(emit: (list: PackedObject<ObjectId>) => void) {
    this.#emit = emit;
  }

  /** The next chunk of the file. */
  add(child: ListChild): void {
    this.#add(child, 0);
  }

  /** The list that names the whole file. At least one chunk has been added. */
  finish(): ObjectId {
    if (this.#open.length === 0) throw new Error("a list without chunks");
    for (let level = 0; ; level += 1) {
      const children = this.#open[level] ?? [];
      const isTop = level === this.#open.length - 1;
      const only = children[0];
      if (isTop && level > 0 && children.length === 1 && only !== undefined) return only.id;
      if (isTop) return this.#close(level).id;
      if (children.length > 0) this.#add(this.#close(level), level + 1);
    }
  }

  #add(child: ListChild, level: number): void {
    if (level > maxListLevel) throw new BakError("LIMIT", "file too large for a list");
    const children = (this.#open[level] ??= []);
    children.push(child);
    const isFull = children.length === maxListChildren || (children.length >= minListChildren && endsList(child.id));
    if (isFull) this.#add(this.#close(level), level + 1);
  }

  #close(level: number): ListChild {
    const children = this.#open[level] ?? [];
    this.#open[level] = [];
    const bytes = encodeList({ level, children });
    const list = { kind: "list", id: objectIdOf(bytes), bytes } as const;
    this.#emit(list);
    return { id: list.id, size: children.reduce((sum, each) => sum + each.size, 0) };
  }
}
