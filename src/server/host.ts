/** What a listener asks of whatever it serves: to let somebody in. */
import type { MessageOf } from "../protocol/messages.js";
import type { TokenLine } from "../protocol/token-lines.js";
import type { Store } from "../store/store.js";
import type { Access } from "./access.js";
import type { Gate } from "./gate.js";

/** Somebody who was let in to a store. */
export interface Guest {
  readonly store: Store;
  readonly access: Access;
  /** Of the store's tokens. */
  readonly gate: Gate;
  /** Of the store, where there are several. */
  readonly name?: string;
  /** To be called once the session is over. */
  release(): void;
}

/** One store, or several. */
export interface Host {
  /** Rejects with NOT_ALLOWED for who is not let in. `path` is that of the URL, as it was sent. */
  letIn(path: string, hello: MessageOf<"hello">, peer: string): Promise<Guest>;
  /** See `Gate.tryToken`. */
  tryToken(path: string, token: string | undefined, peer: string): Promise<TokenLine | undefined>;
  /** Lets go of everything; no session is left. */
  close(): Promise<void>;
}
