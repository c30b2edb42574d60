/**
 * A store to read from for as long as it takes: a connection that is lost is made again, and what was asked for is asked for
 * once more. For readers who look at what comes by its id, and pass over what they have already.
 */
import type { ObjectId } from "../objects/object-id.js";
import { Reconnects, type Reconnecting } from "./reconnects.js";
import type { Remote } from "./remote.js";

export interface SteadyRemoteOptions {
  /** Says hello to the store, again after a connection broke. */
  connect: () => Promise<Remote>;
  onEvent: (event: Reconnecting) => void;
  signal?: AbortSignal | undefined;
}

/** What reading objects asks of a store. */
export type ObjectSource = Pick<Remote, "get" | "trees" | "hasMany" | "peer">;

/** See the top of the file. To be closed. */
export class SteadyRemote implements ObjectSource {
  readonly peer: string;
  readonly #options: SteadyRemoteOptions;
  readonly #reconnects = new Reconnects();
  #remote: Remote;
  #connecting: Promise<void> | undefined;
  /** Aborted when nothing more is wanted: then a connection that ends is not lost. */
  readonly #ending = new AbortController();

  /** Connects for the first time, which is not tried again. */
  static async open(options: SteadyRemoteOptions): Promise<SteadyRemote> {
    return new SteadyRemote(await options.connect(), options);
  }

  private constructor(remote: Remote, options: SteadyRemoteOptions) {
    this.#remote = remote;
    this.#options = options;
    this.peer = remote.peer;
    options.signal?.addEventListener("abort", this.#endOnAbort, { once: true });
  }

  /** The connection as it is now: for what is asked once, at the beginning. */
  get now(): Remote {
    return this.#remote;
  }

  /** As `get` of a remote; after a lost connection members come again that have come before. */
  get(ids: readonly ObjectId[]): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#read((remote) => remote.get(ids));
  }

  /** As `trees` of a remote; after a lost connection members come again that have come before. */
  trees(root: ObjectId): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#read((remote) => remote.trees(root));
  }

  async hasMany(ids: Uint8Array): Promise<(index: number) => boolean> {
    for (;;) {
      const remote = this.#remote;
      try {
        return await remote.hasMany(ids);
      } catch (error) {
        await this.#reconnect(remote, { error, hasHeadway: false });
      }
    }
  }

  /** Ends the conversation. Never rejects. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#endOnAbort);
    this.#ending.abort();
    await this.#connecting?.catch(() => undefined); // told to whoever waited for it
    await this.#remote.close();
  }

  #endOnAbort = (): void => void this.close();

  async *#read(
    read: (remote: Remote) => AsyncGenerator<Uint8Array, void, undefined>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const remote = this.#remote;
      let hasHeadway = false;
      try {
        for await (const member of read(remote)) {
          hasHeadway = true;
          yield member;
        }
        return;
      } catch (error) {
        await this.#reconnect(remote, { error, hasHeadway });
      }
    }
  }

  /** Resolves when there is another connection than `remote`, which failed; throws the error that is no lost connection. */
  async #reconnect(remote: Remote, failure: { error: unknown; hasHeadway: boolean }): Promise<void> {
    this.#options.signal?.throwIfAborted();
    if (this.#ending.signal.aborted) throw failure.error;
    if (this.#remote !== remote) return; // others, who read from it too, have seen to that
    this.#connecting ??= this.#connectAgain(failure).finally(() => (this.#connecting = undefined));
    await this.#connecting;
  }

  async #connectAgain(failure: { error: unknown; hasHeadway: boolean }): Promise<void> {
    const { connect, onEvent } = this.#options;
    const { signal } = this.#ending;
    for (let { error, hasHeadway } = failure, isConnected = true; ; isConnected = false) {
      await this.#reconnects.wait({ error, isConnected, hasHeadway }, { onEvent, signal });
      await this.#remote.close();
      try {
        this.#remote = await connect();
        return;
      } catch (again) {
        [error, hasHeadway] = [again, false];
      }
    }
  }
}
