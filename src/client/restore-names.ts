/** Puts names of a commit that are no folders in their places: links and special files at once, files with others. */
import type { BigIntStats, Stats } from "node:fs";
import { unreachable } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { Entry, FileEntry } from "../objects/entry.js";
import type { HeldFolder } from "./held-folder.js";
import type { OwnedAttributes } from "./owner-map.js";
import { putOnLink, putOnSpecialFile } from "./put-attributes.js";
import type { Remote } from "./remote.js";
import { FolderInPlace } from "./restore-failure.js";
import { FileFetcher } from "./restore-files.js";
import type { RestoreFolders } from "./restore-folders.js";
import { RestoreLinks, type WantedName } from "./restore-links.js";
import type { RestoreMetadata } from "./restore-metadata.js";
import type { RestoreOptions } from "./restore-options.js";
import { planFile, planSymlink } from "./restore-plan.js";
import type { RestoreRoot } from "./restore-root.js";
import { assertMakable, CannotMake, makeSpecialFile, planSpecialFile } from "./restore-special.js";
import { fullCapacity } from "./restore-table.js";
import type { RestoreTally } from "./restore-tally.js";
import { lookAtFile, makeSymlink, type Made } from "./restore-target.js";
import type { TargetFolder } from "./target-folder.js";

/** So many names wait for the files they belong to. */
const maxWaiting = 1 << 16;
/** So many names wait for folders in their places to be deleted. */
const maxBlocked = 1 << 16;

export interface RestoreNamesWork {
  readonly root: RestoreRoot;
  readonly folders: RestoreFolders;
  readonly metadata: RestoreMetadata;
  readonly tally: RestoreTally;
  readonly options: RestoreOptions;
}

type LookAt<Wanted, T> = (held: HeldFolder, entry: Wanted, mayStay: (found: Stats | BigIntStats) => boolean) => T;

export class RestoreNames {
  readonly #isDryRun: boolean;
  readonly #folders: RestoreFolders;
  readonly #metadata: RestoreMetadata;
  readonly #tally: RestoreTally;
  readonly #links: RestoreLinks;
  readonly #files: FileFetcher;
  #blocked: WantedName[] = [];
  #isBlocking: boolean;

