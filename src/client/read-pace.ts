/** Tells files that come from a disk from those that are in memory already, by the time that reading them takes. */

/** From memory a file takes 2 to 10 µs, and 0.1 ns a byte; from a fast disk, 80 µs or more. */
const fileMs = 0.03;
const byteMs = 1e-6;
/**
 * A disk is slow with most files of a batch. A thread that has to wait for a processor is so with one or two, however long, and
 * not so many times running.
 */
const slowShare = 1 / 4;
const enough = 5;

export class ReadPace {
  #files = 0;
  #slowFiles = 0;
  #slowBatches = 0;

  /** Whether it pays to have files fetched before they are read. Once it did, it stays so: they are faster for being fetched. */
  get isSlow(): boolean {
    return this.#slowBatches >= enough;
  }

  /** A file of so many bytes took so long to read. */
  observe(bytes: number, elapsedMs: number): void {
    this.#files += 1;
    if (elapsedMs > fileMs + bytes * byteMs) this.#slowFiles += 1;
  }

  /** The files since the last call were read one after the other. */
  endBatch(): void {
    if (!this.isSlow) this.#slowBatches = this.#slowFiles > this.#files * slowShare ? this.#slowBatches + 1 : 0;
    this.#files = 0;
    this.#slowFiles = 0;
  }
}
