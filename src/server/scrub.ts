/**
 * A server reads its packs again by itself, so that bits that have rotted are found while there is somewhere to get them
 * from. It is in nobody's way: it reads at a low rate, and not at all while packs are being sent or received.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../store/store.js";

/** A pack is read again so long after it came, or was read last: then all are known to be whole within 30 days. */
const scrubEveryMs = 28 * 24 * 3600 * 1000;
/** Where no pack is due, it looks again after so long. */
const restMs = 3600 * 1000;
/** Nothing has been moved for so long before a pack is read on. */
const quietMs = 2000;

/** 20 MB/s are 1.7 TB a day. */
export const defaultScrubRate = 20_000_000;

/** How fast, how often, and whom to tell. */
export interface ScrubOptions {
  readonly bytesPerSecond: number;
  readonly onEvent: (event: ScrubEvent) => void;
  /** Of a pack, before it is read again; 28 days unless given. */
  readonly everyMs?: number;
}

/** What a scrub finds; of `scrubbed`, how many packs and bytes were read, and how many packs of them are damaged. */
export type ScrubEvent =
  | { type: "packDamaged"; path: string; why: string }
  | { type: "scrubbed"; packs: number; bytes: number; damaged: number }
  | { type: "scrubFailed"; error: unknown };

type ScrubStore = Pick<Store, "packsToVerify" | "verifyPack" | "lastMovedMs">;

/** Scrubs from now on, until what this gives is called; that resolves once the store is let go of. */
export function startScrub(store: ScrubStore, options: ScrubOptions): () => Promise<void> {
  const stop = new AbortController();
  const scrubbing = new Scrub(store, options, stop.signal).run();
  return async () => {
    stop.abort(new Error("the scrub was stopped"));
    await scrubbing;
  };
}

/** Reads what is due once, and then is done. Rejects when `signal` is aborted, and with what the store fails with. */
export async function scrubOnce(store: ScrubStore, options: ScrubOptions, signal: AbortSignal): Promise<void> {
  await new Scrub(store, options, signal).round();
}

class Scrub {
  readonly #store: ScrubStore;
  readonly #options: ScrubOptions;
  readonly #signal: AbortSignal;

  constructor(store: ScrubStore, options: ScrubOptions, signal: AbortSignal) {
    this.#store = store;
    this.#options = options;
    this.#signal = signal;
  }

  /** Never rejects. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.round();
      } catch (error) {
        if (!this.#signal.aborted) this.#options.onEvent({ type: "scrubFailed", error });
      }
      await this.#sleep(restMs).catch(() => undefined); // stopped: the loop ends
    }
  }

  /** All packs that are due, those first that were read longest ago. */
  async round(): Promise<void> {
    const { everyMs = scrubEveryMs, onEvent } = this.#options;
    const due = await this.#store.packsToVerify(Date.now() - everyMs);
    if (due.length === 0) return;
    const told = { packs: 0, bytes: 0, damaged: 0 };
    for (const { pack, bytes } of due) {
      await this.#quiet();
      const damaged = await this.#store.verifyPack(pack, { signal: this.#signal, pace: this.#pacer() });
      told.packs += 1;
      told.bytes += bytes;
      if (damaged === undefined) continue;
      told.damaged += 1;
      onEvent({ type: "packDamaged", path: damaged.path, why: damaged.why });
    }
    onEvent({ type: "scrubbed", ...told });
  }

  /** Waits after each piece for as long as it may take at the rate that was asked for, and until nothing is being moved. */
  #pacer(): (bytes: number) => Promise<void> {
    let lastMs = performance.now();
    return async (bytes) => {
      const leftMs = lastMs + (bytes / this.#options.bytesPerSecond) * 1000 - performance.now();
      if (leftMs > 1) await this.#sleep(leftMs);
      await this.#quiet();
      lastMs = performance.now();
    };
  }

  async #quiet(): Promise<void> {
    for (;;) {
      const leftMs = this.#store.lastMovedMs + quietMs - Date.now();
      if (leftMs <= 0 || leftMs > quietMs) return; // or the clock was put back
      await this.#sleep(leftMs);
    }
  }

  /** Does not keep the process. Rejects when the scrub is stopped. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal, ref: false });
  }
}