  constructor(remote: Remote, { root, folders, metadata, tally, options }: RestoreNamesWork) {
    this.#isDryRun = options.isDryRun ?? false;
    this.#folders = folders;
    this.#metadata = metadata;
    this.#tally = tally;
    this.#isBlocking = options.deletion !== undefined;
    this.#links = new RestoreLinks(folders.cache, {
      isDryRun: this.#isDryRun,
      onLinked: (made, name) => this.#linked(made, name),
      onBlocked: (name) => this.#waits(name),
      onFailed: ({ folder, entry }, failure) => tally.failed(folder.pathOf(entry.name), failure),
    });
    this.#files = new FileFetcher(remote, {
      signal: options.signal,
      threads: options.threads,
      capacity: options.capacity ?? fullCapacity,
      target: root.folder.place,
      isDryRun: this.#isDryRun,
      attributesOf: (folder, entry) => this.#attributesOf(folder, entry),
      tells: tally.tells,
      onWritten: (bytes) => tally.written(bytes),
      onRestored: (count) => {
        tally.fetched(count.files);
        tally.restored(count);
      },
      onLeft: (count) => {
        tally.written(count.bytes);
        tally.left(count.files - count.mended, count.mended);
        tally.restored(count);
      },
      onKept: (entry) => this.#links.keep(entry),
      onLosses: (path, losses) => metadata.lost(losses, () => path),
      onFate: (path, fate) => tally.tell(path, fate === "left" ? "there" : fate, false),
      onFailed: (path, failure) => tally.failed(path, failure),
      onSettled: () => {
        this.#links.make();
        folders.finishEnded();
      },
    });
  }

  /** A path could not be restored: nothing is to become a link to what is in its place. */
  fail(path: ByteString): void {
    this.#links.fail(path);
  }

  /** Whether so many names wait that they should be settled. */
  get isFull(): boolean {
    return this.#links.waiting >= maxWaiting;
  }

  /** Restores a name; where there is something to wait for, resolves when the next may come. */
  add(wanted: WantedName): Promise<void> | undefined {
    const { folder, path, entry } = wanted;
    folder.region.names += 1;
    if (entry.hardLinkGroup !== undefined && this.#links.isOther(wanted)) return undefined; // made when the file is there
    switch (entry.kind) {
      case "file":
        return this.#file(folder, path, entry);
      case "symlink":
        this.#make({ folder, path, entry }, () => {
          const made = this.#look(folder, planSymlink, makeSymlink, entry) ?? "made";
          return { made, put: putOnLink };
        });
        return undefined;
      case "fifo":
      case "socket":
      case "char":
      case "block":
        this.#make({ folder, path, entry }, () => {
          const made = this.#look(folder, planSpecialFile, makeSpecialFile, entry);
          if (made === undefined) assertMakable(entry);
          return { made: made ?? "made", put: putOnSpecialFile };
        });
        return undefined;
      default:
        return unreachable(entry);
    }
  }

  /** Restores a name in a folder that may have been finished. */
  async addAgain(wanted: WantedName): Promise<void> {
    this.#folders.reopen(wanted.folder, wanted.entry.name);
    await this.add(wanted);
    this.#folders.end(wanted.folder);
  }

  /** Waits for all that is under way; what cannot be a link becomes a file of its own. */
  async settle(): Promise<void> {
    await this.#files.finish();
    for (let unlinked = this.#links.takeUnlinked(); unlinked.length > 0; unlinked = this.#links.takeUnlinked()) {
      for (const { folder, path, entry } of unlinked) {
        const alone = { ...entry };
        delete alone.hardLinkGroup;
        await this.addAgain({ folder, path, entry: alone });
      }
      await this.#files.finish();
    }
  }

  /** Ends all that is under way, and leaves no unfinished file. */
  async end(): Promise<void> {
    await this.#files.end();
  }

  /** From now on no name waits for a folder in its place to be deleted. */
  stopWaiting(): void {
    this.#isBlocking = false;
  }

  /** The names that wait for that. */
  takeWaiting(): WantedName[] {
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const { folder, entry } of this.#links.release()) {
      this.#folders.reopen(folder, entry.name);
      this.#folders.end(folder);
    }
    return blocked;
  }

  /** What a dry run does where a folder would be gone. */
  async replaceFolder(wanted: WantedName): Promise<void> {
    const { folder, entry } = wanted;
    if (this.#links.isFirst(wanted)) {
      if (entry.kind === "file") return this.#files.add(folder, entry, true);
      this.#attributesOf(folder, entry);
    }
    this.#linked("replaced", wanted);
  }

  /** Makes a name that is neither folder nor file. */
  #make(wanted: WantedName, make: () => { made: Made; put: typeof putOnLink }): void {
    const { folder, entry } = wanted;
    this.#tally.attempt(folder, entry.name, () => {
      this.#unlessBlocked(wanted, () => {
        try {
          const { made, put } = make();
          this.#made(wanted, made, put);
        } catch (error) {
          if (!(error instanceof CannotMake)) throw error;
          this.#tally.skipped(folder.pathOf(entry.name), error.message);
        }
      });
    });
  }

  /** A name that is neither folder nor file is there, or would be: it gets its attributes. */
  #made({ folder, entry }: WantedName, made: Made, put: typeof putOnLink): void {
    const path = (): ByteString => folder.pathOf(entry.name);
    const wanted = this.#attributesOf(folder, entry);
    let isChanged = false;
    if (!this.#isDryRun || made === "there") {
      const done = put(this.#folders.cache.get(folder).path(entry.name), wanted, { isDryRun: this.#isDryRun });
      this.#metadata.lost(done.losses, path);
      ({ isChanged } = done);
    }
    if (made !== "there") this.#tally.fetched(1);
    else {
      this.#links.keep(entry);
      this.#tally.left(isChanged ? 0 : 1, isChanged ? 1 : 0);
    }
    this.#tally.tell(path(), made === "there" && isChanged ? "changed" : made, false);
    this.#tally.restored({ files: 1, bytes: 0 });
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
    if (made === "there") this.#tally.left(1, 0);
    else this.#tally.fetched(1);
    this.#tally.written(bytes);
    this.#tally.tell(folder.pathOf(entry.name), made, false);
    this.#tally.restored({ files: 1, bytes });
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
    this.#tally.attempt(folder, entry.name, () => {
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
    return (this.#isDryRun ? plan : act)(this.#folders.cache.get(folder), entry, this.#mayStay(entry));
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
}
