/**
 * Which objects somebody sees who may see some projects of a store: those that lie in a pack that one of these sent, and what
 * their commits reach. To have sent an object is to have it, so it can be seen by who did, though the store found it elsewhere.
 *
 * As a rule the pack in which an object is found says all. Where others own it, or nobody, there are sets of records: what
 * packs of one's own have a second copy of, and what one's commits reach. They are made when they are first asked for, and
 * grow by what has come since.
 */
import type { ObjectId } from "../objects/object-id.js";
import { isBakError } from "../errors.js";
import { LiveObjects } from "./live-objects.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { Packs } from "./packs.js";
import type { Projects } from "./projects.js";
import { RecordSet } from "./record-set.js";
import type { Sees } from "./store.js";

/** So many records are looked at in one turn. */
const recordsAtOnce = 8192;
/** What comes in so fast that it can't be kept up with is not seen by questions that were asked before. */
const maxTries = 8;

/** Whether an object is seen that is found at a record, which is in a pack. */
export type IsSeen = (record: number, pack: NumberedPack) => boolean;

/** What this needs of a store. */
export interface VisibleParts {
  readonly packs: Packs;
  readonly projects: Pick<Projects, "list" | "listForgotten" | "readLines">;
  /** Aborted when the store is closed. */
  readonly signal: AbortSignal;
}

/** What an id takes in a set, or a little more. */
const bytesPerCommit = 150;

const [unknown, own, foreign] = [0, 1, 2];

/** See the top of the file. Memory: a byte a pack, and at most half a byte an object of the store, where others own what is seen. */
export class VisibleObjects {
  readonly sees: Sees;
  readonly #parts: VisibleParts;
  /** By the numbers of packs. */
  #owned = new Uint8Array(256);
  /** Records in packs of others, of objects that were sent by one's own projects too. */
  readonly #copies = new RecordSet();
  /** Packs with lower numbers have been looked through for these. */
  #nextPack = 0;
  /** What commits reach; there once it was first needed. */
  #reached: LiveObjects | undefined;
  /** Commits that have come since, or that are read by somebody though they are gone: each once, however often it is forgotten. */
  #commits = new Set<ObjectId>();
  #preparing: Promise<void> | undefined;

  constructor(sees: Sees, parts: VisibleParts) {
    this.sees = sees;
    this.#parts = parts;
  }

