/** The folders of a restore: made on the way down, held open while something is done in them, and finished when all is in them. */
import type { ByteString } from "../objects/byte-string.js";
import type { DirEntry } from "../objects/entry.js";
import { FolderMaker } from "./folder-maker.js";
import { FolderCache, type HeldFolder } from "./held-folder.js";
import { putOnFolder } from "./put-attributes.js";
import type { Leftovers } from "./restore-leftovers.js";
import type { RestoreMetadata } from "./restore-metadata.js";
import { planFolder } from "./restore-plan.js";
import type { RestoreTally } from "./restore-tally.js";
import { dropDefaultAcl, unlockFolder, type Made } from "./restore-target.js";
import { TargetFolder } from "./target-folder.js";

/** Folders that are empty, or hold only others, wait for their modes up to so many. */
const maxFinished = 1 << 16;

export interface RestoreFoldersOptions {
  /** The target. */
  readonly root: HeldFolder;
  readonly isDryRun: boolean;
  /** Undefined for a dry run. */
  readonly leftovers: Leftovers | undefined;
  readonly metadata: RestoreMetadata;
  readonly tally: RestoreTally;
}

export class RestoreFolders {
  readonly cache: FolderCache<TargetFolder>;
  readonly #options: RestoreFoldersOptions;
  readonly #maker: FolderMaker;
  /** Folders that have been gone through, each after what is in it. */
  #finished: TargetFolder[] = [];

  constructor(options: RestoreFoldersOptions) {
    this.#options = options;
    this.#maker = new FolderMaker(options.root);
    this.cache = new FolderCache(options.root, {
      parent: (folder: TargetFolder) => folder.parent,
      name: (folder) => folder.name,
    });
  }

  /** What is made in the target must not inherit from it. */
  prepareTarget(target: TargetFolder): void {
    if (this.#options.isDryRun) return;
    this.#options.tally.attempt(target, "" as ByteString, () => dropDefaultAcl(this.cache.get(target)));
  }

  /** The folder, which is there now; undefined if it cannot be made. */
  make(parent: TargetFolder, entry: DirEntry): TargetFolder | undefined {
    const { isDryRun, tally } = this.#options;
    let folder: TargetFolder | undefined;
    tally.attempt(parent, entry.name, () => {
      const { made, region } = isDryRun
        ? { made: this.#plan(parent, entry), region: parent.region }
        : this.#maker.make(this.cache.get(parent), entry.name, parent.region);
      const opened = new TargetFolder(parent, entry.name, { attributes: entry, isNew: made !== "there", region });
      if (!isDryRun) {
        if (made === "there") this.#enter(this.cache.get(opened));
        if (made === "there" || parent.attributes === undefined) dropDefaultAcl(this.cache.get(opened));
      }
      tally.folder(opened.path, made);
      folder = opened;
    });
    return folder;
  }

  /** Makes a folder that was there fit to work in. */
  #enter(folder: HeldFolder): void {
    unlockFolder(folder);
    this.#options.leftovers?.sweep(folder);
  }

  #plan(parent: TargetFolder, { name }: DirEntry): Made {
    return parent.isNew ? "made" : planFolder(this.cache.get(parent), name);
  }

  /** Makes a folder of ours that may have been finished fit to make more in it. */
  enterAgain(folder: TargetFolder): void {
    if (this.#options.isDryRun) return;
    this.#options.tally.attempt(folder.parent ?? folder, folder.name, () => {
      unlockFolder(this.cache.get(folder));
      dropDefaultAcl(this.cache.get(folder));
    });
  }

  /** Makes a folder that may have been finished fit to work in again, for the sake of a name. */
  reopen(folder: TargetFolder, name: ByteString): void {
    if (this.#options.isDryRun) return;
    this.#options.tally.attempt(folder, name, () => unlockFolder(this.cache.get(folder)));
  }

  /** Nothing more comes into a folder: it gets its attributes when all that was to come is there. */
  end(folder: TargetFolder): void {
    this.#finished.push(folder);
  }

  /** Whether so many folders wait that they should be finished. */
  get isFull(): boolean {
    return this.#finished.length >= maxFinished;
  }

  /** Gives those that have ended their attributes. */
  finishEnded(): void {
    const folders = this.#finished;
    this.#finished = [];
    for (const folder of folders) this.finish(folder);
  }

  /** Gives a folder its attributes. */
  finish(folder: TargetFolder, isAgain = folder.isFinished): void {
    const { isDryRun, metadata, tally } = this.#options;
    const { attributes } = folder;
    if (attributes === undefined) return;
    folder.isFinished = true;
    const path = (): ByteString => folder.path;
    const wanted = isAgain ? metadata.ofCounted(attributes) : metadata.of(attributes, path);
    if (isDryRun) return;
    const finish = (): void => {
      const { losses } = putOnFolder(this.cache.get(folder).self, wanted);
      if (!isAgain) metadata.lost(losses, path);
    };
    if (folder.parent === undefined) tally.attempt(folder, "" as ByteString, finish);
    else tally.attempt(folder.parent, folder.name, finish);
  }
}
