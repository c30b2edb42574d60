/** Sessions that keep more than they move: without headway for hours, or holding memory while others need it. */
import type { Channel } from "../protocol/channel.js";

/** A session without a message in either direction ends after so long: what it was told holds what gc could delete. */
export const idleLimitMs = 6 * 3600 * 1000;
const sweepMs = 250;
/** Less than that is no burden. */
const lightBytes = 64 << 10;

/** What the channels may hold together, and how long one may be idle. */
export interface WatchOptions {
  readonly heldBytes: number;
  readonly idleMs?: number | undefined;
  /** Told for each that was ended. */
  readonly onEvent: (event: BurdenEvent) => void;
}

/** A session that was ended, where it came from, and what it held. */
export type BurdenEvent = { type: "letGo"; peer: string; why: "idle" | "memory"; bytes: number };

interface Watched {
  readonly channel: Channel;
  lastMovedMs: number;
}

/** Watches the channels of a server. To be closed. */
export class ChannelWatch {
  readonly #options: WatchOptions;
  readonly #watched = new Set<Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sweep(), sweepMs).unref();
  }

  /** The same channel, watched until `release` of it is called. */
  watch(channel: Channel): { channel: Channel; release: () => void } {
    const watched: Watched = { channel, lastMovedMs: performance.now() };
    const moved = (): void => void (watched.lastMovedMs = performance.now());
    this.#watched.add(watched);
    return {
      channel: {
        ...channel,
        receive: async () => {
          const frame = await channel.receive();
          moved();
          return frame;
        },
        send: async (frame, onSent) => {
          await channel.send(frame, onSent);
          moved();
        },
      },
      release: () => this.#watched.delete(watched),
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const { heldBytes, idleMs = idleLimitMs } = this.#options;
    const now = performance.now();
    let total = 0;
    for (const watched of this.#watched) {
      if (now - watched.lastMovedMs > idleMs) this.#letGo(watched, "idle");
      else total += heldBy(watched);
    }
    if (total <= heldBytes) return;
    // those go that have been stuck for longest: whoever moves frees by himself what he holds
    const stuck = [...this.#watched].toSorted((a, b) => a.lastMovedMs - b.lastMovedMs);
    for (const watched of stuck) {
      if (total <= heldBytes) return;
      const held = heldBy(watched);
      if (held < lightBytes) continue;
      total -= held;
      this.#letGo(watched, "memory");
    }
  }

  #letGo(watched: Watched, why: BurdenEvent["why"]): void {
    this.#watched.delete(watched);
    this.#options.onEvent({ type: "letGo", peer: watched.channel.peer, why, bytes: heldBy(watched) });
    void watched.channel.close();
  }
}

function heldBy({ channel }: Watched): number {
  return channel.heldBytes?.() ?? 0;
}
