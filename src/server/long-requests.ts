/** Requests that take long, such as checking a store: they are worked on while the session goes on to answer others. */
import { BakError } from "../errors.js";
import { errorMessage, type Conversation } from "../protocol/conversation.js";
import type { Message, MessageOf } from "../protocol/messages.js";

/** How far a piece of work is, in whatever unit suits it. */
export interface WorkProgress {
  /** What is being done, in a word or two for a person. */
  readonly phase: string;
  readonly done: number;
  /** 0 where nobody knows yet. */
  readonly total: number;
}

/** What a piece of work is given. */
export interface LongWork {
  /** Aborted when the session ends: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WorkProgress) => void;
}

const progressEveryMs = 200;
const maxAtOnce = 2;

/** The long requests of one session. */
export class LongRequests {
  readonly #conversation: Pick<Conversation, "send">;
  readonly #stop = new AbortController();
  readonly #working = new Set<Promise<void>>();

  constructor(conversation: Pick<Conversation, "send">) {
    this.#conversation = conversation;
  }

  /** Begins to work on a request; what the work gives, or fails with, is sent as its answer. Throws LIMIT. */
  begin(request: number, work: (long: LongWork) => Promise<Message>): void {
    if (this.#working.size >= maxAtOnce) throw new BakError("LIMIT", "too much work is asked for at a time");
    const working = this.#answer(request, work).finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  /** Stops what is under way; resolves once it has stopped. */
  async abort(): Promise<void> {
    this.#stop.abort(new BakError("CONNECTION_LOST", "nobody waits for the answer any more"));
    await Promise.all(this.#working);
  }

  async #answer(request: number, work: (long: LongWork) => Promise<Message>): Promise<void> {
    const { signal } = this.#stop;
    const answer = await work({ signal, onProgress: this.#reporter(request) }).catch((error: unknown) => {
      const known = error instanceof BakError ? error : new BakError("INTERNAL", "internal error at the other end");
      return errorMessage(known, request);
    });
    await this.#conversation.send(answer).catch(() => undefined); // where the channel has failed, the session ends
  }

  /** Sends what it is told of now and then, and never more than one message ahead of the network. */
  #reporter(request: number): (progress: WorkProgress) => void {
    let lastMs = -Infinity;
    let isSending = false;
    return (progress) => {
      const now = performance.now();
      if (isSending || now - lastMs < progressEveryMs) return;
      lastMs = now;
      isSending = true;
      const message: MessageOf<"progress"> = { type: "progress", request, ...progress };
      const sent = (): boolean => (isSending = false);
      this.#conversation.send(message).then(sent, sent);
    };
  }
}
