/**
 * Makes the folders of a restore. A file system puts what is made in a folder near it. Where that has become slow, as it does
 * where something was deleted on ext4 without a journal, folders are made in regions of their own, with some of the files in each.
 */
import { lstatSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import type { ByteString } from "../objects/byte-string.js";
import { loadDistantFolders, type MakeDistantFolder } from "../platform/distant-folders.js";
import type { HeldFolder } from "./held-folder.js";
import { unlessThere, type Made } from "./restore-target.js";

const mode = 0o700;
/** Where nothing is in the way, a folder takes 10 to 40 µs, */
const slowMs = 0.1;
/** but for one that waits for the disk or a processor: so many in a region say more. */
const slowFolders = 2;
/** An eighth of the inodes that ext4 has in a group: so many names share a region, once making one has been slow. */
const namesPerRegion = 1024;
/** Of the time since the restore began, what may be spent on distant folders, and so much in any case: on a disk of many terabytes each takes milliseconds. */
const maxShare = 1 / 4;
const minAllowedMs = 50;

/** Folders that were made near each other, with what is in them. */
export class Region {
  names = 0;
  slowFolders = 0;
}

export class FolderMaker {
  readonly #target: HeldFolder;
  readonly #began = performance.now();
  /** Null until it is asked for. */
  #makeDistant: MakeDistantFolder | undefined | null = null;
  #distantMs = 0;
  #wasSlow = false;

  /** Makes folders in this one, and below it. */
  constructor(target: HeldFolder) {
    this.#target = target;
  }

  /**
   * Makes a folder where there is none, in a parent that is in this region, and says in which it is itself; what else has
   * that name is replaced.
   */
  make(parent: HeldFolder, name: ByteString, region: Region): { made: Made; region: Region } {
    const path = parent.path(name);
    let its = region;
    const make = (): void => void (its = this.#makeNew(parent, path, region));
    if (unlessThere(make)) return { made: "made", region: its };
    if (lstatSync(path).isDirectory()) return { made: "there", region };
    unlinkSync(path);
    make();
    return { made: "replaced", region: its };
  }

  #makeNew(parent: HeldFolder, path: string | Buffer, region: Region): Region {
    const makeDistant = this.#isBetterElsewhere(region) ? this.#loadDistant() : undefined;
    const began = performance.now();
    if (makeDistant !== undefined) {
      makeDistant(parent.self, path, mode);
      this.#distantMs += performance.now() - began;
      return new Region();
    }
    mkdirSync(path, { mode });
    if (performance.now() - began > slowMs) region.slowFolders += 1;
    return region;
  }

  /** Where nothing has been slow, everything stays together; else, where no folder was, files may be. */
  #isBetterElsewhere(region: Region): boolean {
    const isSlow = region.slowFolders >= slowFolders;
    this.#wasSlow ||= isSlow;
    if (!this.#wasSlow || (!isSlow && region.names < namesPerRegion)) return false;
    return this.#distantMs < Math.max(minAllowedMs, (performance.now() - this.#began) * maxShare);
  }

  #loadDistant(): MakeDistantFolder | undefined {
    if (this.#makeDistant === null)
      this.#makeDistant = loadDistantFolders(statSync(this.#target.self, { bigint: true }).dev);
    return this.#makeDistant;
  }
}
