/** Tells files that come from a disk from those that are in memory already, by the time that reading them takes. */

/** From memory a file takes 2 to 10 µs, and 0.1 ns a byte; from a fast disk, 80 µs or more. */
const fileMs = 0.03;
const byteMs = 1e-6;
/** A thread that has to wait for a processor is slow, too, but not so many times running. */
const enough = 5;

export class ReadPace {
  #slow = 0;

  /** Whether it pays to have files fetched before they are read. Once it did, it stays so: they are faster for being fetched. */
  get isSlow(): boolean {
    return this.#slow >= enough;
  }

  /** So many files, of so many bytes together, took so long to read. */
  observe(files: number, bytes: number, elapsedMs: number): void {
    if (this.isSlow) return;
    this.#slow = elapsedMs > files * fileMs + bytes * byteMs ? this.#slow + 1 : 0;
  }
}
