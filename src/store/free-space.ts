/** Keeps a store from filling its disk to the last byte: what frees space again needs some for itself. */
import { statfs } from "node:fs/promises";
import { errnoOf } from "../errors.js";
import { storeFull } from "./disk-error.js";

/** What a file system says of itself, in bytes. */
export interface Space {
  readonly totalBytes: number;
  /** What we may take of it. */
  readonly freeBytes: number;
}

/** Asks a folder's file system; undefined for one that does not know, as some network ones do not. */
export type AskSpace = (folder: string) => Promise<Space | undefined>;

/** The system is asked again after so many bytes, or so many milliseconds: others write to the disk too. */
const askEveryBytes = 8 << 20;
const askEveryMs = 250;

const largestReserve = 64 << 20;

/** How much of a disk new packs leave free: a twentieth, and no more than 64 MiB. */
export function reserveOf(totalBytes: number): number {
  return Math.min(Math.floor(totalBytes / 20), largestReserve);
}

/** The low-water mark of one store. */
export class FreeSpace {
  readonly #folder: string;
  readonly #ask: AskSpace;
  #space: Space | undefined;
  #askedAtMs = -Infinity;
  #takenBytes = 0;

  constructor(folder: string, ask: AskSpace = askFileSystem) {
    this.#folder = folder;
    this.#ask = ask;
  }

  /** To be called before bytes are written; rejects with STORE_FULL where too little would be left free after them. */
  async take(bytes: number): Promise<void> {
    this.#takenBytes += bytes;
    if (this.#isStale()) await this.#askAgain(bytes);
    if (this.#isEnough()) return;
    await this.#askAgain(bytes); // something may have been deleted meanwhile
    if (this.#isEnough()) return;
    throw storeFull(this.#folder, "");
  }

  #isStale(): boolean {
    return this.#takenBytes > askEveryBytes || performance.now() - this.#askedAtMs > askEveryMs;
  }

  #isEnough(): boolean {
    if (this.#space === undefined) return true;
    return this.#space.freeBytes - this.#takenBytes >= reserveOf(this.#space.totalBytes);
  }

  /** The bytes that are about to be written are not in what the system says, as all before them are. */
  async #askAgain(bytes: number): Promise<void> {
    this.#askedAtMs = performance.now();
    this.#space = await this.#ask(this.#folder);
    this.#takenBytes = bytes;
  }
}

/** See statfs(2). */
export async function askFileSystem(folder: string): Promise<Space | undefined> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return blocks > 0 ? { totalBytes: blocks * bsize, freeBytes: bavail * bsize } : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOSYS" || errnoOf(error) === "ENOTSUP") return undefined;
    throw error;
  }
}
