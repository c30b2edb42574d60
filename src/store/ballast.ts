/**
 * A file that takes up space for nothing, so that there is some where a disk has none left, because another program has
 * filled it: what forgets commits, and so leads to space again, drops it and goes on.
 */
import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { errnoOf } from "../errors.js";
import type { Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import { Serial } from "./serial.js";
import { removeQuietly } from "./write-file.js";

/** Enough for the files of a project with some thousands of commits. */
const ballastBytes = 1 << 20;

export class Ballast {
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #changing = new Serial();
  /** Whether the file is there, and whole; undefined where nobody has looked yet. */
  #isThere: boolean | undefined;

  constructor(disk: Disk, layout: Layout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** Makes the file, unless it is there. To be called where there is space. Where that fails, it is left for another time. */
  make(): Promise<void> {
    if (this.#isThere === true) return Promise.resolve();
    return this.#changing.run(() => this.#make());
  }

  /**
   * Does some work, and where it fails for want of space, does it again with that of the ballast. Part of the work may have
   * been done before it failed.
   */
  async help<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") throw error;
      if (!(await this.#changing.run(() => this.#drop()))) throw error;
    }
    return work();
  }

  /** Resolves once nothing is being done to the file. */
  idle(): Promise<void> {
    return this.#changing.idle();
  }

  async #make(): Promise<void> {
    this.#isThere ??= ((await ifThere(stat(this.#layout.ballast)))?.size ?? 0) >= ballastBytes;
    if (this.#isThere) return;
    try {
      const file = await this.#disk.appendFile(this.#layout.ballast); // after what a crash may have left of one
      try {
        await file.write(randomBytes(ballastBytes)); // what can be compressed takes up no space on some file systems
      } finally {
        await file.close();
      }
      this.#isThere = true;
    } catch {
      // it is a precaution: nobody's work fails for it
      await removeQuietly(this.#disk, this.#layout.ballast);
    }
  }

  /** Whether there was anything to drop. */
  async #drop(): Promise<boolean> {
    this.#isThere = false;
    try {
      await this.#disk.remove(this.#layout.ballast);
      return true;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }
}
