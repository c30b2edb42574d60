/** Runs asynchronous work one piece after another. */

/** A line of work: each piece begins when the one before has ended, well or badly. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** What the work gives, once its turn has come. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined); // whoever asked for the work has its failure
    return result;
  }

  /** Resolves once everything asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
