/**
 * What restores that were killed have left in a target: files under their temporary names. They are removed where no other
 * restore is at work. Each holds a lock on the target, shared with the others, for as long as it runs: who can have the lock
 * alone when it begins knows that nobody else is there, and that every such file that is older than that moment is left over.
 */
import { closeSync, constants, lstatSync, opendirSync, openSync, unlinkSync } from "node:fs";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { loadFlock } from "../platform/flock.js";
import type { HeldFolder } from "./held-folder.js";
import { isTemporaryName } from "./restore-writer.js";
import { fsPath } from "./source-path.js";

const namesPerCall = 1024;
/** The kernel's clock for files may be behind by a tick or two. */
const clockLagMs = 50;

export class Leftovers {
  readonly #descriptor: number | undefined;
  /** Files that were changed later may be another restore's; undefined if all may. */
  readonly #beforeMs: number | undefined;

  /** Takes the lock on a target. Where there are no locks, nothing is ever left over. */
  constructor(target: ByteString) {
    try {
      const flock = loadFlock();
      if (flock === undefined) return;
      this.#descriptor = openSync(fsPath(target), constants.O_RDONLY | constants.O_DIRECTORY);
      if (flock(this.#descriptor, "exclusive")) this.#beforeMs = Date.now() - clockLagMs;
      flock(this.#descriptor, "shared");
    } catch {
      this.#beforeMs = undefined; // a file system without locks
    }
  }

  /** Removes what is left over in a folder. What that fails with is met again by whoever works there. */
  sweep(folder: HeldFolder): void {
    if (this.#beforeMs === undefined) return;
    try {
      const listing = opendirSync(folder.self, { encoding: "buffer" as BufferEncoding, bufferSize: namesPerCall });
      try {
        for (let found = listing.readSync(); found !== null; found = listing.readSync()) {
          const name = byteString(found.name as unknown as Buffer);
          if (isTemporaryName(name)) this.#remove(folder.path(name), this.#beforeMs);
        }
      } finally {
        listing.closeSync();
      }
    } catch {
      // it may be written to, but not read
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  #remove(path: string | Buffer, beforeMs: number): void {
    const stats = lstatSync(path);
    if (stats.isFile() && stats.ctimeMs < beforeMs) unlinkSync(path);
  }
}
