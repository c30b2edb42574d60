/**
 * Does what has been planned: deletes packs, and copies what is needed of others before they go.
 *
 * Nothing is decided for good until a pack is hidden: in that very turn it is looked at again whether anything of the pack
 * has come to be needed that is not in a new pack. No pack is being added at that moment.
 */
import { BakError, isBakError } from "../errors.js";
import { codecOfMember, type Codec } from "../objects/member-codec.js";
import type { ProjectId } from "../objects/project-id.js";
import { canWriteZstd } from "../objects/zstd.js";
import { assertMoved, copyLive } from "./copy-live.js";
import type { Ingest } from "./ingest.js";
import type { NeededObjects } from "./needed-objects.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { CheckedPack } from "./pack-receiver.js";
import { PackWriter } from "./pack-writer.js";
import type { Packs } from "./packs.js";
import { RecordSet } from "./record-set.js";
import type { CollectOptions, Collected, PackReceipt, PackReceiver } from "./store.js";

/** What doing it needs of a store. */
export interface ExecuteParts {
  readonly packs: Packs;
  readonly ingest: Ingest;
  /** Begins to take in a pack of an owner; `keep` is given it to move it to its place. */
  readonly receive: (keep: (pack: CheckedPack) => Promise<PackReceipt>, owner: ProjectId | undefined) => PackReceiver;
  /** What the store asks clients to compress with. */
  readonly compression: Codec;
}

export interface ExecuteOptions extends ExecuteParts, Pick<CollectOptions, "signal" | "onProgress"> {
  readonly needed: NeededObjects;
}

/** What is to be done. */
export interface GcWork {
  readonly remove: readonly NumberedPack[];
  /** The packs of a group have one owner, or none. */
  readonly rewrite: readonly (readonly NumberedPack[])[];
}

/** What has been done. */
export type GcChanges = Omit<Collected, "packs" | "bytes" | "objects" | "commitsDropped">;

/** After so many tries packs stay: others ask for more than can be looked at. The next gc comes to them. */
const maxTries = 8;

const alreadyThere = new Error("the new pack is there already");

