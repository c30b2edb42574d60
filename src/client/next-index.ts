/**
 * The client's next index: written while the store still looks through the commit, and put where the last one is once that
 * is accepted. The commit is safe then: an index that cannot be written costs time, and no data. It is written at once, so that
 * nobody on this thread has a turn meanwhile: a second for some millions of files, of the minute that a store waits for a sign.
 */
import { deleteJournal } from "./journal.js";
import { writePushIndex, type NewPushIndex } from "./push-index.js";
import type { PushOptions } from "./push-options.js";
import type { FreshFile } from "./replace-file.js";

export class NextIndex {
  readonly #options: Pick<PushOptions, "indexFile" | "onEvent">;
  #fresh: FreshFile | undefined;
  #failure: unknown;

  /** Writes it. */
  constructor(options: Pick<PushOptions, "indexFile" | "onEvent">, index: NewPushIndex) {
    this.#options = options;
    try {
      this.#fresh = writePushIndex(options.indexFile, index);
    } catch (error) {
      this.#failure = error;
    }
  }

  /** Puts it in its place, and deletes the journal, which says nothing that it does not. Tells what could not be done. */
  put(): void {
    try {
      if (this.#fresh === undefined) throw this.#failure;
      this.#fresh.put();
    } catch (error) {
      this.#options.onEvent({ type: "indexNotKept", why: error instanceof Error ? error.message : String(error) });
      return;
    }
    forgetJournal(this.#options);
  }

  /** Gives it up. */
  discard(): void {
    try {
      this.#fresh?.discard();
    } catch {
      // one that lies there for long is deleted by and by
    }
  }
}

/** Deletes the journal of a push; tells if that can't be done. */
export function forgetJournal({ indexFile, onEvent }: Pick<PushOptions, "indexFile" | "onEvent">): void {
  try {
    deleteJournal(indexFile);
  } catch (error) {
    onEvent({ type: "journalNotKept", why: error instanceof Error ? error.message : String(error) });
  }
}
