/** What a pool hands to its threads, and what they hand back. */
import type { Blake3Name } from "../objects/hash.js";
import type { ThreadError } from "./thread-error.js";

/** A result, and the buffers in it that go with it: they are the receiver's from then on. */
export interface Done<Result> {
  readonly result: Result;
  readonly transfer?: readonly ArrayBuffer[];
}

/** Does one job. Runs on a thread of its own, where nothing else runs meanwhile: it may block. */
export type Work<Job, Result> = (job: Job) => Done<Result> | Promise<Done<Result>>;

/** What a thread is told when it starts. */
export interface ThreadStart {
  readonly blake3: Blake3Name;
}

export interface JobMessage {
  readonly number: number;
  readonly job: unknown;
}

export type ResultMessage =
  { readonly number: number; readonly result: unknown } | { readonly number: number; readonly error: ThreadError };
