/**
 * Makes the names of one file links of each other: those that are met after the first wait until the file is in its place.
 * Where no link can be made, the name is handed back, to be restored as a file of its own.
 */
import { lstatSync } from "node:fs";
import { nanoid } from "nanoid";
import { errnoOf } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { DirEntry, Entry } from "../objects/entry.js";
import { HardLinks, linkName, type FirstName } from "./hard-links.js";
import type { FolderCache } from "./held-folder.js";
import { pathFailureOf, type PathFailure } from "./restore-failure.js";
import { isKind } from "./same-folder.js";
import type { TargetFolder } from "./target-folder.js";

/** A name that waits. */
export interface OtherName {
  readonly folder: TargetFolder;
  readonly entry: Exclude<Entry, DirEntry>;
}

interface WaitingName extends OtherName {
  readonly first: FirstName;
}

export interface RestoreLinksOptions {
  onLinked: (made: "made" | "there" | "replaced", name: OtherName) => void;
  /** What it throws stops the restore. */
  onFailed: (name: OtherName, failure: PathFailure) => void;
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

export class RestoreLinks {
  readonly #folders: FolderCache<TargetFolder>;
  readonly #options: RestoreLinksOptions;
  readonly #links = new HardLinks();
  readonly #temporary = `.bak-${nanoid(10)}-link.tmp` as ByteString;
  /** Files that are not in their place, though something else may be. */
  readonly #failed = new Set<ByteString>();
  #waiting: WaitingName[] = [];
  #unlinked: OtherName[] = [];

  constructor(folders: FolderCache<TargetFolder>, options: RestoreLinksOptions) {
    this.#folders = folders;
    this.#options = options;
  }

  /** How many names wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes an entry that is another name of a file which has been met; false for every other. */
  isOther(folder: TargetFolder, entry: OtherName["entry"]): boolean {
    if (entry.hardLinkGroup === undefined) return false;
    const first = this.#links.firstOf(folder, entry);
    if (first !== undefined) this.#waiting.push({ folder, entry, first });
    return first !== undefined;
  }

  /** See `HardLinks.mayStay`. */
  mayStay(...[entry, found]: Parameters<HardLinks["mayStay"]>): boolean {
    return this.#links.mayStay(entry, found);
  }

  /** A file could not be restored: nothing is to become a link to what is in its place. */
  fail(path: ByteString): void {
    this.#failed.add(path);
  }

  /** Links the names that wait, whose files are in their places. */
  make(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const name of waiting) {
      try {
        const made = this.#isThere(name) ? this.#link(name) : undefined;
        if (made === undefined) this.#unlinked.push(name);
        else this.#options.onLinked(made, name);
      } catch (error) {
        if (refusals.has(errnoOf(error) ?? "")) this.#unlinked.push(name);
        else this.#options.onFailed(name, pathFailureOf(error));
      }
    }
  }

  /** Names that could not become links. */
  takeUnlinked(): OtherName[] {
    const unlinked = this.#unlinked;
    this.#unlinked = [];
    return unlinked;
  }

  #isThere({ first, entry }: WaitingName): boolean {
    if (this.#failed.size > 0 && this.#failed.has(first.folder.pathOf(first.name))) return false;
    const path = this.#folders.get(first.folder).path(first.name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats !== undefined && isKind(stats, entry.kind);
  }

  #link({ first, folder, entry }: WaitingName): ReturnType<typeof linkName> {
    // held by itself: with both folders far down, the cache may close one for the other
    const from = this.#folders.get(first.folder).open("." as ByteString);
    try {
      const other = { folder: this.#folders.get(folder), name: entry.name, temporary: this.#temporary };
      return linkName({ folder: from, name: first.name }, other);
    } finally {
      from.close();
    }
  }
}
