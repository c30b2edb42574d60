/**
 * Whose turn it is while a folder is walked: the walk's, that of what it waits for, or that of what threads and the sink have
 * done meanwhile.
 */
import { createBreath } from "./breath.js";
import { StoreFailure } from "./source-failure.js";

export interface WalkTurnsOptions {
  /** Asked between two names: what the walk is to wait for. */
  readonly room?: (() => Promise<void> | undefined) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class WalkTurns {
  /** Lets others have their turn, now and then. */
  readonly breathe = createBreath();
  readonly #options: WalkTurnsOptions;
  /** What a file, or the sink, has stopped the walk with while it was elsewhere. */
  #failure: { readonly reason: unknown } | undefined;
  /** What the sink wants to be waited for. */
  #room: Promise<void> | undefined;
  /** What has been told to the walk and is to be gone on with: the first is being dealt with. */
  readonly #steps: (() => void)[] = [];

  constructor(options: WalkTurnsOptions) {
    this.#options = options;
  }

  /**
   * Now and then something to wait for: others have their turn, and the sink may want it. Throws what has stopped the walk
   * while it was elsewhere.
   */
  pause(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.reason;
    this.#options.signal?.throwIfAborted();
    this.wait(this.#options.room?.());
    const breath = this.breathe();
    return this.#room === undefined && breath === undefined ? undefined : this.rest(breath);
  }

  /** Waits for what there is to be waited for. Throws as `pause`. */
  async rest(breath?: Promise<void>): Promise<void> {
    await breath;
    while (this.#room !== undefined) {
      const room = this.#room;
      this.#room = undefined;
      await room;
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /** Stops the walk, at its next turn. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
  }

  /**
   * Goes on with what a thread has done; what is thrown there stops the walk. A step that leads to another is ended first:
   * folders in folders, each of which ends the one that it is in, would otherwise all be on one stack.
   */
  later<T>(step: (value: T) => void): (value: T) => void {
    return (value) => {
      this.#steps.push(() => step(value));
      if (this.#steps.length > 1) return; // whoever is at the first of them goes on with this one
      for (; this.#steps.length > 0; this.#steps.shift()) this.#step(this.#steps[0] as () => void);
    };
  }

  #step(step: () => void): void {
    try {
      this.#options.signal?.throwIfAborted();
      if (this.#failure === undefined) step();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Remembers something to wait for; what it rejects with is the store's failure. */
  wait(room: Promise<void> | undefined): void {
    if (room === undefined) return;
    const before = this.#room;
    const both = before === undefined ? room : Promise.all([before, room]).then(() => undefined);
    this.#room = both.catch((error: unknown) => this.fail(new StoreFailure(error)));
  }
}
