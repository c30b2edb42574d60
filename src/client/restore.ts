/**
 * Restore: a commit, or some of its paths, into a folder. Folders and links are made along the walk; files are gathered,
 * fetched in the order in which the store has them, and written by threads; folders get their modes and times when all is
 * in them.
 */
import type { BigIntStats, Stats } from "node:fs";
import { BakError, unreachable } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { DirEntry, Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { createBreath } from "./breath.js";
import { FolderCache, type HeldFolder } from "./held-folder.js";
import type { OwnedAttributes } from "./owner-map.js";
import { putOnFolder, putOnLink, putOnSpecialFile } from "./put-attributes.js";
import type { Remote } from "./remote.js";
import { Extras, type Scope } from "./restore-delete.js";
import { FolderInPlace, isFailureOfAll, pathFailureOf, type PathFailure } from "./restore-failure.js";
import { FileFetcher, type FileFate } from "./restore-files.js";
import { Leftovers } from "./restore-leftovers.js";
import { RestoreLinks, type WantedName } from "./restore-links.js";
import { RestoreMetadata } from "./restore-metadata.js";
import { findPaths, type FoundPath } from "./restore-paths.js";
import { planFile, planFolder, planSymlink } from "./restore-plan.js";
import { foldersAround, makeRoot, planRoot, type RestoreRoot } from "./restore-root.js";
import { selectAll, type Selection } from "./restore-selection.js";
import { fullCapacity } from "./restore-table.js";
import { assertMakable, CannotMake, makeSpecialFile, planSpecialFile } from "./restore-special.js";
import { dropDefaultAcl, lookAtFile, makeFolder, makeSymlink, unlockFolder, type Made } from "./restore-target.js";
import type { Shortfall } from "./shortfalls.js";
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
  /** A special file that cannot be made here, or not by whoever restores. */
  | { readonly type: "skipped"; readonly path: ByteString; readonly why: string }
  | { readonly type: "failed"; readonly path: ByteString; readonly why: string };

/** How far a restore is; the totals are known from the commit when all of it is restored. */
export interface RestoreProgress {
  files: number;
  bytes: number;
  /** Files of these that were not right already. */
  filesFetched: number;
  /** Names of these that only got other attributes. */
  filesMended: number;
}

export interface RestoreOptions {
  /** Absolute path of the folder to restore into; made if it is missing. */
  target: ByteString;
  /** Paths within the commit; all of it if there are none. */
  paths: readonly ByteString[];
  /** What of that is wanted; all of it unless said. Nothing else is deleted, either. */
  select?: Selection;
  /** Gives owners by the numbers that the commit has, not by the names that belong to them. */
  isNumericOwner?: boolean;
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
  /** Those that were right already, and those of which only the attributes were not. */
  readonly left: number;
  readonly changed: number;
  /** Names whose place something else had. */
  readonly replaced: number;
  readonly deleted: number;
  readonly skipped: number;
  readonly failed: number;
  /** What restored names lack of their owners and extended attributes. */
  readonly shortfalls: readonly Shortfall[];
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
    const leftovers = options.isDryRun === true ? undefined : new Leftovers(root.path);
    const run = new Restore(remote, { trees, root, commit: commit.content, leftovers, options });
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

type LookAt<Wanted, T> = (held: HeldFolder, entry: Wanted, mayStay: (found: Stats | BigIntStats) => boolean) => T;

/** Where the last of these folders is in the target, or would be. */
function placeOf(open: readonly OpenFolder[]): TargetFolder {
  let place: TargetFolder | undefined;
  for (const { folder, entry } of open)
    place = folder ?? new TargetFolder(place, entry?.name ?? ("" as ByteString), { attributes: entry, isNew: false });
  return place as TargetFolder;
}

/** Folders that are empty, or hold only others, wait for their modes up to so many, and names for the files they belong to. */
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
  readonly commit: Commit;
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
  readonly #metadata: RestoreMetadata;
  readonly #links: RestoreLinks;
  readonly #breathe = createBreath();
  readonly #leftovers: Leftovers | undefined;
  readonly #tells: { readonly made: boolean; readonly left: boolean };
  /** Folders that have been gone through, each after what is in it. */
  #finished: TargetFolder[] = [];
  readonly #scopes: Scope[] = [];
  #blocked: WantedName[] = [];
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
    const { options, root, commit } = work;
    this.#metadata = new RestoreMetadata(commit, { isNumericOwner: options.isNumericOwner ?? false });
    this.#options = options;
    this.#remote = remote;
    this.#isDryRun = options.isDryRun ?? false;
    this.#tells = options.tells ?? { made: false, left: false };
    this.#trees = work.trees;
    this.#leftovers = work.leftovers;
    this.#isBlocking = options.deletion !== undefined;
    this.#select = options.select ?? selectAll;
    // of single paths, the target keeps its own
    const attributes = options.paths.length === 0 ? commit.root : undefined;
    this.#top = {
      folder: new TargetFolder(undefined, "" as ByteString, { attributes, isNew: root.isNew }),
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
    this.#links = new RestoreLinks(this.#folders, {
      isDryRun: this.#isDryRun,
      onLinked: (made, name) => this.#linked(made, name),
      onBlocked: (name) => this.#waits(name),
      onFailed: ({ folder, entry }, failure) => this.#failed(folder.pathOf(entry.name), failure),
    });
    this.#files = new FileFetcher(remote, {
      signal: options.signal,
      threads: options.threads,
      capacity: options.capacity ?? fullCapacity,
      target: root.folder.place,
      isDryRun: this.#isDryRun,
      attributesOf: (folder, entry) => this.#attributesOf(folder, entry),
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
      onKept: (entry) => this.#links.keep(entry),
      onLosses: (path, losses) => this.#metadata.lost(losses, () => path),
      onFate: (path, fate) => this.#tellFate(path, fate),
      onFailed: (path, failure) => this.#failed(path, failure),
      onSettled: () => {
        this.#links.make();
        this.#finishFolders();
      },
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
    if (!this.#isDryRun)
      this.#attempt(this.#top.folder as TargetFolder, "" as ByteString, () =>
        dropDefaultAcl(this.#folders.get(this.#top.folder as TargetFolder)),
      );
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
    await this.#settle();
    if (this.#options.deletion !== undefined) {
      if (this.#isAnythingLost) await this.#deleteNothing();
      else await this.#delete(this.#options.deletion);
    }
    return { ...this.#result, shortfalls: this.#metadata.shortfalls };
  }

  /** Waits for all that is under way; what cannot be a link becomes a file of its own. */
  async #settle(): Promise<void> {
    await this.#files.finish();
    for (let unlinked = this.#links.takeUnlinked(); unlinked.length > 0; unlinked = this.#links.takeUnlinked()) {
      for (const { folder, path, entry } of unlinked) {
        const alone = { ...entry };
        delete alone.hardLinkGroup;
        await this.#again({ folder, path, entry: alone });
      }
      await this.#files.finish();
    }
  }

  /** Restores a name in a folder that may have been finished. */
  async #again({ folder, path, entry }: WantedName): Promise<void> {
    if (!this.#isDryRun) this.#attempt(folder, entry.name, () => unlockFolder(this.#folders.get(folder)));
    await this.#entry(folder, path, entry);
    this.#finished.push(folder);
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
        if (this.#finished.length >= maxFinished) await this.#settle();
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
        if (this.#links.waiting >= maxFinished) await this.#settle();
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

  #entry(folder: TargetFolder, path: ByteString, entry: WantedName["entry"]): Promise<void> | undefined {
    const wanted = entry.hardLinkGroup === undefined ? undefined : { folder, path, entry };
    if (wanted !== undefined && this.#links.isOther(wanted)) return undefined; // made when the file is there
    switch (entry.kind) {
      case "file":
        return this.#file(folder, path, entry);
      case "symlink":
        this.#makeName({ folder, path, entry }, () => {
          const made = this.#look(folder, planSymlink, makeSymlink, entry) ?? "made";
          return { made, put: putOnLink };
        });
        return undefined;
      case "fifo":
      case "socket":
      case "char":
      case "block":
        this.#makeName({ folder, path, entry }, () => {
          const made = this.#look(folder, planSpecialFile, makeSpecialFile, entry);
          if (made === undefined) assertMakable(entry);
          return { made: made ?? "made", put: putOnSpecialFile };
        });
        return undefined;
      default:
        return unreachable(entry);
    }
  }

  /** Makes a name that is neither folder nor file. */
  #makeName(wanted: WantedName, make: () => { made: Made; put: typeof putOnLink }): void {
    const { folder, entry } = wanted;
    this.#attempt(folder, entry.name, () => {
      this.#unlessBlocked(wanted, () => {
        try {
          const { made, put } = make();
          this.#madeName(wanted, made, put);
        } catch (error) {
          if (!(error instanceof CannotMake)) throw error;
          this.#result.skipped += 1;
          this.#options.onEvent({ type: "skipped", path: folder.pathOf(entry.name), why: error.message });
        }
      });
    });
  }

  /** A name that is neither folder nor file is there, or would be: it gets its attributes. */
  #madeName({ folder, entry }: WantedName, made: Made, put: typeof putOnLink): void {
    const path = (): ByteString => folder.pathOf(entry.name);
    const wanted = this.#attributesOf(folder, entry);
    let isChanged = false;
    if (!this.#isDryRun || made === "there") {
      const done = put(this.#folders.get(folder).path(entry.name), wanted, { isDryRun: this.#isDryRun });
      this.#metadata.lost(done.losses, path);
      ({ isChanged } = done);
    }
    if (made !== "there") this.#options.progress.filesFetched += 1;
    else {
      this.#links.keep(entry);
      this.#left(isChanged ? 0 : 1, isChanged ? 1 : 0);
    }
    this.#tell(path(), made === "there" && isChanged ? "changed" : made, false);
    this.#restored({ files: 1, bytes: 0 });
  }

  #attributesOf(folder: TargetFolder, entry: Entry): OwnedAttributes {
    return this.#metadata.of(entry, () => folder.pathOf(entry.name));
  }

  /** Whether what has the place of an entry is no name of something else, too. */
  #mayStay(entry: WantedName["entry"]): (found: Stats | BigIntStats) => boolean {
    return ({ ino, nlink }) => this.#links.mayStay(entry, { ino: Number(ino), nlink: Number(nlink) });
  }

  /** Another name of a file is there, or would be. */
  #linked(made: Made, { folder, entry }: WantedName): void {
    const bytes = entry.kind === "file" ? entry.size : 0;
    if (made === "there") this.#left(1, 0);
    else this.#options.progress.filesFetched += 1;
    this.#options.progress.bytes += bytes;
    this.#tell(folder.pathOf(entry.name), made, false);
    this.#restored({ files: 1, bytes });
  }

  /** The folder, which is there now; undefined if it cannot be made. */
  #folder(parent: TargetFolder, entry: DirEntry): TargetFolder | undefined {
    let folder: TargetFolder | undefined;
    this.#attempt(parent, entry.name, () => {
      const made = this.#isDryRun ? this.#planFolder(parent, entry) : makeFolder(this.#folders.get(parent), entry.name);
      const opened = new TargetFolder(parent, entry.name, { attributes: entry, isNew: made !== "there" });
      if (!this.#isDryRun) {
        if (made === "there") this.#enter(this.#folders.get(opened));
        if (made === "there" || parent.attributes === undefined) dropDefaultAcl(this.#folders.get(opened));
      }
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

  #planFolder(parent: TargetFolder, { name }: DirEntry): Made {
    return parent.isNew ? "made" : planFolder(this.#folders.get(parent), name);
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
  #look<Wanted extends WantedName["entry"], T>(
    folder: TargetFolder,
    plan: LookAt<Wanted, T>,
    act: LookAt<Wanted, T>,
    entry: Wanted,
  ): T | undefined {
    if (this.#isDryRun && folder.isNew) return undefined;
    return (this.#isDryRun ? plan : act)(this.#folders.get(folder), entry, this.#mayStay(entry));
  }

  /** Where a folder is in the way that will be deleted, it is tried again after that. */
  #unlessBlocked(wanted: WantedName, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof FolderInPlace) || !this.#waits(wanted)) throw error;
      if (wanted.entry.hardLinkGroup !== undefined) this.#links.block(wanted.folder.pathOf(wanted.entry.name));
    }
  }

  /** Whether a name waits until the folder in its place is deleted. */
  #waits(wanted: WantedName): boolean {
    const mayWait = this.#isBlocking && this.#blocked.length < maxBlocked;
    if (mayWait) this.#blocked.push(wanted);
    return mayWait;
  }

  /** Something of the commit is lost: what is in the way stays there, too. */
  async #deleteNothing(): Promise<void> {
    this.#isBlocking = false;
    for (const { folder, entry } of this.#takeBlocked())
      this.#failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
    this.#options.onEvent({ type: "deletedNothing" });
    await this.#settle();
  }

  #takeBlocked(): WantedName[] {
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const { folder, entry } of this.#links.release()) {
      if (!this.#isDryRun) this.#attempt(folder, entry.name, () => unlockFolder(this.#folders.get(folder)));
      this.#finished.push(folder);
    }
    return blocked;
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
      onTouched: (folder) => this.#finishFolder(folder, true),
      breathe: this.#breathe,
      signal: this.#options.signal,
    });
    for (const scope of this.#scopes) await extras.deleteWithin(scope);
    await this.#unblock(extras);
    this.#isBlocking = false;
    await this.#unblock(extras); // names of files that were blocked themselves
  }

  /** Deletes what is in the way of names that wait, and restores those. */
  async #unblock(extras: Extras): Promise<void> {
    for (const wanted of this.#takeBlocked()) {
      const { folder, path, entry } = wanted;
      const inTheWay = new TargetFolder(folder, entry.name, { attributes: undefined, isNew: false });
      const isEmpty = await extras.empty(inTheWay, joinPath(path, entry.name));
      if (!isEmpty) this.#failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
      else if (this.#isDryRun) await this.#replaceFolder(wanted);
      else await this.#again(wanted);
    }
    await this.#settle();
  }

  /** What a dry run does where a folder would be gone. */
  async #replaceFolder(wanted: WantedName): Promise<void> {
    const { folder, entry } = wanted;
    if (this.#links.isFirst(wanted)) {
      if (entry.kind === "file") return this.#files.add(folder, entry, true);
      this.#attributesOf(folder, entry);
    }
    this.#linked("replaced", wanted);
  }

  #finishFolders(): void {
    const folders = this.#finished;
    this.#finished = [];
    for (const folder of folders) this.#finishFolder(folder);
  }

  #finishFolder(folder: TargetFolder, isAgain = folder.isFinished): void {
    const { attributes } = folder;
    if (attributes === undefined) return;
    folder.isFinished = true;
    const path = (): ByteString => folder.path;
    const wanted = isAgain ? this.#metadata.ofCounted(attributes) : this.#metadata.of(attributes, path);
    if (this.#isDryRun) return;
    const finish = (): void => {
      const { losses } = putOnFolder(this.#folders.get(folder).self, wanted);
      if (!isAgain) this.#metadata.lost(losses, path);
    };
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
    this.#links.fail(path);
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
