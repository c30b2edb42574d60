/** Finds the packs of a store when it is opened, and makes the indexes again that are missing or damaged. */
import { BakError, errnoOf, isBakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import type { Disk } from "./disk.js";
import { readIndex } from "./index-files.js";
import type { Layout } from "./layout.js";
import { listPacks, type ListedPack } from "./list-packs.js";
import { decodePackIndex, maxObjectsIn, maxPackIndexBytes, type PackIndex } from "./pack-index.js";
import { scanPack } from "./pack-scan.js";
import type { AddedPack, Packs } from "./packs.js";
import type { DamagedPack } from "./store.js";
import { writeFileWhole } from "./write-file.js";

/** Indexes are read and added some at a time: up to so many bytes of them, and so many files. */
const batchBytes = 16 << 20;
const batchFiles = 64;
/** What an index that is missing is taken to be long when batches are made. */
const missingIndexBytes = 4 << 20;

/** A pack that is not whole, and is therefore not there for the store. */
export interface LeftOutPack extends DamagedPack {
  readonly id: ObjectId;
}

/** What could not be taken as it was. */
export interface LoadedPacks {
  readonly leftOut: LeftOutPack[];
  /** Paths of indexes that were damaged (one that is missing may be what a crash has left), and have been made again. */
  readonly remadeIndexes: string[];
}

interface LoadOptions {
  readonly disk: Disk;
  readonly layout: Layout;
}

/**
 * Adds every pack that is whole to `packs`, in the order of their ids, and tells of those that are not. A pack's index is
 * taken at its word, and made from the pack only where it does not have the checksum that it ends with. Memory: 32 MiB
 * at most, beside what `packs` keeps.
 */
export async function loadPacks(packs: Packs, options: LoadOptions): Promise<LoadedPacks> {
  const listed = await listPacks(options.layout);
  packs.reserve(listed.reduce((sum, { indexBytes }) => sum + maxObjectsIn(indexBytes ?? 0), 0));
  const batches = batchesOf(listed);
  const loadedPacks: LoadedPacks = { leftOut: [], remadeIndexes: [] };
  // a small store needs no more than it has
  const rooms = [0, 1].map((parity) =>
    Buffer.allocUnsafe(
      batches.reduce((most, each, at) => (at % 2 === parity ? Math.max(most, bytesOf(each)) : most), 0),
    ),
  );
  const load = (at: number): Promise<AddedPack[]> =>
    loadBatch(batches[at] ?? [], { ...options, loadedPacks, room: rooms[at % 2] as Buffer });
  let loaded = await load(0);
  for (let at = 0; at < batches.length; at += 1) {
    // while one batch is added, the next is read
    [loaded] = await Promise.all([load(at + 1), packs.add(...loaded)]);
  }
  return loadedPacks;
}

/** Packs whose indexes are in memory at the same time. */
function batchesOf(listed: readonly ListedPack[]): ListedPack[][] {
  const batches: ListedPack[][] = [];
  let bytes = batchBytes;
  for (const pack of listed) {
    const length = lengthToRead(pack) ?? missingIndexBytes;
    const batch = batches.at(-1);
    if (batch !== undefined && bytes + length <= batchBytes && batch.length < batchFiles) batch.push(pack);
    else batches.push([pack]);
    bytes = batches.at(-1) === batch ? bytes + length : length;
  }
  return batches;
}

/** How much of a batch is read. */
function bytesOf(batch: readonly ListedPack[]): number {
  return batch.reduce((sum, pack) => sum + (lengthToRead(pack) ?? 0), 0);
}

/** Length of a pack's index, unless there is none, or it is longer than an index can be. */
function lengthToRead({ indexBytes }: ListedPack): number | undefined {
  return indexBytes === undefined || indexBytes > maxPackIndexBytes ? undefined : indexBytes;
}

interface BatchOptions extends LoadOptions {
  readonly loadedPacks: LoadedPacks;
  /** Where the indexes are put. */
  readonly room: Buffer;
}

/** The packs of a batch that are whole; the others are told of. */
async function loadBatch(batch: readonly ListedPack[], options: BatchOptions): Promise<AddedPack[]> {
  const { layout, loadedPacks } = options;
  const indexes = await readIndexes(batch, options);
  const loaded: AddedPack[] = [];
  for (const [at, { pack, packBytes, indexBytes }] of batch.entries()) {
    try {
      const added = await loadPack({ pack, packBytes, index: indexes[at] }, options);
      if (added.isIndexMade && indexBytes !== undefined) loadedPacks.remadeIndexes.push(layout.index(pack));
      loaded.push(added);
    } catch (error) {
      if (!isBakError(error, "BAD_PACK", "STORE_DAMAGED")) throw error;
      loadedPacks.leftOut.push({ id: pack, path: layout.pack(pack), why: error.message });
    }
  }
  return loaded;
}

/** The bytes of each index, one beside the other; undefined for one that is not there. */
function readIndexes(batch: readonly ListedPack[], { layout, room }: BatchOptions): Promise<(Buffer | undefined)[]> {
  let offset = 0;
  const rooms = batch.map((listed) => {
    const length = (listed.packBytes !== undefined && lengthToRead(listed)) || 0;
    offset += length;
    return length === 0 ? undefined : room.subarray(offset - length, offset);
  });
  return Promise.all(rooms.map(async (own, at) => own && readIndex(layout.index((batch[at] as ListedPack).pack), own)));
}

/** A pack with its index; BAD_PACK or STORE_DAMAGED where it is not whole. */
async function loadPack(
  { pack, packBytes, index }: { pack: ObjectId; packBytes: number | undefined; index: Buffer | undefined },
  { disk, layout }: LoadOptions,
): Promise<AddedPack & { isIndexMade: boolean }> {
  if (packBytes === undefined) throw new BakError("STORE_DAMAGED", "the pack is missing, its index is there");
  const present = index && decodeIfWhole(index, pack);
  const made = present ?? decodePackIndex(await scanPack(layout.pack(pack), pack, { codec: layout.codec(pack) }), pack);
  if (made.packLength !== packBytes) {
    throw new BakError("STORE_DAMAGED", `the pack is ${packBytes} bytes long, not ${made.packLength}`);
  }
  const isIndexWritten = present !== undefined || (await tryWrite(disk, layout, { pack, index: made.bytes }));
  return { id: pack, index: made, isIndexWritten, isIndexMade: present === undefined };
}

function decodeIfWhole(index: Buffer, pack: ObjectId): PackIndex | undefined {
  try {
    return decodePackIndex(index, pack);
  } catch (error) {
    if (isBakError(error, "STORE_DAMAGED")) return undefined;
    throw error;
  }
}

/** Whether the index could be written; a store on a full disk opens all the same. */
async function tryWrite(disk: Disk, layout: Layout, made: { pack: ObjectId; index: Buffer }): Promise<boolean> {
  const temporary = layout.temporary();
  try {
    await writeFileWhole(disk, layout.index(made.pack), { bytes: made.index, temporary });
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOSPC" && errno !== "EDQUOT") throw error;
    return false;
  }
}
