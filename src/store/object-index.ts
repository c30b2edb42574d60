/** Where every object of a store is: the table in memory, and the index files that it points into. */
import { BakError } from "../errors.js";
import { objectIdLength, type ObjectId } from "../objects/object-id.js";
import { IndexFiles } from "./index-files.js";
import { IndexTable } from "./index-table.js";
import {
  decodeMember,
  decodeRecord,
  memberLength,
  membersOffset,
  recordLength,
  recordsOffset,
  type MemberPlace,
  type ObjectPlace,
  type PackIndexHeader,
} from "./pack-index.js";

/** A pack that is on stable storage, with its index. */
export interface IndexedPack extends PackIndexHeader {
  readonly id: ObjectId;
  readonly indexPath: string;
  /** The index itself, where it could not be written: on a full disk what is there can still be read. */
  readonly indexInMemory: Buffer | undefined;
}

/** An object's place in the store. */
export interface FoundObject extends ObjectPlace {
  readonly pack: IndexedPack;
}

/** Finds objects by id. Memory: 20 bytes an object at most, a few hundred a pack, and a cache of 32 MiB. */
export class ObjectIndex {
  readonly #table = new IndexTable();
  readonly #files = new IndexFiles();
  readonly #packs: IndexedPack[] = [];
  readonly #packsById = new Map<ObjectId, IndexedPack>();

  /** Makes the objects of a pack visible; `index` is the whole of its index. */
  add(pack: IndexedPack, index: Buffer): void {
    const ordinal = this.#packs.push(pack) - 1;
    this.#packsById.set(pack.id, pack);
    let at = recordsOffset(pack);
    for (let record = 0; record < pack.recordCount; record += 1, at += recordLength) {
      this.#table.add(index, at, { pack: ordinal, record }, this.#confirm(index, at));
    }
  }

  /** The pack of an id; undefined unless it has been added. */
  pack(id: ObjectId): IndexedPack | undefined {
    return this.#packsById.get(id);
  }

  /** Where the object is whose id stands at `offset` of `ids`. */
  find(ids: Buffer, offset: number): FoundObject | undefined {
    const place = this.#table.find(ids, offset, this.#confirm(ids, offset));
    if (place === undefined) return undefined;
    const pack = this.#packs[place.pack] as IndexedPack;
    return { pack, ...decodeRecord(this.#record(pack, place.record)) };
  }

  /** Whether `find` would find an object, for less. */
  has(ids: Buffer, offset: number): boolean {
    return this.#table.find(ids, offset, this.#confirm(ids, offset)) !== undefined;
  }

  /** Where a member lies in its pack; throws STORE_DAMAGED where the pack's index has no such member. */
  member(pack: IndexedPack, member: number): MemberPlace {
    const at = membersOffset + member * memberLength;
    if (member >= pack.memberCount) throw new BakError("STORE_DAMAGED", `damaged index: '${pack.indexPath}'`);
    return decodeMember(this.#read(pack, at, memberLength));
  }

  #confirm(ids: Buffer, offset: number): (pack: number, record: number) => boolean {
    return (ordinal, record) => {
      const pack = this.#packs[ordinal] as IndexedPack;
      const found = this.#record(pack, record);
      return found.compare(ids, offset, offset + objectIdLength, 0, objectIdLength) === 0;
    };
  }

  #record(pack: IndexedPack, record: number): Buffer {
    return this.#read(pack, recordsOffset(pack) + record * recordLength, recordLength);
  }

  #read(pack: IndexedPack, offset: number, length: number): Buffer {
    const bytes =
      pack.indexInMemory?.subarray(offset, offset + length) ?? this.#files.read(pack.indexPath, offset, length);
    if (bytes.length === length) return bytes;
    throw new BakError("STORE_DAMAGED", `damaged index: '${pack.indexPath}' is cut short`, {
      hint: "restart what serves the store: it then makes the index again from the pack",
    });
  }
}
