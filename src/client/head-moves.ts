/** When a push is begun again because somebody else's was faster: at once, then after a while, so that not all are in each other's way. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBakError } from "../errors.js";

/** Each time somebody else's push has ended well, so this is no loop without headway; but it is not ours. */
const maxMoves = 60;
const firstWaitMs = 20;
const maxWaitMs = 5000;

export interface HeadMovesOptions {
  readonly maxMoves?: number;
}

/** Decides for one push. */
export class HeadMoves {
  readonly #maxMoves: number;
  #moves = 0;

  constructor(options: HeadMovesOptions = {}) {
    this.#maxMoves = options.maxMoves ?? maxMoves;
  }

  /** Whether an attempt ended because the head had moved, and another is worth its while. */
  mayTryAgain(error: unknown): boolean {
    return isBakError(error, "HEAD_MOVED") && this.#moves < this.#maxMoves;
  }

  /**
   * Resolves when it is time for it. Of many who push to one project, one wins each time and the others have worked in vain,
   * the slowest most often: each waits for a random time, up to twice as long as before, until few enough are at it.
   */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    const longestMs = this.#moves === 0 ? 0 : Math.min(firstWaitMs * 2 ** this.#moves, maxWaitMs);
    this.#moves += 1;
    await sleep(Math.random() * longestMs, undefined, { signal });
  }
}
