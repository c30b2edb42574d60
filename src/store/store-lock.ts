/** What it is to own a store, however the lock is held. */
import { BakError } from "../errors.js";

/** Ownership of a store; no other process has it, nor another part of this one. */
export interface StoreLock {
  /** Lets another process own the store. */
  release(): Promise<void>;
}

/** STORE_LOCKED; `owner` is what the lock's file says: first a process id, if anything. */
export function lockedError(folder: string, owner: string): BakError {
  const pid = /^\d+/.exec(owner)?.[0];
  const by = pid === undefined ? "another process" : `process ${pid}`;
  return new BakError("STORE_LOCKED", `store '${folder}' is locked by ${by}`, {
    hint: "reach it through the server that serves it, or stop that first",
  });
}
