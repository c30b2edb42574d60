/** How large objects are, by the numbers of their records: of what a file holds, and on the disk, as a part of their members. */
import { tarLength } from "../objects/member-tar.js";
import type { NumberedPack } from "./numbered-packs.js";
import {
  kindInRecord,
  lengthInRecord,
  memberAt,
  memberInRecord,
  recordLength,
  recordsOffset,
  type PackIndex,
} from "./pack-index.js";
import type { Packs } from "./packs.js";

export interface Sizes {
  /** Of blobs. */
  readonly contentBytes: number;
  /** Of all, compressed as they are. */
  readonly storedBytes: number;
}

/** So many indexes are at hand, a few MiB each at most: objects that are reached together lie together. */
const maxIndexes = 8;

export class RecordSizes {
  readonly #packs: Packs;
  /** By the numbers of their packs; what was used last stands last. */
  readonly #indexes = new Map<number, PackIndex>();

  constructor(packs: Packs) {
    this.#packs = packs;
  }

  /** Adds the sizes of records, whose packs are all there. */
  async addTo(sizes: { contentBytes: number; storedBytes: number }, records: Float64Array): Promise<void> {
    let pack: NumberedPack | undefined;
    let index: PackIndex | undefined;
    for (const record of records.toSorted()) {
      if (pack === undefined || index === undefined || record < pack.start || record >= pack.end) {
        pack = this.#packs.index.packOf(record);
        index = await this.#indexOf(pack);
      }
      const at = recordsOffset(index) + (record - pack.start) * recordLength;
      const length = lengthInRecord(index.bytes, at);
      const { packedLength, inflatedLength } = memberAt(index, memberInRecord(index.bytes, at));
      if (kindInRecord(index.bytes, at) === "blob") sizes.contentBytes += length;
      sizes.storedBytes += packedLength * Math.min(tarLength(length) / inflatedLength, 1);
    }
  }

  async #indexOf(pack: NumberedPack): Promise<PackIndex> {
    const index = this.#indexes.get(pack.number) ?? (await this.#packs.readIndex(pack));
    this.#indexes.delete(pack.number);
    this.#indexes.set(pack.number, index);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= maxIndexes) break;
      this.#indexes.delete(oldest);
    }
    return index;
  }
}
