/** What it is to own a store, however the lock is held. */
import { BakError } from "../errors.js";

/** Ownership of a store; no other process has it, nor another part of this one. */
export interface StoreLock {
  /** Lets another process own the store. */
  release(): Promise<void>;
}

/** Where a lock of a store lies. */
export interface LockPlace {
  /** The store's. */
  readonly folder: string;
  /** The file that is locked, in that folder. */
  readonly lock: string;
  /** A file that stands for the lock where the system can't lock one. */
  ownerFile(number: number): string;
  /** A path on the same file system that has never been used. */
  temporary(): string;
}

/** STORE_LOCKED; `owner` is what the lock's file says: first a process id, if anything. */
export function lockedError(folder: string, owner: string): BakError {
  const pid = /^\d+/.exec(owner)?.[0];
  const by = pid === undefined ? "another process" : `process ${pid}`;
  return new BakError("STORE_LOCKED", `store '${folder}' is locked by ${by}`, {
    hint: "reach it through the server that serves it, or stop that first",
  });
}
