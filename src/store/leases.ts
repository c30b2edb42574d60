/**
 * What those who speak with a store may rely on, though no commit reaches it yet: what they were told is there, commits that
 * were forgotten since they came, and every pack that has come since. Cleaning up spares it.
 */
import type { ObjectId } from "../objects/object-id.js";
import { objectIdBytes, objectIdLength } from "../objects/object-id.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { ObjectIndex } from "./object-index.js";
import { RecordSet } from "./record-set.js";

/** What one of them may rely on; see `Lease`. */
export interface Hold {
  /** A bit for each of many ids, the lowest of a byte first: whether the object is there, which it then stays, and `counts`. */
  hasMany(ids: Uint8Array, counts?: (record: number, pack: NumberedPack) => boolean): Uint8Array;
  needs(commit: ObjectId): void;
  release(): void;
}

/** What one of them holds. Memory: up to a quarter of a byte an object of the store. */
export interface Held {
  /** Packs whose records have this number and later ones came since. */
  start: number;
  /** The records of all objects that are held. */
  readonly told: RecordSet;
  /** Those of them that may name others, which are then held, too. */
  readonly naming: RecordSet;
}

/** All leases of one store. */
export class Leases {
  readonly #index: ObjectIndex;
  readonly #held = new Set<Held>();
  /** While the store is being cleaned: what leases held that have ended since, however many, and what no lease is for. */
  #own: Held | undefined;

  constructor(index: ObjectIndex) {
    this.#index = index;
  }

  /** One that begins now. */
  open(): Hold {
    const held = this.#begin();
    this.#held.add(held);
    return {
      hasMany: (ids, counts) => this.#tell(held, ids, counts),
      needs: (commit) => this.#need(held, commit),
      release: () => {
        if (this.#held.delete(held) && this.#own !== undefined) take(this.#own, held);
      },
    };
  }

  /** Holds a commit for everybody who is there: it is being forgotten, or has come just now. */
  needForAll(commit: ObjectId): void {
    for (const held of this.#all()) this.#need(held, commit);
  }

  /** Holds objects for everybody who is there: they were sent again, and whoever did that is told that they are kept. */
  tellAll(ids: Buffer): void {
    for (const held of this.#all()) this.#tell(held, ids);
  }

  /** Everything that is held, or has been since `beginCleaning`. */
  get all(): readonly Held[] {
    return [...this.#all()];
  }

  /** Until what this gives is called, nothing that is held is let go of. */
  beginCleaning(): () => void {
    this.#own = this.#begin();
    return () => void (this.#own = undefined);
  }

  *#all(): Generator<Held> {
    yield* this.#held;
    if (this.#own !== undefined) yield this.#own;
  }

  #begin(): Held {
    return { start: this.#index.nextRecord, told: new RecordSet(), naming: new RecordSet() };
  }

  #tell(held: Held, ids: Uint8Array, counts: (record: number, pack: NumberedPack) => boolean = () => true): Uint8Array {
    const bitmap = new Uint8Array(Math.ceil(ids.length / objectIdLength / 8));
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.length);
    this.#index.findRecords(bytes, (ordinal, record, kind, pack) => {
      if (!counts(record, pack)) return;
      bitmap[ordinal >> 3]! |= 1 << (ordinal & 7);
      held.told.add(record);
      if (kind !== "blob") held.naming.add(record);
    });
    return bitmap;
  }

  #need(held: Held, commit: ObjectId): void {
    this.#index.findRecords(objectIdBytes(commit), (_, record) => {
      held.told.add(record);
      held.naming.add(record);
    });
  }
}

/** Adds what another holds. */
function take(held: Held, from: Held): void {
  held.start = Math.min(held.start, from.start);
  held.told.addAll(from.told);
  held.naming.addAll(from.naming);
}