  /** Whether an object is seen; undefined where that is not known before `prepare`. */
  of(record: number, pack: NumberedPack): boolean | undefined {
    if (this.isOwn(pack)) return true;
    if (this.#copies.has(record) || this.#reached?.records.has(record) === true) return true;
    return this.#isPrepared ? false : undefined;
  }

  /** Whether all of a pack is seen. */
  isOwn(pack: NumberedPack): boolean {
    const known = this.#owned[pack.number] ?? unknown;
    if (known !== unknown) return known === own;
    const isOwn = pack.owner !== undefined && this.sees(pack.owner);
    if (pack.number >= this.#owned.length) {
      const larger = new Uint8Array(2 * pack.number);
      larger.set(this.#owned);
      this.#owned = larger;
    }
    this.#owned[pack.number] = isOwn ? own : foreign;
    return isOwn;
  }

  /**
   * Does some work, which is told what is seen. Where it is told of something that is not seen as far as is known, more is
   * found out, and the work done again: what it gives then counts.
   */
  judge<T>(work: (isSeen: IsSeen) => T): T | Promise<T> {
    const { result, isSure } = this.#try(work);
    return isSure ? result : this.#judgeAgain(work);
  }

  /** A commit has come to a project that is seen. */
  addCommit(commit: ObjectId): void {
    if (this.#reached !== undefined) this.#commits.add(commit); // else it will be read with the log
  }

  /** A commit of such a project is being forgotten, and somebody may go on to read it once it is gone. */
  keepCommit(commit: ObjectId): void {
    if (this.#reached === undefined) this.#commits.add(commit); // else it was read with the log
  }

  /** Objects that have been sent, and were there already: 32 bytes an id. */
  addSent(ids: Buffer): void {
    this.#parts.packs.index.findRecords(ids, (_, record, _kind, pack) => {
      if (!this.isOwn(pack)) this.#copies.add(record);
    });
  }

  /** An object is found elsewhere from now on; who saw it goes on to. */
  moved(from: { record: number; pack: NumberedPack }, to: { record: number; pack: NumberedPack }): void {
    const wasSent = this.#copies.has(from.record) || (this.isOwn(from.pack) && !this.isOwn(to.pack));
    if (wasSent) this.#copies.add(to.record);
    this.#reached?.moved(from.record, to.record);
  }

  /** How many bytes it takes. */
  get sizeBytes(): number {
    return (
      this.#owned.length +
      this.#copies.sizeBytes +
      (this.#reached?.sizeBytes ?? 0) +
      this.#commits.size * bytesPerCommit
    );
  }

  get #isPrepared(): boolean {
    const { index } = this.#parts.packs;
    return (
      this.#nextPack === index.nextPack &&
      this.#reached !== undefined &&
      this.#commits.size === 0 &&
      this.#preparing === undefined
    );
  }

  #try<T>(work: (isSeen: IsSeen) => T): { result: T; isSure: boolean } {
    let isSure = true;
    const result = work((record, pack) => {
      const isSeen = this.of(record, pack);
      if (isSeen === undefined) isSure = false;
      return isSeen === true;
    });
    return { result, isSure };
  }

  async #judgeAgain<T>(work: (isSeen: IsSeen) => T): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      await this.#prepare();
      const { result, isSure } = this.#try(work);
      if (isSure || tries === maxTries) return result;
    }
  }

  /** Finds out more: first what costs less. */
  #prepare(): Promise<void> {
    const isScan = this.#nextPack < this.#parts.packs.index.nextPack;
    this.#preparing ??= (isScan ? this.#scanPacks() : this.#walkCommits()).finally(() => (this.#preparing = undefined));
    return this.#preparing;
  }

  async #scanPacks(): Promise<void> {
    const { index } = this.#parts.packs;
    const next = index.nextPack;
    for (const pack of index.packsFrom(this.#nextPack)) {
      if (pack.number < next && this.isOwn(pack)) await this.#scanPack(pack);
    }
    this.#nextPack = next;
  }

  async #scanPack(pack: NumberedPack): Promise<void> {
    const { packs, signal } = this.#parts;
    try {
      const { bytes } = await packs.readIndex(pack);
      for (let start = pack.start; start < pack.end; start += recordsAtOnce) {
        signal.throwIfAborted();
        const end = Math.min(start + recordsAtOnce, pack.end);
        packs.index.findElsewhere(pack, bytes, {
          start,
          end,
          onFound: (record, other) => {
            if (!this.isOwn(other)) this.#copies.add(record);
          },
        });
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      // the store was cleaned meanwhile; what was damaged is found by a check
      if (!pack.isHidden && !isBakError(error, "STORE_DAMAGED")) throw error;
    }
  }

  async #walkCommits(): Promise<void> {
    const { packs, signal } = this.#parts;
    const before = this.#reached;
    const reached = before ?? new LiveObjects(packs, { onCount: () => undefined });
    const commits = this.#commits;
    this.#commits = new Set();
    this.#reached = reached; // from now on it is told of commits that come
    try {
      await reached.addWhatIsLeft(commits, signal);
      if (before === undefined) await this.#walkLogs(reached);
    } catch (error) {
      this.#reached = before;
      for (const commit of commits) this.#commits.add(commit);
      throw error;
    }
  }

  async #walkLogs(reached: LiveObjects): Promise<void> {
    for (const project of await this.#seenProjects()) {
      const { log, forgotten } = await this.#parts.projects.readLines(project);
      const commits = [...log, ...forgotten].map(({ commit }) => commit);
      await reached.addWhatIsLeft(commits, this.#parts.signal);
    }
  }

  async #seenProjects(): Promise<ReadonlySet<Parameters<Sees>[0]>> {
    const { projects } = this.#parts;
    const all = [...(await projects.list()), ...(await projects.listForgotten())];
    return new Set(all.filter((project) => this.sees(project)));
  }
}
