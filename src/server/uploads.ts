/** The packs that one session is sending: each is received under its request number until it is kept or refused. */
import { BakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { maxUnacknowledgedPacks } from "../protocol/limits.js";
import type { PackReceipt, PackReceiver, ReceiveOptions, Store } from "../store/store.js";

/** The uploads of one session. To be aborted at its end. */
export class Uploads {
  readonly #store: Pick<Store, "receivePack">;
  readonly #open = new Map<number, PackReceiver>();
  /** Uploads that were refused in the middle, and said to be: what still comes of them is dropped, to their end. */
  readonly #refused = new Set<number>();
  readonly #settling = new Set<Promise<void>>();

  constructor(store: Pick<Store, "receivePack">) {
    this.#store = store;
  }

  /**
   * Begins to take in a pack. Rejects with PROTOCOL where the request has begun already, LIMIT for too many at a time, and with
   * what the store refuses it for; what still comes of it is dropped then.
   */
  async begin(request: number, options: ReceiveOptions = {}): Promise<void> {
    if (this.#open.has(request) || this.#refused.has(request)) {
      throw new BakError("PROTOCOL", `upload ${request} has begun already`);
    }
    if (this.#open.size + this.#refused.size >= maxUnacknowledgedPacks) {
      throw new BakError("LIMIT", "too many packs at a time");
    }
    try {
      this.#open.set(request, this.#store.receivePack(options));
    } catch (error) {
      this.#refused.add(request);
      throw error;
    }
  }

  /** Resolves when there is room for the next member. Rejects with PROTOCOL where none has begun, and, once, with what the pack is refused for. */
  async add(request: number, member: Uint8Array): Promise<void> {
    if (this.#refused.has(request)) return;
    const receiver = this.#receiver(request);
    try {
      await receiver.add(member);
    } catch (error) {
      this.#open.delete(request);
      this.#refused.add(request);
      await receiver.abort();
      throw error;
    }
  }

  /** Resolves once the pack is on stable storage, with undefined if it was refused before; rejects if it is refused now. */
  async end(request: number, pack: ObjectId | undefined): Promise<PackReceipt | undefined> {
    if (this.#refused.delete(request)) return undefined;
    const receiver = this.#receiver(request);
    this.#open.delete(request);
    if (pack === undefined) {
      await receiver.abort();
      throw new BakError("PROTOCOL", "an upload must end with the id of its pack");
    }
    return receiver.finish(pack);
  }

  /** Remembers work that goes on, and waits while there is as much of it as may be. */
  async settle(work: Promise<void>, limit: number): Promise<void> {
    const settled = work.finally(() => this.#settling.delete(settled));
    settled.catch(() => undefined); // where nobody waits for it, the channel has failed, which ends the session
    this.#settling.add(settled);
    if (this.#settling.size >= limit) await Promise.race(this.#settling);
  }

  /** Resolves when no upload is being finished any more. */
  async settleAll(): Promise<void> {
    await Promise.all(this.#settling);
  }

  /** Drops whatever has not been acknowledged. */
  async abort(): Promise<void> {
    await Promise.allSettled(this.#settling);
    for (const receiver of this.#open.values()) await receiver.abort();
    this.#open.clear();
  }

  #receiver(request: number): PackReceiver {
    const receiver = this.#open.get(request);
    if (receiver === undefined) throw new BakError("PROTOCOL", `no upload ${request} has begun`);
    return receiver;
  }
}
