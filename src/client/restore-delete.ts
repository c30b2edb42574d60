/**
 * Deletes from the target what the commit does not have, or only finds it for a dry run: in folders that the commit has, name
 * by name. Folders are reached as a restore reaches them, through those that they lie in, so no link is followed; and memory
 * does not grow with what there is to delete, save for some bytes for each folder of one that goes.
 */
import { lstatSync, opendirSync, rmdirSync, unlinkSync, type BigIntStats } from "node:fs";
import { byteString, joinPath, type ByteString } from "../objects/byte-string.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { errnoOf } from "../errors.js";
import type { FolderCache } from "./held-folder.js";
import { NameList } from "./name-list.js";
import { pathFailureOf, type PathFailure } from "./restore-failure.js";
import { planFolder } from "./restore-plan.js";
import type { Selection } from "./restore-selection.js";
import { unlockFolder } from "./restore-target.js";
import { isTemporaryName } from "./restore-writer.js";
import { configName, isStoreConfig } from "./store-folder.js";
import { TargetFolder } from "./target-folder.js";

/** How many names the system is asked for at a time. */
const namesPerCall = 1024;

export interface ExtrasOptions {
  readonly folders: FolderCache<TargetFolder>;
  readonly isDryRun: boolean;
  /** The id of the store that is restored from: its folder is spared, with what is in it. */
  readonly store: string;
  /** Other folders that are spared. */
  readonly isSpared: (stats: BigIntStats) => boolean;
  /** What may go; by the path that it would have in the commit. */
  readonly choose: Selection;
  readonly onDeleted: (path: ByteString, isFolder: boolean) => void;
  readonly onFailed: (path: ByteString, failure: PathFailure) => void;
  /** The entries of a tree. */
  readonly open: (tree: ObjectId) => Promise<Iterable<Entry>>;
  /** A folder of the commit may have got another mode or mtime. */
  readonly onTouched: (folder: TargetFolder) => void;
  readonly breathe: () => Promise<void> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A folder of the target with all that the commit has in it. */
export interface Scope {
  readonly folder: TargetFolder;
  /** In the commit. */
  readonly path: ByteString;
  /** All in it may go. */
  readonly isWithin: boolean;
  readonly tree: ObjectId;
}

/** A folder that goes, and those in it that have not been dealt with. */
interface Going {
  readonly folder: TargetFolder;
  readonly path: ByteString;
  /** It may go itself, not only what is in it. */
  readonly isWanted: boolean;
  readonly below: NameList;
  next: number;
  isEmpty: boolean;
}

interface FoundName {
  readonly name: ByteString;
  readonly isFolder: boolean;
}

export class Extras {
  readonly #options: ExtrasOptions;
  /** Those of the commit in the folder at hand. */
  readonly #kept = new NameList();

  constructor(options: ExtrasOptions) {
    this.#options = options;
  }

