/**
 * Restore: a commit, or some of its paths, into a folder. Folders and links are made along the walk; files are gathered
 * and fetched in batches, in the order in which the store has them; folders get their modes and times last.
 */
import { realpathSync } from "node:fs";
import { BakError, errnoOf } from "../errors.js";
import { byteString, displayName, joinPath, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { Attributes, DirEntry, Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { createBreath } from "./breath.js";
import { makeFolders } from "./make-folders.js";
import type { Remote } from "./remote.js";
import { FileFetcher } from "./restore-files.js";
import { isFileAsWanted, makeFolder, makeSymlink, RestoreFailure, setAttributes } from "./restore-target.js";
import { fsPath } from "./source-path.js";
import { TreeSource } from "./tree-source.js";

export type RestoreEvent =
  /** Something else than what the commit has was at this path and is gone. */
  | { readonly type: "replaced"; readonly path: ByteString }
  /** A kind of entry that this version does not make. */
  | { readonly type: "skipped"; readonly path: ByteString; readonly kind: Entry["kind"] }
  | { readonly type: "failed"; readonly path: ByteString; readonly why: string };

/** How far a restore is; the totals are known from the commit when all of it is restored. */
export interface RestoreProgress {
  files: number;
  bytes: number;
}

export interface RestoreOptions {
  /** Absolute path of the folder to restore into; made if it is missing. */
  target: ByteString;
  /** Paths within the commit; all of it if there are none. */
  paths: readonly ByteString[];
  onEvent: (event: RestoreEvent) => void;
  progress: RestoreProgress;
  signal?: AbortSignal | undefined;
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
}

/** Restores into the target. Rejects with TARGET_FAILED if that is no folder, and NO_PATH for a path that the commit lacks. */
export async function restore(
  remote: Remote,
  commit: { id: ObjectId; content: Commit },
  options: RestoreOptions,
): Promise<RestoreResult> {
  return new Restore(remote, commit.content, options).run(commit.id);
}

/** A path of the commit: the folders on the way to it, and what it names. */
interface FoundPath {
  readonly path: ByteString;
  readonly parents: readonly DirEntry[];
  readonly last: Entry;
}

class Restore {
  readonly #commit: Commit;
  readonly #options: RestoreOptions;
  #target = "" as ByteString;
  readonly #trees: TreeSource;
  readonly #files: FileFetcher;
  readonly #breathe = createBreath();
  /** Folders in the order of the walk, each before what is in it. */
  readonly #folders: { path: ByteString; attributes: Attributes }[] = [];
  readonly #result = { files: 0, dirs: 0, bytes: 0, left: 0, replaced: 0, skipped: 0, failed: 0 };

  constructor(remote: Remote, commit: Commit, options: RestoreOptions) {
    this.#commit = commit;
    this.#options = options;
    this.#trees = new TreeSource(remote);
    this.#files = new FileFetcher(remote, {
      signal: options.signal,
      onBytes: (count) => (options.progress.bytes += count),
      onRestored: (file) => this.#restored(file.entry),
      onFailed: (file, error) => this.#failed(file.path, error),
    });
  }

  async run(id: ObjectId): Promise<RestoreResult> {
    const { paths, target } = this.#options;
    const found: FoundPath[] = [];
    // a path that the commit lacks is told of before anything is made
    for (const path of paths) found.push(await this.#find(path));
    this.#target = openTarget(target);
    try {
      if (paths.length === 0) await this.#everything(id);
      else for (const each of withoutNested(found)) await this.#onePath(each);
      await this.#files.finish();
      this.#finishFolders();
    } finally {
      this.#files.abandon();
    }
    return this.#result;
  }

  async #everything(id: ObjectId): Promise<void> {
    await this.#trees.fetchAll(id);
    this.#folders.push({ path: "" as ByteString, attributes: this.#commit.root });
    await this.#contents("" as ByteString, this.#commit.tree);
  }

  async #find(path: ByteString): Promise<FoundPath> {
    const entries = await this.#trees.fetchPath(this.#commit, path);
    const last = entries.pop() as Entry;
    return { path, parents: entries as DirEntry[], last };
  }

  async #onePath({ path, parents, last }: FoundPath): Promise<void> {
    let parent = "" as ByteString;
    for (const entry of parents) {
      parent = joinPath(parent, entry.name);
      // what has the folder's name, and stays, may be a link that leads out of the target
      if (!this.#folder(parent, entry)) return;
    }
    if (last.kind === "dir") await this.#trees.fetchAll(last.tree);
    await this.#entry(path, last);
  }

  async #contents(path: ByteString, tree: ObjectId): Promise<void> {
    for (const entry of await this.#trees.fetchEntries(tree)) {
      this.#options.signal?.throwIfAborted();
      await this.#entry(joinPath(path, entry.name), entry);
      await this.#breathe();
    }
  }

  async #entry(path: ByteString, entry: Entry): Promise<void> {
    switch (entry.kind) {
      case "dir":
        if (this.#folder(path, entry)) await this.#contents(path, entry.tree);
        return;
      case "file":
        return this.#file(path, entry);
      case "symlink":
        return this.#attempt(path, () => {
          if (makeSymlink(this.#absolute(path), entry) === "replaced") this.#replaced(path);
          this.#restored(entry);
        });
      case "fifo":
      case "socket":
      case "char":
      case "block":
        this.#result.skipped += 1;
        return this.#options.onEvent({ type: "skipped", path, kind: entry.kind });
    }
  }

  /** Whether the folder is there now. */
  #folder(path: ByteString, entry: DirEntry): boolean {
    let isMade = false;
    this.#attempt(path, () => {
      const made = makeFolder(this.#absolute(path));
      if (made === "replaced") this.#replaced(path);
      this.#folders.push({ path, attributes: entry });
      this.#result.dirs += 1;
      isMade = true;
    });
    return isMade;
  }

  async #file(path: ByteString, entry: FileEntry): Promise<void> {
    const absolute = this.#absolute(path);
    let state: Awaited<ReturnType<typeof isFileAsWanted>>;
    try {
      state = await isFileAsWanted(absolute, entry, this.#breatheOrStop);
    } catch (error) {
      return this.#failed(path, error);
    }
    if (state === "other") this.#replaced(path);
    if (state !== "right") return this.#files.add({ path, absolute, entry });
    this.#attempt(path, () => {
      setAttributes(absolute, entry);
      this.#result.left += 1;
      this.#options.progress.bytes += entry.size;
      this.#restored(entry);
    });
  }

  #breatheOrStop = (): Promise<void> | undefined => {
    this.#options.signal?.throwIfAborted();
    return this.#breathe();
  };

  #finishFolders(): void {
    for (const { path, attributes } of this.#folders.toReversed()) {
      this.#attempt(path, () => setAttributes(this.#absolute(path), attributes));
    }
  }

  #restored(entry: Entry): void {
    this.#result.files += 1;
    this.#options.progress.files += 1;
    if (entry.kind === "file") this.#result.bytes += entry.size;
  }

  #replaced(path: ByteString): void {
    this.#result.replaced += 1;
    this.#options.onEvent({ type: "replaced", path });
  }

  /** One path that cannot be written does not stop the others. */
  #attempt(path: ByteString, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed(path, error);
    }
  }

  #failed(path: ByteString, error: unknown): void {
    const errno = errnoOf(error);
    if (errno === undefined && !(error instanceof RestoreFailure)) throw error;
    if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "EROFS") {
      throw new BakError(
        "TARGET_FAILED",
        `cannot restore: ${errno === "EROFS" ? "the target is read-only" : "no space left in the target"}`,
        { cause: error },
      );
    }
    this.#result.failed += 1;
    this.#options.onEvent({ type: "failed", path, why: error instanceof Error ? error.message : String(error) });
  }

  #absolute(path: ByteString): ByteString {
    return path === "" ? this.#target : joinPath(this.#target, path);
  }
}

/** The real path of the target, made if it is missing: the user may name it through a link, the commit may not. */
function openTarget(target: ByteString): ByteString {
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
