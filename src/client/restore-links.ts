/**
 * Makes the names of one file links of each other: those that are met after the first wait until the file is in its place.
 * Where no link can be made, the name is handed back, to be restored as a file of its own.
 */
import { lstatSync } from "node:fs";
import { nanoid } from "nanoid";
import { errnoOf } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { DirEntry, Entry } from "../objects/entry.js";
import { HardLinks, linkName, planLink, type FirstName } from "./hard-links.js";
import type { FolderCache } from "./held-folder.js";
import { FolderInPlace, pathFailureOf, type PathFailure } from "./restore-failure.js";
import { kindOf } from "./source-stat.js";
import type { Made } from "./restore-target.js";
import type { TargetFolder } from "./target-folder.js";

/** A name of the commit that is no folder, and its place. */
export interface WantedName {
  readonly folder: TargetFolder;
  /** The folder's, in the commit. */
  readonly path: ByteString;
  readonly entry: Exclude<Entry, DirEntry>;
}

interface WaitingName extends WantedName {
  readonly first: FirstName;
}

export interface RestoreLinksOptions {
  /** Makes none, and tells what would be. */
  readonly isDryRun: boolean;
  readonly onLinked: (made: Made, name: WantedName) => void;
  /** A folder with something in it has the place of a name: whether that is tried again later. */
  readonly onBlocked: (name: WantedName) => boolean;
  /** What it throws stops the restore. */
  readonly onFailed: (name: WantedName, failure: PathFailure) => void;
}

/** The file has as many names as it may have, or file systems in between, or none that know links, or we may not. */
const refusals: ReadonlySet<string> = new Set([
  "EMLINK",
  "EXDEV",
  "EPERM",
  "EACCES",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
]);

/** So many names wait for a file whose place is not free yet. */
const maxHeldBack = 1 << 16;

export class RestoreLinks {
  readonly #folders: FolderCache<TargetFolder>;
  readonly #options: RestoreLinksOptions;
  readonly #links = new HardLinks();
  readonly #temporary = `.bak-${nanoid(10)}-link.tmp` as ByteString;
  /** Files that are not in their place, though something else may be. */
  readonly #failed = new Set<ByteString>();
  /** Files whose places are not free yet. */
  readonly #blocked = new Set<ByteString>();
  #waiting: WaitingName[] = [];
  #heldBack: WaitingName[] = [];
  #unlinked: WantedName[] = [];

  constructor(folders: FolderCache<TargetFolder>, options: RestoreLinksOptions) {
    this.#folders = folders;
    this.#options = options;
  }

  /** How many names wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes an entry that is another name of a file which has been met; false for every other. */
  isOther(name: WantedName): boolean {
    const { folder, entry } = name;
    if (entry.hardLinkGroup === undefined) return false;
    const first = this.#links.firstOf(folder, entry);
    if (first === undefined || (first.folder === folder && first.name === entry.name)) return false;
    this.#waiting.push({ ...name, first });
    return true;
  }

  /** Whether an entry that has been met is not another name of a file that was met before. */
  isFirst({ folder, entry }: WantedName): boolean {
    if (entry.hardLinkGroup === undefined) return true;
    const first = this.#links.firstOf(folder, entry);
    return first === undefined || (first.folder === folder && first.name === entry.name);
  }

  /** See `HardLinks.mayStay`. */
  mayStay(...[entry, found]: Parameters<HardLinks["mayStay"]>): boolean {
    return this.#links.mayStay(entry, found);
  }

  /** A file could not be restored: nothing is to become a link to what is in its place. */
  fail(path: ByteString): void {
    this.#failed.add(path);
  }

  /** A file stays in its place; to be told in a dry run, where no link shows it. */
  keep(entry: WantedName["entry"]): void {
    this.#links.keep(entry);
  }

  /** A file comes to its place later: its other names wait until `release`. */
  block(path: ByteString): void {
    this.#blocked.add(path);
  }

  /** Lets names wait no longer than others do, and tells which: their folders may have been finished. */
  release(): readonly WantedName[] {
    const released = this.#heldBack;
    this.#blocked.clear();
    for (const name of released) this.#waiting.push(name);
    this.#heldBack = [];
    return released;
  }

  /** Links the names that wait, whose files are in their places. */
  make(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const name of waiting) {
      if (this.#isBlocked(name)) {
        (this.#heldBack.length < maxHeldBack ? this.#heldBack : this.#unlinked).push(name);
        continue;
      }
      try {
        const made = this.#isThere(name) ? this.#link(name) : undefined;
        if (made === undefined) this.#unlinked.push(name);
        else this.#options.onLinked(made, name);
      } catch (error) {
        if (refusals.has(errnoOf(error) ?? "")) this.#unlinked.push(name);
        else if (!(error instanceof FolderInPlace) || !this.#options.onBlocked(name))
          this.#options.onFailed(name, pathFailureOf(error));
      }
    }
  }

  /** Names that could not become links. */
  takeUnlinked(): WantedName[] {
    const unlinked = this.#unlinked;
    this.#unlinked = [];
    return unlinked;
  }

  #isBlocked({ first }: WaitingName): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(first.folder.pathOf(first.name));
  }

  #isThere({ first, entry }: WaitingName): boolean {
    if (this.#failed.size > 0 && this.#failed.has(first.folder.pathOf(first.name))) return false;
    if (this.#options.isDryRun) return true;
    const path = this.#folders.get(first.folder).path(first.name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats !== undefined && kindOf(stats) === entry.kind;
  }

  #link(name: WaitingName): Made {
    if (this.#options.isDryRun && name.folder.isNew) return "made";
    if (this.#options.isDryRun && !this.#links.isKept(name.entry))
      return planLink(undefined, { folder: this.#folders.get(name.folder), name: name.entry.name });
    const { first, folder, entry } = name;
    // held by itself: with both folders far down, the cache may close one for the other
    const from = this.#folders.get(first.folder).open("." as ByteString);
    try {
      const other = { folder: this.#folders.get(folder), name: entry.name, temporary: this.#temporary };
      const link = this.#options.isDryRun ? planLink : linkName;
      return link({ folder: from, name: first.name }, other);
    } finally {
      from.close();
    }
  }
}
