/** Where conversations come from, whichever way they go. */
import type { Hello, Remote } from "../client/remote.js";
import type { DamagedPack } from "../store/store.js";
import type { Access } from "./credentials.js";

/** The way to a store; one conversation after the other may be begun. */
export interface Connector {
  connect(hello: Hello): Promise<Remote>;
  /** Whether that store has just been made, or is yet to be made. */
  readonly isNew: boolean;
  /** Packs of that store that had to be left out; of a server's store, the server tells. */
  readonly damaged: readonly DamagedPack[];
  /** Lets go of the store. Every conversation has been closed. */
  close(): Promise<void>;
}

/** How conversations are begun, and what may be made for that. */
export interface ConnectorOptions {
  /** Makes a store in the folder if none is there yet. */
  mayCreate: boolean;
  /** Where a store could be made in the folder, takes it for one that has nothing: for those who only ask. */
  mayBeVacant?: boolean;
  /** Names this program and its version. */
  agent: string;
  signal: AbortSignal;
  /** What a server is shown, and has to show. */
  access: Access;
  /** Told what the user should know of the way there. */
  warn: (text: string) => void;
}
