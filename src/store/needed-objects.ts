/** What of a store is needed, as that grows while the store is cleaned: by commits, by leases, and by packs that come. */
import type { ObjectId } from "../objects/object-id.js";
import type { Leases } from "./leases.js";
import { LiveObjects } from "./live-objects.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { Packs } from "./packs.js";
import type { RecordSet } from "./record-set.js";

export interface NeededOptions {
  readonly packs: Packs;
  readonly leases: Leases;
  /** Told now and then how many objects are needed. */
  readonly onMarked: (count: number) => void;
  readonly signal: AbortSignal;
}

export class NeededObjects {
  readonly #options: NeededOptions;
  readonly #live: LiveObjects;
  /** Numbers of packs whose objects have been looked at, or need not be. */
  readonly #seen = new Set<number>();

  constructor(options: NeededOptions) {
    this.#options = options;
    this.#live = new LiveObjects(options.packs, { onCount: options.onMarked });
  }

  /** The records of what is needed, as far as it has been looked for. */
  get records(): RecordSet {
    return this.#live.records;
  }

  /** Nothing of these packs is needed for its own sake. All other packs are looked at by `catchUp`. */
  passOver(packs: Iterable<NumberedPack>): void {
    for (const { number } of packs) this.#seen.add(number);
  }

  /** Adds all that live commits reach; see `LiveObjects.addCommits`. */
  async addCommits(commits: Iterable<ObjectId>): Promise<void> {
    await this.#live.addCommits(commits, this.#options.signal);
  }

  /** Adds what has come to be needed since the last time, with all that it names. */
  async catchUp(): Promise<void> {
    const { packs, leases, signal } = this.#options;
    for (const pack of packs.index.packs) {
      if (this.#seen.has(pack.number)) continue;
      await this.#live.addPack(pack, signal);
      this.#seen.add(pack.number);
    }
    for (const { naming } of leases.all) await this.#live.addNaming(naming, signal);
  }

  /** Whether nothing is left for `catchUp`. */
  get isCaughtUp(): boolean {
    const { packs, leases } = this.#options;
    if (!packs.index.packs.every(({ number }) => this.#seen.has(number))) return false;
    return leases.all.every(({ naming }) => this.#live.hasAllNaming(naming));
  }

  /** Adds what others were told is there. */
  addTold(): void {
    for (const { told } of this.#options.leases.all) this.#live.addRecords(told);
  }

  /** Whether all that is needed of a pack is among the records that have been copied; true for this turn alone. */
  isFree(pack: NumberedPack, copied: RecordSet): boolean {
    const isCopied = (needed: RecordSet): boolean => needed.nextNotIn(copied, pack.start, pack.end) < 0;
    return isCopied(this.#live.records) && this.#options.leases.all.every(({ told }) => isCopied(told));
  }
}
