/** Trees that are fetched as they are needed, and kept as long as there is room: what lies beside them in the store often comes next. */
import { BakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { readObjects } from "./fetch.js";
import { isLoss, readRest } from "./fetch-rest.js";
import { maxIdsPerCall } from "./remote.js";
import type { ObjectSource } from "./steady-remote.js";

/** The trees of half a million files, or so. */
const defaultRoomBytes = 64 << 20;

export class TreeCache {
  readonly #remote: ObjectSource;
  readonly #roomBytes: number;
  readonly #isLossPassedOver: boolean;
  /** Those that the store was asked for and did not give, where that is passed over. */
  readonly #lost = new Set<ObjectId>();
  /** What came last stands last. */
  readonly #trees = new Map<ObjectId, Uint8Array>();
  #bytes = 0;

  /** With `isLossPassedOver`, a tree that the store has lost, or has damaged, stops nothing: its bytes are undefined. */
  constructor(remote: ObjectSource, options: { roomBytes?: number; isLossPassedOver?: boolean } = {}) {
    this.#remote = remote;
    this.#isLossPassedOver = options.isLossPassedOver ?? false;
    this.#roomBytes = options.roomBytes ?? defaultRoomBytes;
  }

  /** The bytes of some trees, in their order. Rejects with NO_OBJECT for one that the store does not have. */
  async load(ids: readonly ObjectId[]): Promise<(Uint8Array | undefined)[]> {
    const found = new Map<ObjectId, Uint8Array>();
    const missing = new Set<ObjectId>();
    for (const id of ids) {
      const bytes = this.#trees.get(id);
      if (bytes === undefined && !this.#lost.has(id)) missing.add(id);
      else if (bytes !== undefined) found.set(id, bytes);
    }
    await this.#fetch(missing, found);
    return ids.map((id) => found.get(id));
  }

  /** Fetches trees together that will be asked for soon. */
  async expect(ids: Iterable<ObjectId>): Promise<void> {
    const missing = new Set<ObjectId>();
    for (const id of ids) if (!this.#trees.has(id) && !this.#lost.has(id)) missing.add(id);
    if (missing.size > 1) await this.#fetch(missing, undefined);
  }

  async #fetch(missing: Set<ObjectId>, found: Map<ObjectId, Uint8Array> | undefined): Promise<void> {
    const wanted = [...missing];
    for (let at = 0; at < wanted.length; at += maxIdsPerCall) {
      const ids = wanted.slice(at, at + maxIdsPerCall);
      for await (const { id, bytes } of this.#read(ids, missing)) {
        const copy = Buffer.from(bytes); // or each would keep its member
        if (missing.delete(id)) found?.set(id, copy);
        this.#keep(id, copy);
      }
    }
    if (this.#isLossPassedOver) for (const id of missing) this.#lost.add(id);
    else
      for (const id of missing) throw new BakError("NO_OBJECT", `'${this.#remote.peer}' did not send object '${id}'`);
  }

  /** Trees that are not kept: those asked for, less what is found `missing` no more, and what lies beside them. */
  async *#read(
    ids: readonly ObjectId[],
    missing: ReadonlySet<ObjectId>,
  ): AsyncGenerator<{ id: ObjectId; bytes: Uint8Array }, void, undefined> {
    const isNew = (id: ObjectId, kind: string): boolean => missing.has(id) || (kind === "tree" && !this.#trees.has(id));
    try {
      yield* readObjects(this.#remote.get(ids), isNew);
    } catch (error) {
      if (!this.#isLossPassedOver || !isLoss(error)) throw error;
      const isLeft = (id: ObjectId): boolean => missing.has(id);
      yield* readRest(this.#remote, ids.filter(isLeft), isLeft);
    }
  }

  #keep(id: ObjectId, bytes: Uint8Array): void {
    this.#trees.set(id, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, its] of this.#trees) {
      if (this.#bytes <= this.#roomBytes) break;
      this.#trees.delete(oldest);
      this.#bytes -= its.length;
    }
  }
}
