/**
 * Restore: a commit, or some of its paths, into a folder. Folders and links are made along the walk; files are gathered,
 * fetched in the order in which the store has them, and written by threads; folders get their modes and times when all is
 * in them.
 */
import { opendirSync, realpathSync, type BigIntStats, type Stats } from "node:fs";
import { BakError, errnoOf, unreachable } from "../errors.js";
import { byteString, displayName, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { DirEntry, Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { createBreath } from "./breath.js";
import { makeFolders } from "./make-folders.js";
import { FolderCache, HeldFolder } from "./held-folder.js";
import type { OwnedAttributes } from "./owner-map.js";
import { putOnFolder, putOnLink, putOnSpecialFile, type Loss } from "./put-attributes.js";
import type { Remote } from "./remote.js";
import { isFailureOfAll, pathFailureOf, type PathFailure } from "./restore-failure.js";
import { FileFetcher } from "./restore-files.js";
import { fullCapacity } from "./restore-table.js";
import { RestoreLinks } from "./restore-links.js";
import { RestoreMetadata } from "./restore-metadata.js";
import { CannotMake, makeSpecialFile } from "./restore-special.js";
import { dropDefaultAcl, lookAtFile, makeFolder, makeSymlink, unlockFolder } from "./restore-target.js";
import type { Shortfall } from "./shortfalls.js";
import { fsPath } from "./source-path.js";
import type { TableCapacity } from "./table-columns.js";
import { TargetFolder } from "./target-folder.js";
import { TreeSource } from "./tree-source.js";

export type RestoreEvent =
  /** Something else than what the commit has was at this path and is gone. */
  | { readonly type: "replaced"; readonly path: ByteString }
  /** A special file that cannot be made here, or not by whoever restores. */
  | { readonly type: "skipped"; readonly path: ByteString; readonly why: string }
  | { readonly type: "failed"; readonly path: ByteString; readonly why: string };

/** How far a restore is; the totals are known from the commit when all of it is restored. */
export interface RestoreProgress {
  files: number;
  bytes: number;
  /** Files of these that were not right already. */
  filesFetched: number;
}

export interface RestoreOptions {
  /** Absolute path of the folder to restore into; made if it is missing. */
  target: ByteString;
  /** Paths within the commit; all of it if there are none. */
  paths: readonly ByteString[];
  /** Gives owners by the numbers that the commit has, not by the names that belong to them. */
  isNumericOwner?: boolean;
  onEvent: (event: RestoreEvent) => void;
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
  /** Files that were right already. */
  readonly left: number;
  readonly replaced: number;
  readonly skipped: number;
  readonly failed: number;
  /** What restored names lack of their owners and extended attributes. */
  readonly shortfalls: readonly Shortfall[];
}

/** Restores into the target. Rejects with TARGET_FAILED if that is no folder, and NO_PATH for a path that the commit lacks. */
export async function restore(
  remote: Remote,
  commit: { id: ObjectId; content: Commit },
  options: RestoreOptions,
): Promise<RestoreResult> {
  const trees = new TreeSource(remote);
  const found: FoundPath[] = [];
  // a path that the commit lacks is told of before anything is made
  for (const path of options.paths) {
    const entries = await trees.fetchPath(commit.content, path);
    const last = entries.pop() as Entry;
    found.push({ path, parents: entries as DirEntry[], last });
  }
  const target = HeldFolder.openTarget(makeTarget(options.target));
  const run = new Restore(remote, { trees, target, options, commit: commit.content });
  try {
    if (options.paths.length === 0) await run.everything(commit);
    else for (const each of withoutNested(found)) await run.onePath(each);
    return await run.finish();
  } finally {
    await run.end();
    target.close();
  }
}

/** A path of the commit: the folders on the way to it, and what it names. */
interface FoundPath {
  readonly path: ByteString;
  readonly parents: readonly DirEntry[];
  readonly last: Entry;
}

/** Folders that are empty, or hold only others, wait for their modes up to so many, and names for the files they belong to. */
const maxFinished = 1 << 16;

class Restore {
  readonly #options: RestoreOptions;
  readonly #trees: TreeSource;
  readonly #target: HeldFolder;
  readonly #folders: FolderCache<TargetFolder>;
  readonly #files: FileFetcher;
  readonly #metadata: RestoreMetadata;
  readonly #links: RestoreLinks;
  readonly #breathe = createBreath();
  /** Folders that have been gone through, each after what is in it. */
  #finished: TargetFolder[] = [];
  readonly #result = { files: 0, dirs: 0, bytes: 0, left: 0, replaced: 0, skipped: 0, failed: 0 };

  constructor(
    remote: Remote,
    work: { trees: TreeSource; target: HeldFolder; options: RestoreOptions; commit: Commit },
  ) {
    const { options } = work;
    this.#metadata = new RestoreMetadata(work.commit, { isNumericOwner: options.isNumericOwner ?? false });
    this.#options = options;
    this.#trees = work.trees;
    this.#target = work.target;
    this.#folders = new FolderCache(work.target, {
      parent: (folder: TargetFolder) => folder.parent,
      name: (folder) => folder.name,
    });
    this.#links = new RestoreLinks(this.#folders, {
      onLinked: (made, { folder, entry }) => this.#linked(made, folder, entry),
      onFailed: ({ folder, entry }, failure) => this.#failed(folder.pathOf(entry.name), failure),
    });
    this.#files = new FileFetcher(remote, {
      signal: options.signal,
      threads: options.threads,
      capacity: options.capacity ?? fullCapacity,
      target: work.target.place,
      attributesOf: (folder, entry) => this.#metadata.of(entry, () => folder.pathOf(entry.name)),
      onWritten: (bytes) => (options.progress.bytes += bytes),
      onRestored: (count) => {
        options.progress.filesFetched += count.files;
        this.#restored(count);
      },
      onLeft: (count) => {
        this.#result.left += count.files;
        options.progress.bytes += count.bytes;
        this.#restored(count);
      },
      onOther: (path) => this.#replaced(path),
      onLosses: (path, losses) => this.#metadata.lost(losses, () => path),
      onFailed: (path, failure) => this.#failed(path, failure),
      onSettled: () => {
        this.#links.make();
        this.#finishFolders();
      },
    });
  }

  async everything({ id, content }: { id: ObjectId; content: Commit }): Promise<void> {
    await this.#trees.fetchAll(id);
    const isNew = isEmpty(this.#target);
    dropDefaultAcl(this.#target);
    await this.#walk(new TargetFolder(undefined, "" as ByteString, { attributes: content.root, isNew }), content.tree);
  }

  async onePath({ parents, last }: FoundPath): Promise<void> {
    let folder = new TargetFolder(undefined, "" as ByteString, { attributes: undefined, isNew: false });
    const opened: TargetFolder[] = [];
    for (const entry of parents) {
      // what has the folder's name, and stays, may be a link that leads out of the target
      const next = this.#folder(folder, entry);
      if (next === undefined) break;
      opened.push((folder = next));
    }
    if (opened.length === parents.length) {
      if (last.kind === "dir") {
        await this.#trees.fetchAll(last.tree);
        const top = this.#folder(folder, last);
        if (top !== undefined) await this.#walk(top, last.tree);
      } else await this.#entry(folder, last);
    }
    this.#finished.push(...opened.toReversed());
  }

  /** Resolves when all that the walk has come to has been dealt with. */
  async finish(): Promise<RestoreResult> {
    await this.#settle();
    return { ...this.#result, shortfalls: this.#metadata.shortfalls };
  }

  async #settle(): Promise<void> {
    await this.#files.finish();
    for (let unlinked = this.#links.takeUnlinked(); unlinked.length > 0; unlinked = this.#links.takeUnlinked()) {
      for (const { folder, entry } of unlinked) {
        this.#attempt(folder, entry.name, () => unlockFolder(this.#folders.get(folder)));
        const alone = { ...entry };
        delete alone.hardLinkGroup;
        await this.#entry(folder, alone);
        this.#finished.push(folder);
      }
      await this.#files.finish();
    }
  }

  /** Ends all that is under way, and leaves no unfinished file. */
  async end(): Promise<void> {
    await this.#files.end();
    this.#folders.close();
  }

  /** Goes through a folder and all beneath it, each folder before what is in it. */
  async #walk(top: TargetFolder, tree: ObjectId): Promise<void> {
    const open = [{ folder: top, entries: (await this.#trees.openFolder(tree))[Symbol.iterator]() }];
    for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
      this.#options.signal?.throwIfAborted();
      const next = at.entries.next();
      if (next.done === true) {
        open.pop();
        this.#finished.push(at.folder);
        if (this.#finished.length >= maxFinished) await this.#settle();
      } else if (next.value.kind === "dir") {
        const folder = this.#folder(at.folder, next.value);
        if (folder !== undefined)
          open.push({ folder, entries: (await this.#trees.openFolder(next.value.tree))[Symbol.iterator]() });
      } else {
        // a promise for each of a million files would cost more than what is done for them here
        const pending = this.#entry(at.folder, next.value);
        if (pending !== undefined) await pending;
        if (this.#links.waiting >= maxFinished) await this.#settle();
      }
      const breath = this.#breathe();
      if (breath !== undefined) await breath;
    }
  }

  #entry(folder: TargetFolder, entry: Exclude<Entry, DirEntry>): Promise<void> | undefined {
    if (this.#links.isOther(folder, entry)) return undefined; // made when the file is there
    switch (entry.kind) {
      case "file":
        return this.#file(folder, entry);
      case "symlink":
        this.#make(folder, entry, (parent) => {
          const made = makeSymlink(parent, entry, this.#mayStay(entry));
          return { made, losses: putOnLink(parent.path(entry.name), this.#attributesOf(folder, entry)) };
        });
        return undefined;
      case "fifo":
      case "socket":
      case "char":
      case "block":
        this.#make(folder, entry, (parent) => {
          const made = makeSpecialFile(parent, entry, this.#mayStay(entry));
          return { made, losses: putOnSpecialFile(parent.path(entry.name), this.#attributesOf(folder, entry)) };
        });
        return undefined;
      default:
        return unreachable(entry);
    }
  }

  /** Makes a name that is neither folder nor file. */
  #make(
    folder: TargetFolder,
    { name }: Entry,
    make: (parent: HeldFolder) => { made: "made" | "there" | "replaced"; losses: readonly Loss[] },
  ): void {
    this.#attempt(folder, name, () => {
      try {
        const { made, losses } = make(this.#folders.get(folder));
        if (made === "replaced") this.#replaced(folder.pathOf(name));
        this.#metadata.lost(losses, () => folder.pathOf(name));
        this.#restored({ files: 1, bytes: 0 });
      } catch (error) {
        if (!(error instanceof CannotMake)) throw error;
        this.#result.skipped += 1;
        this.#options.onEvent({ type: "skipped", path: folder.pathOf(name), why: error.message });
      }
    });
  }

  #attributesOf(folder: TargetFolder, entry: Entry): OwnedAttributes {
    return this.#metadata.of(entry, () => folder.pathOf(entry.name));
  }

  /** Whether what has the place of an entry is no name of something else, too. */
  #mayStay(entry: Exclude<Entry, DirEntry>): (found: Stats | BigIntStats) => boolean {
    return ({ ino, nlink }) => this.#links.mayStay(entry, { ino: Number(ino), nlink: Number(nlink) });
  }

  /** Another name of a file is there. */
  #linked(made: "made" | "there" | "replaced", folder: TargetFolder, entry: Exclude<Entry, DirEntry>): void {
    const bytes = entry.kind === "file" ? entry.size : 0;
    if (made === "replaced") this.#replaced(folder.pathOf(entry.name));
    if (entry.kind === "file" && made === "there") this.#result.left += 1;
    if (entry.kind === "file" && made !== "there") this.#options.progress.filesFetched += 1;
    this.#options.progress.bytes += bytes;
    this.#restored({ files: 1, bytes });
  }

  /** The folder, which is there now; undefined if it cannot be made. */
  #folder(parent: TargetFolder, entry: DirEntry): TargetFolder | undefined {
    let folder: TargetFolder | undefined;
    this.#attempt(parent, entry.name, () => {
      const made = makeFolder(this.#folders.get(parent), entry.name);
      if (made === "replaced") this.#replaced(parent.pathOf(entry.name));
      const opened = new TargetFolder(parent, entry.name, { attributes: entry, isNew: made !== "there" });
      if (made === "there") unlockFolder(this.#folders.get(opened));
      if (made === "there" || parent.attributes === undefined) dropDefaultAcl(this.#folders.get(opened));
      this.#result.dirs += 1;
      folder = opened;
    });
    return folder;
  }

  #file(folder: TargetFolder, entry: FileEntry): Promise<void> | undefined {
    const state = folder.isNew ? "missing" : this.#lookAt(folder, entry);
    if (state === undefined) return undefined;
    if (state === "similar") return this.#files.compare(folder, entry);
    if (state === "other") this.#replaced(folder.pathOf(entry.name));
    return this.#files.add(folder, entry);
  }

  /** What is in the place of a file; undefined where that cannot be replaced. */
  #lookAt(folder: TargetFolder, entry: FileEntry): ReturnType<typeof lookAtFile> | undefined {
    const found: ReturnType<typeof lookAtFile>[] = [];
    this.#attempt(folder, entry.name, () =>
      found.push(lookAtFile(this.#folders.get(folder), entry, this.#mayStay(entry))),
    );
    return found[0];
  }

  #finishFolders(): void {
    const folders = this.#finished;
    this.#finished = [];
    for (const folder of folders) {
      const { attributes } = folder;
      if (attributes === undefined) continue;
      const path = (): ByteString => folder.path;
      const finish = (): void => {
        const { self } = this.#folders.get(folder);
        this.#metadata.lost(putOnFolder(self, this.#metadata.of(attributes, path)), path);
      };
      if (folder.parent === undefined) this.#attempt(folder, "" as ByteString, finish);
      else this.#attempt(folder.parent, folder.name, finish);
    }
  }

  #restored({ files, bytes }: { files: number; bytes: number }): void {
    this.#result.files += files;
    this.#result.bytes += bytes;
    this.#options.progress.files += files;
  }

  #replaced(path: ByteString): void {
    this.#result.replaced += 1;
    this.#options.onEvent({ type: "replaced", path });
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
    this.#links.fail(path);
    this.#result.failed += 1;
    this.#options.onEvent({ type: "failed", path, why: failure.why });
  }
}

function isEmpty(folder: HeldFolder): boolean {
  const listing = opendirSync(folder.self);
  try {
    return listing.readSync() === null;
  } finally {
    listing.closeSync();
  }
}

/** The real path of the target, made if it is missing: the user may name it through a link, the commit may not. */
function makeTarget(target: ByteString): ByteString {
  try {
    makeFolders(target);
    return byteString(realpathSync(fsPath(target), "buffer"));
  } catch (cause) {
    const isFile = ["EEXIST", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    const why = isFile ? "it is not a folder" : cause instanceof Error ? cause.message : String(cause);
    const hint = "choose a folder, or a path where none is yet, with --to";
    throw new BakError("TARGET_FAILED", `cannot restore into '${displayName(target)}': ${why}`, { hint, cause });
  }
}

/** Drops what lies beneath another of them, and repetitions. */
function withoutNested(found: readonly FoundPath[]): FoundPath[] {
  const unique = new Map(found.map((each) => [each.path, each]));
  const isNested = ({ path }: FoundPath): boolean => found.some((other) => path.startsWith(`${other.path}/`));
  return [...unique.values()].filter((each) => !isNested(each));
}
