/** The packs of a store: keeps those that have been checked, finds the objects in them, and reads their members. */
import { existsSync } from "node:fs";
import { BakError } from "../errors.js";
import { unpackMemberInBackground } from "../objects/member-codec.js";
import { objectIdBytes, objectIdLength, objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { PackCodec } from "../objects/pack-format.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { ByteLru } from "./byte-lru.js";
import type { Disk } from "./disk.js";
import { DoomedPacks } from "./doomed-packs.js";
import { readIndex } from "./index-files.js";
import type { Layout } from "./layout.js";
import type { IndexedPack, NumberedPack } from "./numbered-packs.js";
import { ObjectIndex, type FoundObject } from "./object-index.js";
import { OpenFiles } from "./open-files.js";
import {
  decodePackIndex,
  packIndexLength,
  recordLength,
  recordsOffset,
  type PackIndex,
  type PackIndexHeader,
} from "./pack-index.js";
import { PackPins } from "./pack-pins.js";
import type { CheckedPack } from "./pack-receiver.js";
import { Serial } from "./serial.js";
import type { MemberLocation, PackReceipt } from "./store.js";
import { makeFolderDurably, place, removeQuietly, writeFileWhole } from "./write-file.js";

/** So many ids are looked at in one turn. */
const idsAtOnce = 8192;
const maxOpenPacks = 32;
const inflatedCacheBytes = 16 << 20;

/** A pack that lies in its place, and its index. */
export interface AddedPack {
  readonly id: ObjectId;
  readonly index: PackIndex;
  /** The index is kept in memory if it is not. */
  readonly isIndexWritten: boolean;
}

/** All packs of one store that are whole. */
export class Packs {
  readonly #disk: Disk;
  readonly #layout: Layout;
  /** Where every object is. */
  readonly index = new ObjectIndex();
  readonly #files = new OpenFiles(maxOpenPacks);
  readonly #inflated = new ByteLru<string, Promise<Buffer>>(inflatedCacheBytes);
  readonly #keeping = new Serial();
  /** Packs in whose place an equal one is wanted, since their files are damaged. */
  readonly #replaceable = new Set<ObjectId>();
  /** Where the files are of packs that were dropped: whoever has found a member there before still reads it. */
  readonly #setAside = new Map<ObjectId, string>();
  #lastMovedMs = 0;
  /** Folders of packs whose names are on stable storage. */
  readonly #folders = new Set<string>();
  readonly #pins = new PackPins(() => this.#removeInBackground());
  readonly #doomed: DoomedPacks;
  #isClosed = false;

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
    this.#doomed = new DoomedPacks({
      disk,
      layout,
      isPinned: (pack) => this.#pins.isPinned(pack),
      closeFile: (path) => this.#files.closeFile(path),
    });
  }

  /** When a member was last read, or a pack kept: milliseconds since 1970. */
  get lastMovedMs(): number {
    return this.#lastMovedMs;
  }

  /** Makes room for about so many objects, before packs with so many are added. */
  reserve(count: number): void {
    this.index.reserve(count);
  }

  /** Adds packs; the bytes of their indexes may be used for something else once this has resolved. */
  async add(...packs: readonly AddedPack[]): Promise<void> {
    const indexed = packs.map(({ id, index: { bytes, ...header }, isIndexWritten }) => {
      const indexInMemory = isIndexWritten ? undefined : bytes;
      return { pack: { id, indexPath: this.#layout.index(id), indexInMemory, ...header }, index: bytes };
    });
    await this.index.add(...indexed);
  }

  /**
   * Moves a checked pack to its place, then its index, and only then lets its objects be found. If any of that fails, takes
   * back what was done. A pack that is there already stays, and the new one goes; one that was damaged is replaced.
   * `onPresent` is given the ids of a pack that is there already, 32 bytes each, some at a time, before it may be deleted.
   */
  keep(pack: CheckedPack, onPresent: (ids: Buffer, pack: NumberedPack) => void): Promise<PackReceipt> {
    this.#lastMovedMs = Date.now();
    return this.#keeping.run(async () => {
      const present = this.index.pack(pack.id);
      if (present !== undefined) {
        if (this.#replaceable.has(pack.id)) await this.#replace(pack);
        else await removeQuietly(this.#disk, pack.temporary);
        await this.#forEachId(present, (ids) => onPresent(ids, present));
        return receiptOf(pack.id, present);
      }
      const index = await this.#moveIn(pack);
      await this.add({ id: pack.id, index, isIndexWritten: true });
      return receiptOf(pack.id, index);
    });
  }

  /**
   * As `keep`, of a pack with objects of other packs, which are found in this one from now on. Undefined where it is there
   * already: then they are found where they were.
   */
  keepInstead(pack: CheckedPack): Promise<PackReceipt | undefined> {
    return this.#keeping.run(async () => {
      if (this.index.pack(pack.id) !== undefined) {
        await removeQuietly(this.#disk, pack.temporary);
        return undefined;
      }
      const index = await this.#moveIn(pack);
      const indexPath = this.#layout.index(pack.id);
      const { bytes, ...header } = index;
      await this.index.prefer({ id: pack.id, indexPath, indexInMemory: undefined, ...header }, bytes);
      return receiptOf(pack.id, index);
    });
  }

  /** From now on, the next pack of that id that is kept takes the place of the file that is there. */
  allowReplacing(pack: ObjectId): void {
    this.#replaceable.add(pack);
  }

  /**
   * Has a damaged pack's objects found at the records that `findPlaces` gives, one for each of the pack's, and those for
   * which it gives -1 nowhere any more; then has the pack's file moved to `path`. No pack is added meanwhile.
   */
  drop(
    pack: NumberedPack,
    { path, findPlaces, move }: { path: string; findPlaces: () => Promise<Float64Array>; move: () => Promise<void> },
  ): Promise<void> {
    return this.exclusively(async () => {
      const places = await findPlaces();
      await this.index.relocate(
        pack,
        places.map((other, at) => (other < 0 ? pack.start + at : other)),
      );
      this.index.hide([pack]);
      await move();
      this.#setAside.set(pack.id, path);
      this.#files.forget(this.#layout.pack(pack.id));
    });
  }

  /** Does some work while no pack is being added. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#keeping.run(work);
  }

  /** From now on nothing is found in these packs, and their files may be deleted; see `ObjectIndex.hide`. */
  hide(packs: readonly NumberedPack[]): void {
    this.index.hide(packs);
    for (const { id } of packs) this.#doomed.add(id);
  }

  /**
   * Deletes the files of hidden packs; gives how many have to stay for the moment, since somebody reads from them: those go
   * by themselves.
   */
  async removeHidden(): Promise<number> {
    await this.index.sweep();
    await this.#keeping.run(() => this.#doomed.removeFree());
    return this.#doomed.count;
  }

  /** Keeps the files of packs until what this gives is called, whatever is hidden meanwhile. */
  pin(packs: Iterable<ObjectId>): () => void {
    return this.#pins.pin(packs);
  }

  /** The whole index of a pack, checked. Rejects with STORE_DAMAGED. */
  async readIndex(pack: IndexedPack): Promise<PackIndex> {
    const room = (): Buffer => Buffer.allocUnsafe(packIndexLength(pack));
    const bytes = pack.indexInMemory ?? (await readIndex(pack.indexPath, room()));
    if (bytes === undefined) {
      throw new BakError("STORE_DAMAGED", `damaged index: '${pack.indexPath}' is missing, or cut short`, {
        hint: "restart what serves the store: it then makes the index again from the pack",
      });
    }
    return decodePackIndex(bytes, pack.id);
  }

  /** What the members of a pack are. */
  codecOf(pack: ObjectId): PackCodec {
    return this.#layout.codec(pack);
  }

  /** Where a pack's file is. */
  pathOf(pack: ObjectId): string {
    return this.#layout.pack(pack);
  }

  has(ids: Buffer, offset: number): boolean {
    return this.index.has(ids, offset);
  }

  /** A bit for each of many ids that stand one after the other, the lowest of a byte first: whether there is the object. */
  hasMany(ids: Buffer): Uint8Array {
    return this.index.hasMany(ids);
  }

  /** How many bytes long the object of each of many ids is that stand one after the other; -1 for one that is not there. */
  lengthsOf(ids: Buffer, counts?: (record: number, pack: NumberedPack) => boolean): Float64Array {
    return this.index.lengthsOf(ids, counts);
  }

  /** Where the object of an id is; throws NO_OBJECT. */
  find(id: ObjectId): FoundObject {
    const found = this.index.find(objectIdBytes(id), 0);
    if (found === undefined) throw noObject(id);
    return found;
  }

  /** Calls `onFound` for each of the ids, with its place among them, but not in their order; throws NO_OBJECT for one that is not there. */
  findMany(ids: readonly ObjectId[], onFound: (at: number, found: FoundObject) => void): void {
    const isFound = new Uint8Array(ids.length);
    this.index.findMany(Buffer.from(ids.join(""), "hex"), (at, found) => {
      isFound[at] = 1;
      onFound(at, found);
    });
    const missing = ids[isFound.indexOf(0)];
    if (missing !== undefined) throw noObject(missing);
  }

  /** Where the member lies that holds an object. */
  locate({ pack, member }: FoundObject): MemberLocation {
    return { pack: pack.id, ...this.index.member(pack, member) };
  }

  async readMember({ pack, offset, packedLength }: MemberLocation, headroom = 0): Promise<Buffer> {
    const unpin = this.pin([pack]);
    this.#lastMovedMs = Date.now();
    try {
      const path = this.#setAside.get(pack) ?? this.#layout.pack(pack);
      const bytes = await this.#files.read(path, { offset, length: packedLength, headroom });
      if (bytes.length < headroom + packedLength)
        throw this.#damaged(pack, `it is cut short at byte ${offset + bytes.length - headroom}`);
      countGarbage(bytes.length); // one is needed for a moment, until it is sent or inflated
      return bytes;
    } finally {
      unpin();
    }
  }

  /** An object's bytes, a copy, checked against its id. */
  async readObject(id: ObjectId, found: FoundObject): Promise<Buffer> {
    const tar = await this.#inflate(this.locate(found));
    const bytes = Buffer.from(tar.subarray(found.offset, found.offset + found.length));
    if (objectIdOf(bytes) !== id)
      throw this.#damaged(found.pack.id, `the bytes of '${found.kind}/${id}' have another hash`);
    return bytes;
  }

  /** Waits for packs that are being kept; no other call is in progress, and none follows. */
  async close(): Promise<void> {
    this.#isClosed = true; // what is read to its end later belongs to the next owner
    await this.#keeping.idle();
    await this.#files.close();
  }

  #inflate(at: MemberLocation): Promise<Buffer> {
    const key = `${at.pack} ${at.offset}`;
    const cached = this.#inflated.get(key);
    if (cached !== undefined) return cached;
    const inflating = this.#readTar(at);
    this.#inflated.set(key, inflating, at.inflatedLength);
    inflating.catch(() => this.#inflated.delete(key)); // the disk may answer next time
    return inflating;
  }

  async #readTar(at: MemberLocation): Promise<Buffer> {
    const packed = await this.readMember(at);
    try {
      const tar = await unpackMemberInBackground(packed);
      // a view of a larger buffer would keep all of that in the cache
      return tar.buffer.byteLength > tar.length * 1.25 ? Buffer.from(tar) : tar;
    } catch (cause) {
      throw this.#damaged(at.pack, `the member at byte ${at.offset} does not inflate`, cause);
    }
  }

  async #forEachId(pack: IndexedPack, onIds: (ids: Buffer) => void): Promise<void> {
    const { bytes } = await this.readIndex(pack);
    for (let from = 0; from < pack.recordCount; from += idsAtOnce) {
      const count = Math.min(idsAtOnce, pack.recordCount - from);
      const ids = Buffer.allocUnsafe(count * objectIdLength);
      for (let at = 0; at < count; at += 1) {
        const record = recordsOffset(pack) + (from + at) * recordLength;
        bytes.copy(ids, at * objectIdLength, record, record + objectIdLength);
      }
      onIds(ids);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** For packs that have just been read from for the last time. What fails stays for the next time that packs are deleted. */
  #removeInBackground(): void {
    if (this.#doomed.count === 0 || this.#isClosed) return;
    this.#keeping.run(() => this.#doomed.removeFree()).catch(() => undefined);
  }

  async #moveIn(pack: CheckedPack): Promise<PackIndex> {
    this.#layout.setCodec(pack.id, pack.codec);
    const path = this.#layout.pack(pack.id);
    const undo = [pack.temporary];
    try {
      await this.#makeFolder(this.#layout.packFolder(pack.id));
      if (!existsSync(path)) undo.push(path); // in place of a damaged pack, a whole one may stay
      await place(this.#disk, pack.temporary, path);
      const temporary = this.#layout.temporary();
      await writeFileWhole(this.#disk, this.#layout.index(pack.id), { bytes: pack.index, temporary });
      this.#doomed.spare(pack.id);
      this.#setAside.delete(pack.id);
      return decodePackIndex(pack.index, pack.id);
    } catch (error) {
      undo.push(this.#layout.index(pack.id));
      for (const each of undo.toReversed()) await removeQuietly(this.#disk, each);
      throw error;
    }
  }

  /** An equal pack, and so one with the same index, in place of a damaged one. */
  async #replace(pack: CheckedPack): Promise<void> {
    try {
      await place(this.#disk, pack.temporary, this.#layout.pack(pack.id));
    } catch (error) {
      await removeQuietly(this.#disk, pack.temporary);
      throw error;
    }
    this.#replaceable.delete(pack.id);
    this.#files.forget(this.#layout.pack(pack.id));
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return;
    await makeFolderDurably(this.#disk, folder);
    this.#folders.add(folder);
  }

  #damaged(pack: ObjectId, why: string, cause?: unknown): BakError {
    return new BakError("STORE_DAMAGED", `damaged pack '${this.#layout.pack(pack)}': ${why}`, { cause });
  }
}

/** What is said of an object that is not there, or that whoever asks may not see. */
export function noObject(id: ObjectId): BakError {
  return new BakError("NO_OBJECT", `no object '${id}' in the store`);
}

function receiptOf(pack: ObjectId, { recordCount, packLength }: PackIndexHeader): PackReceipt {
  return { pack, objects: recordCount, bytes: packLength };
}
