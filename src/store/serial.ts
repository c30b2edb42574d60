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

/** A line of work for each key. Keeps nothing of keys of which no work is left. */
export class SerialByKey<Key> {
  readonly #last = new Map<Key, Promise<void>>();

  /** What the work gives, once its turn among that of the same key has come. */
  run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const forget = (): void => {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    };
    const ended = result.then(forget, forget); // whoever asked for the work has its failure
    this.#last.set(key, ended);
    return result;
  }

  /** Resolves once everything asked for so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
