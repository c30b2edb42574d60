/**
 * A file that takes up space for nothing, so that there is some where a disk has none left, because another program has
 * filled it: what forgets commits, and so leads to space again, drops it and goes on.
 */
import { createCipheriv } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { errnoOf } from "../errors.js";
import type { Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import { Serial } from "./serial.js";
import { removeQuietly } from "./write-file.js";

/** Enough for the files of a project with some thousands of commits. */
const ballastBytes = 1 << 20;
const sectorBytes = 512;

/** The same at all times, and nothing that can be compressed, which would take up no space on some file systems. */
function ballastContent(): Buffer {
  return createCipheriv("aes-256-ctr", Buffer.alloc(32), Buffer.alloc(16)).update(Buffer.alloc(ballastBytes));
}

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

  /** Whether the file has bytes that were not written to it. What a power cut leaves, too few or zeros, is no fault. */
  isDamaged(): Promise<boolean> {
    return this.#changing.run(async () => {
      const bytes = await ifThere(readFile(this.#layout.ballast));
      if (bytes === undefined) return false;
      const expected = ballastContent();
      if (bytes.equals(expected)) return false;
      if (bytes.length > expected.length) return true;
      for (let at = 0; at < bytes.length; at += sectorBytes) {
        const end = Math.min(at + sectorBytes, bytes.length);
        const sector = bytes.subarray(at, end);
        if (!sector.equals(expected.subarray(at, end)) && sector.some((byte) => byte !== 0)) return true;
      }
      return false;
    });
  }

  /** Drops the file; the next pack makes it again. */
  async renew(): Promise<void> {
    await this.#changing.run(() => this.#drop());
  }

  /** Resolves once nothing is being done to the file. */
  idle(): Promise<void> {
    return this.#changing.idle();
  }

  async #make(): Promise<void> {
    this.#isThere ??= ((await ifThere(stat(this.#layout.ballast)))?.size ?? 0) >= ballastBytes;
    if (this.#isThere) return;
    await removeQuietly(this.#disk, this.#layout.ballast); // what a crash may have left of one
    try {
      const file = await this.#disk.appendFile(this.#layout.ballast);
      try {
        await file.write(ballastContent());
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
