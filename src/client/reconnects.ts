/** When a lost connection is made again: soon, then later and later, and not for ever. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBakError, type BakError } from "../errors.js";

/** How often in a row nothing may come of a connection. */
const maxInVain = 8;
/** 1 s at most before the first try, then twice as long each time. */
const firstWaitMs = 1000;
const maxWaitMs = 30_000;

/** How an attempt was, that has ended with an error. */
export interface EndedAttempt {
  readonly error: unknown;
  /** Whether the store had said welcome. */
  readonly isConnected: boolean;
  /** Whether it has got anything done that the next need not do again. */
  readonly hasHeadway: boolean;
}

/** A connection that was lost, and how long is waited until it is made again. */
export interface Reconnecting {
  readonly type: "reconnecting";
  readonly error: BakError;
  readonly waitMs: number;
}

/** Decides for one command, from its first connection on. */
export class Reconnects {
  #inVain = 0;

  /**
   * Waits before the next attempt; tells first for how long. Throws the attempt's error where another makes no sense: it is
   * no lost connection, nobody was ever there, or that was tried often enough. A server that goes before it has said welcome
   * was there: it is being restarted. The wait is a random part, a half at least, of
   * what it might be, so that the clients of a server that was restarted do not all come at once.
   */
  async wait(
    { error, isConnected, hasHeadway }: EndedAttempt,
    options: { onEvent: (event: Reconnecting) => void; signal: AbortSignal | undefined },
  ): Promise<void> {
    if (hasHeadway) this.#inVain = 0;
    const isLost = isBakError(error, "CONNECTION_LOST");
    const wasThere = isConnected || isLost || this.#inVain > 0;
    const mayReturn = isLost || isBakError(error, "NO_SERVER");
    if (!wasThere || !mayReturn || this.#inVain >= maxInVain) throw error;
    const longestMs = Math.min(firstWaitMs * 2 ** this.#inVain, maxWaitMs);
    const waitMs = Math.round(longestMs * (0.5 + Math.random() / 2));
    this.#inVain += 1;
    options.onEvent({ type: "reconnecting", error, waitMs });
    await sleep(waitMs, undefined, { signal: options.signal });
  }
}