/** See the top of the file. Rejects with STORE_DAMAGED where what is needed can't be read; all of that is still there then. */
export async function executeGc(work: GcWork, options: ExecuteOptions): Promise<GcChanges> {
  return new Execution(options).run(work);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Execution {
  readonly #options: ExecuteOptions;
  #copiedBytes = 0;
  readonly #changes: Mutable<GcChanges> = {
    packsDeleted: 0,
    bytesDeleted: 0,
    packsRewritten: 0,
    bytesRewritten: 0,
    packsMade: 0,
    bytesMade: 0,
    packsSkipped: 0,
    packsWaiting: 0,
    objectsDropped: 0,
  };

  constructor(options: ExecuteOptions) {
    this.#options = options;
  }

  /** Packs that only go come first: that makes space for others to be written, and works on a full disk. */
  async run({ remove, rewrite }: GcWork): Promise<GcChanges> {
    await this.#remove(remove);
    const totalBytes = rewrite.flat().reduce((sum, { packLength }) => sum + packLength, 0);
    for (const [at, group] of rewrite.entries()) {
      try {
        await this.#rewrite(group, totalBytes);
      } catch (error) {
        if (!isBakError(error, "STORE_FULL")) throw error;
        this.#changes.packsSkipped = rewrite.slice(at).flat().length; // the shortest come first
        break;
      }
    }
    return this.#changes;
  }

  async #remove(packs: readonly NumberedPack[]): Promise<void> {
    const changes = this.#changes;
    this.#options.onProgress({ phase: "deleting", done: 0, total: packs.length });
    for (const { packLength, recordCount } of await this.#drop(packs, new RecordSet())) {
      changes.packsDeleted += 1;
      changes.bytesDeleted += packLength;
      changes.objectsDropped += recordCount;
    }
  }

  /** Copies what is needed of some packs, and deletes them. */
  async #rewrite(sources: readonly NumberedPack[], totalBytes: number): Promise<void> {
    const { packs } = this.#options;
    const changes = this.#changes;
    const copied = new RecordSet();
    const made = await this.#copy(sources, copied, totalBytes);
    if (made === undefined) return;
    changes.packsMade += made.length;
    changes.bytesMade += made.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const pack of sources) await assertMoved(packs, pack, copied);
    for (const pack of await this.#drop(sources, copied)) {
      changes.packsRewritten += 1;
      changes.bytesRewritten += pack.packLength;
      changes.objectsDropped += pack.recordCount - copied.count(pack.start, pack.end);
    }
  }

  /**
   * Gives the packs that hold what is needed of others from now on. `copied` is given the records of that. Undefined where
   * the same pack is there already, since others sent all of this again: then these packs stay as well, until it is no longer spared.
   */
  async #copy(
    sources: readonly NumberedPack[],
    copied: RecordSet,
    totalBytes: number,
  ): Promise<PackReceipt[] | undefined> {
    const { packs, needed, signal, onProgress, receive } = this.#options;
    const made: PackReceipt[] = [];
    const to = new PackWriter(() => receive((pack) => this.#keep(pack, made), sources[0]?.owner));
    const onCopied = (bytes: number): void => {
      this.#copiedBytes += bytes;
      onProgress({ phase: "rewriting", done: this.#copiedBytes, total: totalBytes });
    };
    const cut = (packed: Uint8Array, ranges: Uint32Array<ArrayBuffer>): Promise<Uint8Array> =>
      this.#cut(packed, ranges);
    needed.addTold();
    try {
      for (const pack of sources) {
        await copyLive(pack, { packs, live: needed.records, copied, to, cut, onCopied, signal });
      }
      await to.finish();
    } catch (error) {
      await to.abort();
      if (error === alreadyThere) return undefined;
      throw isBakError(error, "BAD_PACK")
        ? damaged(
            error,
            sources.map(({ id }) => packs.pathOf(id)),
          )
        : error;
    }
    return made;
  }

  async #keep(pack: CheckedPack, made: PackReceipt[]): Promise<PackReceipt> {
    const { packs, needed } = this.#options;
    const receipt = await packs.keepInstead(pack);
    if (receipt === undefined) throw alreadyThere;
    needed.passOver(packs.index.packs.filter(({ id }) => id === pack.id)); // all that it names is needed already
    made.push(receipt);
    return receipt;
  }

  /** A zstd member becomes a gzip one where this Node can't write zstd. */
  #cut(packed: Uint8Array, ranges: Uint32Array<ArrayBuffer>): Promise<Uint8Array> {
    const { ingest, compression } = this.#options;
    const isZstd = codecOfMember(packed) === "zstd" && canWriteZstd();
    return ingest.cut(packed, { ranges, codec: isZstd ? "zstd" : compression === "none" ? "none" : "gzip" });
  }

  /** Hides those of the packs of which nothing is needed but what has been copied, and deletes them; gives them. */
  async #drop(sources: readonly NumberedPack[], copied: RecordSet): Promise<readonly NumberedPack[]> {
    const { packs, needed, signal } = this.#options;
    let dropped: readonly NumberedPack[] | undefined;
    for (let tries = 0; tries < maxTries && dropped === undefined; tries += 1) {
      await needed.catchUp(); // most of it while packs may still come
      signal.throwIfAborted();
      dropped = await packs.exclusively(async () => {
        await needed.catchUp();
        if (!needed.isCaughtUp) return undefined;
        const free = sources.filter((pack) => needed.isFree(pack, copied));
        packs.hide(free);
        return free;
      });
    }
    if (dropped === undefined || dropped.length === 0) return [];
    this.#changes.packsWaiting = await packs.removeHidden();
    return dropped;
  }
}

function damaged(cause: BakError, paths: readonly string[]): BakError {
  return new BakError("STORE_DAMAGED", `cannot copy what is in use of '${paths.join("' or '")}': ${cause.message}`, {
    hint: "nothing that is in use was deleted; 'bak check --read-data' says what is lost",
    cause,
  });
}