  /** Deletes all that the commit does not have in a folder, and in those of its folders that are there. */
  async deleteWithin(scope: Scope): Promise<void> {
    if (scope.folder.parent !== undefined && !this.#isThere(scope.folder)) return;
    const open = [await this.#openScope(scope)];
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      const next = at.entries.next();
      if (next.done === true) open.pop();
      else if (next.value.kind === "dir") {
        const { name, tree } = next.value;
        const folder = new TargetFolder(at.folder, name, { attributes: next.value, isNew: false });
        const path = joinPath(at.path, name);
        const choice = this.#options.choose(path, true, at.isWithin);
        if (choice !== "none" && this.#isThere(folder))
          open.push(await this.#openScope({ folder, path, isWithin: choice === "all", tree }));
      }
      await this.#pause();
    }
  }

  async #openScope(scope: Scope): Promise<Scope & { entries: Iterator<Entry> }> {
    const { folder, tree } = scope;
    if (this.#options.isDryRun && folder.isNew) return { ...scope, entries: [][Symbol.iterator]() };
    const isTouched = await this.#deleteFrom(scope, await this.#options.open(tree));
    if (isTouched) this.#options.onTouched(folder);
    return { ...scope, entries: (await this.#options.open(tree))[Symbol.iterator]() };
  }

  /** Whether a folder of the commit is in the target; where it is not, that has been told of. */
  #isThere(folder: TargetFolder): boolean {
    try {
      return planFolder(this.#options.folders.get(folder.parent as TargetFolder), folder.name) === "there";
    } catch {
      return false;
    }
  }

  /**
   * Deletes from a folder what is not among its entries, which are those of the commit. Resolves with whether the folder may have got another mode or mtime by that.
   */
  async #deleteFrom({ folder, path, isWithin }: Scope, entries: Iterable<Entry>): Promise<boolean> {
    this.#kept.clear();
    for (const { name } of entries) this.#kept.add(name);
    let isTouched = false;
    await this.#attempt(folder.path, async () => {
      for (const { name, isFolder } of this.#namesIn(folder)) {
        await this.#pause();
        if (this.#kept.has(name) || (!isFolder && isTemporaryName(name))) continue;
        if (!isTouched && !this.#options.isDryRun) {
          unlockFolder(this.#options.folders.get(folder));
          isTouched = true;
        }
        if (isFolder)
          await this.#deleteFolder(
            new TargetFolder(folder, name, { attributes: undefined, isNew: false }),
            path,
            isWithin,
          );
        else this.#deleteName({ folder, path, isWanted: isWithin }, name);
      }
    });
    return isTouched;
  }

  /** Deletes all that is in a folder; resolves with whether nothing is left. The folder stays. */
  async empty(folder: TargetFolder, path: ByteString): Promise<boolean> {
    const top = this.#look(folder, path, true);
    await this.#deleteAll(top);
    return top.isEmpty;
  }

  async #deleteFolder(folder: TargetFolder, parentPath: ByteString, isWithin: boolean): Promise<void> {
    const path = joinPath(parentPath, folder.name);
    const choice = this.#options.choose(path, true, isWithin);
    if (choice === "none" || this.#isSpared(folder)) return;
    const top = this.#look(folder, path, choice === "all");
    await this.#deleteAll(top);
    this.#removeFolder(top);
  }

  /** Goes through the folders beneath one, each deleted after what is in it. */
  async #deleteAll(top: Going): Promise<void> {
    const open = [top];
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      await this.#pause();
      if (at.next < at.below.length) {
        const name = at.below.at(at.next++);
        const path = joinPath(at.path, name);
        const folder = new TargetFolder(at.folder, name, { attributes: undefined, isNew: false });
        const choice = this.#options.choose(path, true, at.isWanted);
        if (choice === "none" || this.#isSpared(folder)) at.isEmpty = false;
        else open.push(this.#look(folder, path, choice === "all"));
        continue;
      }
      open.pop();
      const above = open.at(-1);
      if (above !== undefined && !this.#removeFolder(at)) above.isEmpty = false;
    }
  }

  /** Deletes what is in a folder, save the folders in it, which are noted. */
  #look(folder: TargetFolder, path: ByteString, isWanted: boolean): Going {
    const going: Going = { folder, path, isWanted, below: new NameList(), next: 0, isEmpty: true };
    const isSeen = this.#attemptNow(folder.path, () => {
      if (!this.#options.isDryRun) unlockFolder(this.#options.folders.get(folder));
      for (const { name, isFolder } of this.#namesIn(folder)) {
        if (isFolder) going.below.add(name);
        else if (!this.#deleteName(going, name)) going.isEmpty = false;
      }
    });
    if (!isSeen) going.isEmpty = false;
    return going;
  }

  #deleteName(at: Pick<Going, "folder" | "path" | "isWanted">, name: ByteString): boolean {
    const { folder, path, isWanted } = at;
    const { choose, isDryRun, folders, onDeleted } = this.#options;
    if (choose(joinPath(path, name), false, isWanted) !== "all") return false;
    return this.#attemptNow(folder.pathOf(name), () => {
      if (!isDryRun) unlinkSync(folders.get(folder).path(name));
      onDeleted(folder.pathOf(name), false);
    });
  }

  /** Whether the folder, which may go, is gone. */
  #removeFolder({ folder, isWanted, isEmpty }: Going): boolean {
    const { isDryRun, folders, onDeleted } = this.#options;
    if (!isWanted || !isEmpty || folder.parent === undefined) return false;
    const { parent } = folder;
    return this.#attemptNow(folder.path, () => {
      if (!isDryRun) rmdirSync(folders.get(parent).path(folder.name));
      onDeleted(folder.path, true);
    });
  }

  #isSpared(folder: TargetFolder): boolean {
    const { folders, isSpared, store } = this.#options;
    let isIt = true; // what cannot be looked at stays
    this.#attemptNow(folder.path, () => {
      const parent = folders.get(folder.parent as TargetFolder);
      const stats = lstatSync(parent.path(folder.name), { bigint: true });
      const config = folders.get(folder).path(configName);
      isIt = isSpared(stats) || isStoreConfig(config, store) || (isOwnName(folder) && isFile(config));
    });
    return isIt;
  }

  *#namesIn(folder: TargetFolder): Generator<FoundName, void, undefined> {
    const { self } = this.#options.folders.get(folder);
    const listing = opendirSync(self, { encoding: "buffer" as BufferEncoding, bufferSize: namesPerCall });
    try {
      for (let found = listing.readSync(); found !== null; found = listing.readSync())
        yield { name: byteString(found.name as unknown as Buffer), isFolder: found.isDirectory() };
    } finally {
      listing.closeSync();
    }
  }

  async #pause(): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const breath = this.#options.breathe();
    if (breath !== undefined) await breath;
  }

  async #attempt(path: ByteString, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#fail(path, error);
    }
  }

  /** Whether it was done, or was done already. */
  #attemptNow(path: ByteString, act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.#fail(path, error);
      return errnoOf(error) === "ENOENT";
    }
  }

  /** What is gone already is what was wanted. */
  #fail(path: ByteString, error: unknown): void {
    this.#options.signal?.throwIfAborted();
    if (errnoOf(error) !== "ENOENT") this.#options.onFailed(path, pathFailureOf(error));
  }
}

/** The folder in a pushed folder that is of no commit, since it says where that is pushed to. */
function isOwnName({ name, parent }: TargetFolder): boolean {
  return name === ".bak" && parent?.parent === undefined;
}

function isFile(path: string | Buffer): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
