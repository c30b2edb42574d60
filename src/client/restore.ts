/**
 * Restore: a commit, or some of its paths, into a folder. Folders and links are made along the walk; files are gathered,
 * fetched in the order in which the store has them, and written by threads; folders get their modes and times when all is
 * in them.
 */
import type { BigIntStats } from "node:fs";
import { BakError, unreachable } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { Attributes, DirEntry, Entry, FileEntry, SymlinkEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { createBreath } from "./breath.js";
import { FolderCache, type HeldFolder } from "./held-folder.js";
import type { Remote } from "./remote.js";
import { Extras, type Scope } from "./restore-delete.js";
import { FolderInPlace, isFailureOfAll, pathFailureOf, type PathFailure } from "./restore-failure.js";
import { FileFetcher, type FileFate } from "./restore-files.js";
import { Leftovers } from "./restore-leftovers.js";
import { findPaths, type FoundPath } from "./restore-paths.js";
import { planFile, planFolder, planSymlink } from "./restore-plan.js";
import { foldersAround, makeRoot, planRoot, type RestoreRoot } from "./restore-root.js";
import { selectAll, type Selection } from "./restore-selection.js";
import { fullCapacity } from "./restore-table.js";
import {
  finishFolder,
  lookAtFile,
  makeFolder,
  makeSymlink,
  restorableMode,
  unlockFolder,
  type Owner,
} from "./restore-target.js";
import { isStoreAt } from "./store-folder.js";
import type { TableCapacity } from "./table-columns.js";
import { TargetFolder } from "./target-folder.js";
import { TreeSource } from "./tree-source.js";

export type RestoreEvent =
  /** Told where `tells` asks for it. */
  | { readonly type: "made" | "changed" | "left"; readonly path: ByteString; readonly isFolder: boolean }
  /** Something else than what the commit has was at this path and is gone. */
  | { readonly type: "replaced"; readonly path: ByteString; readonly isFolder: boolean }
  /** The commit does not have it, and it is gone. */
  | { readonly type: "deleted"; readonly path: ByteString; readonly isFolder: boolean }
  /** Nothing was deleted, since something of the commit is lost. */
  | { readonly type: "deletedNothing" }
  /** A kind of entry that this version does not make. */
  | { readonly type: "skipped"; readonly path: ByteString; readonly kind: Entry["kind"] }
  | { readonly type: "failed"; readonly path: ByteString; readonly why: string };

/** How far a restore is; the totals are known from the commit when all of it is restored. */
export interface RestoreProgress {
  files: number;
  bytes: number;
  /** Files of these that were not right already. */
  filesFetched: number;
  /** Files of these that only got another mode or mtime. */
  filesMended: number;
}

export interface RestoreOptions {
  /** Absolute path of the folder to restore into; made if it is missing. */
  target: ByteString;
  /** Paths within the commit; all of it if there are none. */
  paths: readonly ByteString[];
  /** What of that is wanted; all of it unless said. Nothing else is deleted, either. */
  select?: Selection;
  /** Finds out and tells what would be done, and touches nothing: what is told as done then would be. */
  isDryRun?: boolean;
  /**
   * Deletes what is in the target, within what is restored, and not in the commit: after all else, and nothing if something of
   * the commit is lost. The folder of the store is spared, and those for which `isSpared` says so.
   */
  deletion?: { readonly isSpared: (stats: BigIntStats) => boolean } | undefined;
  onEvent: (event: RestoreEvent) => void;
  /** Which paths are told of one by one, beside those that are replaced, deleted or not restored; none unless said. */
  tells?: { readonly made: boolean; readonly left: boolean };
  progress: RestoreProgress;
  signal?: AbortSignal | undefined;
  /** Threads that write; as many as pay, unless said. With 0 all is done on the calling one. */
  threads?: number;
  /** How many files and chunks are known at a time; a blob that is wanted among others then is not fetched for these again. */
  capacity?: TableCapacity;
}

export interface RestoreResult {
  /** Names that are no folders, as they now are in the target; with those that were right already. */
  readonly files: number;
  readonly dirs: number;
  readonly bytes: number;
  /** Files of these that were right already, and those of which only the mode or mtime was not. */
  readonly left: number;
  readonly changed: number;
  /** Names whose place something else had. */
  readonly replaced: number;
  readonly deleted: number;
  readonly skipped: number;
  readonly failed: number;
}

/**
 * Restores into the target. Rejects with TARGET_FAILED if that is no folder, and NO_PATH for a path that the commit lacks.
 * What the store has lost, or has damaged, is told of by path, and the rest is restored.
 */
export async function restore(
  remote: Remote,
  commit: { id: ObjectId; content: Commit },
  options: RestoreOptions,
): Promise<RestoreResult> {
  const trees = new TreeSource(remote);
  // a path that the commit lacks is told of before anything is made
  const { found, lost } = await findPaths(trees, commit.content, options.paths);
  const root = options.isDryRun === true ? planRoot(options.target) : makeRoot(options.target);
  try {
    if (options.deletion !== undefined) assertNotInStore(root, remote.store);
    const attributes = options.paths.length === 0 ? commit.content.root : undefined;
    const leftovers = options.isDryRun === true ? undefined : new Leftovers(root.path);
    const run = new Restore(remote, { trees, root, attributes, leftovers, options });
    try {
      if (!root.isNew) leftovers?.sweep(root.folder);
      for (const path of lost) run.lose(path, lostWay);
      if (options.paths.length === 0) await run.everything(commit);
      else for (const each of found) await run.onePath(each);
      return await run.finish();
    } finally {
      await run.end();
      leftovers?.close();
    }
  } finally {
    root.folder.close();
  }
}

/** A folder of the commit that is being gone through. */
interface OpenFolder {
  /** Undefined until it is made: only if something in it is wanted. */
  folder: TargetFolder | undefined;
  /** Undefined for the target. */
  readonly entry: DirEntry | undefined;
  /** In the commit. */
  readonly path: ByteString;
  /** All in it is wanted, save what is excluded. */
  readonly isWithin: boolean;
  isFailed: boolean;
  entries: Iterator<Entry>;
}

/** Where the last of these folders is in the target, or would be. */
function placeOf(open: readonly OpenFolder[]): TargetFolder {
  let place: TargetFolder | undefined;
  for (const { folder, entry } of open)
    place = folder ?? new TargetFolder(place, entry?.name ?? ("" as ByteString), { attributes: entry, isNew: false });
  return place as TargetFolder;
}

/** A name whose place a folder with something in it has. */
interface Blocked {
  readonly folder: TargetFolder;
  readonly path: ByteString;
  readonly entry: FileEntry | SymlinkEntry;
}

/** Folders that are empty, or hold only others, wait for their modes up to so many. */
const maxFinished = 1 << 16;
/** So many names wait for folders in their places to be deleted. */
const maxBlocked = 1 << 16;

const lostWay = "a folder on the way to it is damaged or missing in the store";
const lostContent = {
  some: "a part of what was in it is damaged or missing in the store",
  all: "what was in it is damaged or missing in the store",
} as const;

interface RestoreWork {
  readonly trees: TreeSource;
  readonly root: RestoreRoot;
  /** Those of the target; undefined where it keeps its own. */
  readonly attributes: Attributes | undefined;
  /** Undefined for a dry run. */
  readonly leftovers: Leftovers | undefined;
  readonly options: RestoreOptions;
}

class Restore {
  readonly #options: RestoreOptions;
  readonly #remote: Remote;
  readonly #isDryRun: boolean;
  readonly #trees: TreeSource;
  readonly #top: OpenFolder;
  /** Folders on the way to single paths, by their paths. */
  readonly #onTheWay = new Map<ByteString, OpenFolder>();
  readonly #select: Selection;
  readonly #folders: FolderCache<TargetFolder>;
  readonly #files: FileFetcher;
  readonly #owner: Owner = { uid: process.geteuid?.(), gid: process.getegid?.() };
  readonly #breathe = createBreath();
  readonly #leftovers: Leftovers | undefined;
  readonly #tells: { readonly made: boolean; readonly left: boolean };
  /** Folders that have been gone through, each after what is in it. */
  #finished: TargetFolder[] = [];
  readonly #scopes: Scope[] = [];
  readonly #blocked: Blocked[] = [];
  #isBlocking: boolean;
  #isAnythingLost = false;
  readonly #result = {
    files: 0,
    dirs: 0,
    bytes: 0,
    left: 0,
    changed: 0,
    replaced: 0,
    deleted: 0,
    skipped: 0,
    failed: 0,
  };

  constructor(remote: Remote, work: RestoreWork) {
    const { options, root } = work;
    this.#options = options;
    this.#remote = remote;
    this.#isDryRun = options.isDryRun ?? false;
    this.#tells = options.tells ?? { made: false, left: false };
    this.#trees = work.trees;
    this.#leftovers = work.leftovers;
    this.#isBlocking = options.deletion !== undefined;
    this.#select = options.select ?? selectAll;
    this.#top = {
      folder: new TargetFolder(undefined, "" as ByteString, { attributes: work.attributes, isNew: root.isNew }),
      entry: undefined,
      path: "" as ByteString,
      isWithin: this.#select === selectAll,
      isFailed: false,
      entries: [][Symbol.iterator](),
    };
    this.#folders = new FolderCache(root.folder, {
      parent: (folder: TargetFolder) => folder.parent,
      name: (folder) => folder.name,
    });
    this.#files = new FileFetcher(remote, {
      signal: options.signal,
      threads: options.threads,
      capacity: options.capacity ?? fullCapacity,
      target: root.folder.place,
      isDryRun: this.#isDryRun,
      modeOf: (entry) => restorableMode(entry, this.#owner),
      tells: this.#tells,
      onWritten: (bytes) => (options.progress.bytes += bytes),
      onRestored: (count) => {
        options.progress.filesFetched += count.files;
        this.#restored(count);
      },
      onLeft: (count) => {
        options.progress.bytes += count.bytes;
        this.#left(count.files - count.mended, count.mended);
        this.#restored(count);
      },
      onFate: (path, fate) => this.#tellFate(path, fate),
      onFailed: (path, failure) => this.#failed(path, failure),
      onSettled: () => this.#finishFolders(),
    });
  }

  async everything({ id, content }: { id: ObjectId; content: Commit }): Promise<void> {
    const { tree } = content;
    await this.#trees.fetchAll(id, tree);
    const { lost } = await this.#trees.openRest(tree);
    if (lost === "all") {
      throw new BakError("NO_OBJECT", `the commit's own folder is damaged or missing in '${this.#remote.peer}'`, {
        hint: "'bak check --read-data' names what is damaged; an earlier commit may be whole",
      });
    }
    await this.#walk([this.#top], tree);
  }

  async onePath({ parents, last }: FoundPath): Promise<void> {
    const open = [this.#top];
    for (const entry of parents) {
      const path = joinPath((open.at(-1) as OpenFolder).path, entry.name);
      const next = this.#onTheWay.get(path) ?? this.#below(open.at(-1) as OpenFolder, entry);
      if (next === undefined) return;
      this.#onTheWay.set(path, next);
      open.push(next);
    }
    if (last.kind === "dir") {
      const top = this.#below(open.at(-1) as OpenFolder, last);
      if (top === undefined) return;
      await this.#trees.fetchAll(last.tree);
      await this.#walk([...open, top], last.tree);
    } else await this.#wanted(open, last);
  }

  /** Notes that something of the commit is lost. */
  lose(path: ByteString, why: string): void {
    this.#failed(path, { errno: undefined, why, isLoss: true });
  }

  /** Resolves when all that the walk has come to has been dealt with, and what the commit does not have is deleted. */
  async finish(): Promise<RestoreResult> {
    for (const { folder } of [...this.#onTheWay.values()].toReversed())
      if (folder !== undefined) this.#finished.push(folder);
    await this.#files.finish();
    if (this.#options.deletion === undefined) return this.#result;
    if (this.#isAnythingLost) {
      for (const { folder, entry } of this.#blocked)
        this.#failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
      this.#options.onEvent({ type: "deletedNothing" });
    } else await this.#delete(this.#options.deletion);
    return this.#result;
  }

  /** Ends all that is under way, and leaves no unfinished file. */
  async end(): Promise<void> {
    await this.#files.end();
    this.#folders.close();
  }

  /** Goes through the last of these folders and all beneath it, each folder before what is in it. */
  async #walk(open: OpenFolder[], tree: ObjectId): Promise<void> {
    const above = open.length - 1;
    const top = open[above] as OpenFolder;
    if (top.isWithin) this.#make(open);
    if (!top.isFailed) top.entries = await this.#entriesOf(top, tree);
    while (open.length > above) {
      const at = open.at(-1) as OpenFolder;
      this.#options.signal?.throwIfAborted();
      const next = at.entries.next();
      if (next.done === true) {
        if (open.length === above + 1)
          this.#scopes.push({ folder: placeOf(open), path: at.path, isWithin: at.isWithin, tree });
        open.pop();
        if (at.folder !== undefined) this.#finished.push(at.folder);
        if (this.#finished.length >= maxFinished) await this.#files.finish();
      } else if (next.value.kind === "dir") {
        const below = this.#below(at, next.value);
        if (below !== undefined) {
          open.push(below);
          if (below.isWithin) this.#make(open);
          if (!below.isFailed) below.entries = await this.#entriesOf(below, next.value.tree);
        }
      } else {
        // a promise for each of a million files would cost more than what is done for them here
        const pending = this.#wanted(open, next.value);
        if (pending !== undefined) await pending;
      }
      const breath = this.#breathe();
      if (breath !== undefined) await breath;
    }
  }

  async #entriesOf({ path }: OpenFolder, tree: ObjectId): Promise<Iterator<Entry>> {
    const { entries, lost } = await this.#trees.openRest(tree);
    if (lost !== "nothing") this.lose(path, lostContent[lost]);
    return entries[Symbol.iterator]();
  }

  /** A folder in a folder, not made yet; undefined if nothing in it is wanted. */
  #below(at: OpenFolder, entry: DirEntry): OpenFolder | undefined {
    const path = joinPath(at.path, entry.name);
    const choice = this.#select(path, true, at.isWithin);
    if (choice === "none") return undefined;
    return {
      folder: undefined,
      entry,
      path,
      isWithin: choice === "all",
      isFailed: false,
      entries: [][Symbol.iterator](),
    };
  }

  /** Makes the last of these folders, and what is missing of those above it; undefined if that fails, which is told once. */
  #make(open: readonly OpenFolder[]): TargetFolder | undefined {
    let parent: TargetFolder | undefined;
    for (const at of open) {
      // what has the folder's name, and stays, may be a link that leads out of the target
      if (at.isFailed || (parent === undefined && at !== this.#top)) return undefined;
      if (at.folder === undefined) at.folder = this.#folder(parent as TargetFolder, at.entry as DirEntry);
      at.isFailed = at.folder === undefined;
      parent = at.folder;
    }
    return parent;
  }

  /** Restores a name in the last of these folders, if it is wanted. */
  #wanted(open: readonly OpenFolder[], entry: Exclude<Entry, DirEntry>): Promise<void> | undefined {
    const at = open.at(-1) as OpenFolder;
    if (this.#select !== selectAll && this.#select(joinPath(at.path, entry.name), false, at.isWithin) !== "all")
      return undefined;
    const folder = at.folder ?? this.#make(open);
    return folder === undefined ? undefined : this.#entry(folder, at.path, entry);
  }

  #entry(folder: TargetFolder, path: ByteString, entry: Exclude<Entry, DirEntry>): Promise<void> | undefined {
    switch (entry.kind) {
      case "file":
        return this.#file(folder, path, entry);
      case "symlink":
        this.#attempt(folder, entry.name, () => this.#symlink(folder, path, entry));
        return undefined;
      case "fifo":
      case "socket":
      case "char":
      case "block":
        this.#result.skipped += 1;
        this.#options.onEvent({ type: "skipped", path: folder.pathOf(entry.name), kind: entry.kind });
        return undefined;
      default:
        return unreachable(entry);
    }
  }

  /** The folder, which is there now; undefined if it cannot be made. */
  #folder(parent: TargetFolder, entry: DirEntry): TargetFolder | undefined {
    let folder: TargetFolder | undefined;
    this.#attempt(parent, entry.name, () => {
      const made = this.#look(parent, planFolder, makeFolder, entry.name) ?? "made";
      const opened = new TargetFolder(parent, entry.name, { attributes: entry, isNew: made !== "there" });
      if (made === "there" && !this.#isDryRun) this.#enter(this.#folders.get(opened));
      this.#tell(opened.path, made, true);
      this.#result.dirs += 1;
      folder = opened;
    });
    return folder;
  }

  /** Makes a folder that was there fit to work in. */
  #enter(folder: HeldFolder): void {
    unlockFolder(folder);
    this.#leftovers?.sweep(folder);
  }

  #symlink(folder: TargetFolder, path: ByteString, entry: SymlinkEntry): void {
    this.#unlessBlocked({ folder, path, entry }, () => {
      const made = this.#look(folder, planSymlink, makeSymlink, entry) ?? "made";
      if (made === "there") this.#left(1, 0);
      else if (made === "changed") this.#left(0, 1);
      else this.#options.progress.filesFetched += 1;
      this.#tell(folder.pathOf(entry.name), made, false);
      this.#restored({ files: 1, bytes: 0 });
    });
  }

  #file(folder: TargetFolder, path: ByteString, entry: FileEntry): Promise<void> | undefined {
    const state = folder.isNew ? "missing" : this.#lookAt(folder, path, entry);
    if (state === undefined) return undefined;
    if (state === "similar") return this.#files.compare(folder, entry);
    return this.#files.add(folder, entry, state === "other");
  }

  /** What is in the place of a file; undefined where that cannot be replaced, or not yet. */
  #lookAt(folder: TargetFolder, path: ByteString, entry: FileEntry): ReturnType<typeof lookAtFile> | undefined {
    const found: (ReturnType<typeof lookAtFile> | undefined)[] = [];
    this.#attempt(folder, entry.name, () => {
      this.#unlessBlocked({ folder, path, entry }, () => {
        found.push(this.#look(folder, planFile, lookAtFile, entry));
      });
    });
    return found[0];
  }

  /** Does something to a name, or, in a dry run, only plans it; undefined for a folder that would be new. */
  #look<Name, T>(
    folder: TargetFolder,
    plan: (held: HeldFolder, name: Name) => T,
    act: (held: HeldFolder, name: Name) => T,
    name: Name,
  ): T | undefined {
    if (!this.#isDryRun) return act(this.#folders.get(folder), name);
    return folder.isNew ? undefined : plan(this.#folders.get(folder), name);
  }

  /** Where a folder is in the way that will be deleted, it is tried again after that. */
  #unlessBlocked(wanted: Blocked, act: () => void): void {
    try {
      act();
    } catch (error) {
      const mayWait = this.#isBlocking && this.#blocked.length < maxBlocked;
      if (!mayWait || !(error instanceof FolderInPlace)) throw error;
      this.#blocked.push(wanted);
    }
  }

  async #delete({ isSpared }: { isSpared: (stats: BigIntStats) => boolean }): Promise<void> {
    const extras = new Extras({
      folders: this.#folders,
      isDryRun: this.#isDryRun,
      store: this.#remote.store,
      isSpared,
      choose: this.#select,
      onDeleted: (path, isFolder) => {
        this.#result.deleted += 1;
        this.#options.onEvent({ type: "deleted", path, isFolder });
      },
      onFailed: (path, failure) => this.#failed(path, failure),
      open: async (tree) => (await this.#trees.openRest(tree)).entries,
      onTouched: (folder) => this.#finishFolder(folder),
      breathe: this.#breathe,
      signal: this.#options.signal,
    });
    for (const scope of this.#scopes) await extras.deleteWithin(scope);
    this.#isBlocking = false;
    for (const { folder, path, entry } of this.#blocked) {
      const inTheWay = new TargetFolder(folder, entry.name, { attributes: undefined, isNew: false });
      const isEmpty = await extras.empty(inTheWay, joinPath(path, entry.name));
      if (!this.#isDryRun) await this.#entry(folder, path, entry);
      else if (!isEmpty) this.#failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
      else await this.#replaceFolder(folder, entry);
      this.#finished.push(folder);
    }
    await this.#files.finish();
  }

  /** What a dry run does where a folder would be gone. */
  async #replaceFolder(folder: TargetFolder, entry: FileEntry | SymlinkEntry): Promise<void> {
    if (entry.kind === "file") return this.#files.add(folder, entry, true);
    this.#options.progress.filesFetched += 1;
    this.#tell(folder.pathOf(entry.name), "replaced", false);
    this.#restored({ files: 1, bytes: 0 });
  }

  #finishFolders(): void {
    const folders = this.#finished;
    this.#finished = [];
    for (const folder of folders) this.#finishFolder(folder);
  }

  #finishFolder(folder: TargetFolder): void {
    const { attributes } = folder;
    if (attributes === undefined || this.#isDryRun) return;
    const finish = (): void =>
      finishFolder(this.#folders.get(folder), attributes, restorableMode(attributes, this.#owner));
    if (folder.parent === undefined) this.#attempt(folder, "" as ByteString, finish);
    else this.#attempt(folder.parent, folder.name, finish);
  }

  #restored({ files, bytes }: { files: number; bytes: number }): void {
    this.#result.files += files;
    this.#result.bytes += bytes;
    this.#options.progress.files += files;
  }

  #left(left: number, changed: number): void {
    this.#result.left += left;
    this.#result.changed += changed;
    this.#options.progress.filesMended += changed;
  }

  #tellFate(path: ByteString, fate: FileFate): void {
    this.#tell(path, fate === "left" ? "there" : fate, false);
  }

  #tell(path: ByteString, made: "made" | "there" | "replaced" | "changed", isFolder: boolean): void {
    if (made === "replaced") this.#result.replaced += 1;
    const isTold = made === "replaced" || (made === "there" ? this.#tells.left : this.#tells.made);
    if (isTold) this.#options.onEvent({ type: made === "there" ? "left" : made, path, isFolder });
  }

  /** One path that cannot be written does not stop the others. */
  #attempt(folder: TargetFolder, name: ByteString, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed(folder.pathOf(name), pathFailureOf(error));
    }
  }

  #failed(path: ByteString, failure: PathFailure): void {
    if (isFailureOfAll(failure)) {
      const why = failure.errno === "EROFS" ? "the target is read-only" : "no space left in the target";
      throw new BakError("TARGET_FAILED", `cannot restore: ${why}`);
    }
    if (failure.isLoss === true) this.#isAnythingLost = true;
    this.#result.failed += 1;
    this.#options.onEvent({ type: "failed", path, why: failure.why });
  }
}

/** What a store needs is none of the commit's, and would be deleted. */
function assertNotInStore(root: RestoreRoot, store: string): void {
  for (const folder of foldersAround(root)) {
    if (!isStoreAt(folder, store)) continue;
    throw new BakError("TARGET_FAILED", "cannot delete what is not in the commit: the target is in the store itself", {
      hint: "choose another folder with --to",
    });
  }
}
