/** How far away a store is, by how long its answers take. */

/**
 * An answer is late where the store, or whoever asks, is busy with something else: beside each other, the quickest of 8 takes up
 * to 13 ms, and of 32 up to 4. So the quickest of so many tells; less than so much is near.
 */
const answersToJudgeBy = 32;
const nearMs = 8;

export class Distance {
  readonly #onFar: (ms: number) => void;
  #answers = 0;
  #quickestMs = Infinity;

  /** `onFar` is told once how long the way to the store and back takes, unless it is near. */
  constructor(onFar: (ms: number) => void) {
    this.#onFar = onFar;
  }

  /** An answer that took so long, in ms. */
  observe(ms: number): void {
    this.#answers += 1;
    this.#quickestMs = Math.min(this.#quickestMs, ms);
    if (this.#answers === answersToJudgeBy && this.#quickestMs >= nearMs) this.#onFar(this.#quickestMs);
  }
}
