/** What a walk tells and counts: what it has found of each name, or why there is nothing. */
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { TreeLoader } from "../objects/directory.js";
import type { Entry } from "../objects/entry.js";
import { Changes } from "./changes.js";
import { OwnersSeen } from "./owners-seen.js";
import type { Movement, SnapshotOptions } from "./snapshot-options.js";
import { isGone, isSourceFailure, reasonOf } from "./source-failure.js";
import { isStillThere, type SourceRoot } from "./source-root.js";
import type { SourceStat } from "./source-stat.js";

export interface WalkTallyOptions extends Pick<SnapshotOptions, "onEvent" | "progress"> {
  readonly root: SourceRoot;
  /** Trees of the head. */
  readonly load: TreeLoader;
}

/** A name, and what the head has of it. */
export interface TalliedName {
  readonly relative: ByteString;
  readonly head: Entry | undefined;
}

/** The folder that a name is in. */
type Parent = Readonly<{ absolute: ByteString; stat: SourceStat }>;

export class WalkTally {
  readonly movements: Record<Movement, number> = { changed: 0, grown: 0, shrunk: 0, replaced: 0, vanished: 0 };
  readonly counts = { files: 0, dirs: 0, bytes: 0, unreadable: 0 };
  readonly changes: Changes;
  readonly owners = new OwnersSeen();
  unreadAttributes = 0;
  readonly #options: WalkTallyOptions;

  constructor(options: WalkTallyOptions) {
    this.#options = options;
    this.changes = new Changes(options.load, options.onEvent);
  }

  /** An entry that is no folder is kept. */
  take(entry: Entry, { relative, head }: TalliedName): void {
    this.add({ files: 1, bytes: entry.kind === "file" ? entry.size : 0 });
    this.owners.see(entry.uid, entry.gid);
    this.changes.compare(relative, entry, head);
  }

  /** A folder is kept. */
  takeFolder(entry: Entry, { relative, head }: TalliedName): void {
    this.counts.dirs += 1;
    this.owners.see(entry.uid, entry.gid);
    this.changes.compare(relative, entry, head);
  }

  /** Names that are no folders are kept, with files of so many bytes in all. */
  add({ files, bytes }: { readonly files: number; readonly bytes: number }): void {
    const { progress } = this.#options;
    this.counts.files += files;
    this.counts.bytes += bytes;
    progress.files += files;
    progress.bytes += bytes;
  }

  /** A name could not be had: it is gone, or told of as unreadable. */
  miss(parent: Parent, name: TalliedName, error: unknown): void {
    if (isGone(error)) this.#vanish(parent, name);
    else this.unreadable(name.relative, error);
  }

  /** What fails because of the source's file is told and left out; what fails because of the store stops everything. */
  unreadable(path: ByteString, error: unknown): void {
    if (!isSourceFailure(error)) throw error;
    this.counts.unreadable += 1;
    this.#options.onEvent({ type: "unreadable", path, why: reasonOf(error) });
  }

  /** Something became of a name while the walk was at it. */
  move(path: ByteString, how: Movement): void {
    this.movements[how] += 1;
    this.#options.onEvent({ type: "moved", path, how });
  }

  /** A name is kept without its extended attributes. */
  missAttributes(path: ByteString, why: string): void {
    this.unreadAttributes += 1;
    this.#options.onEvent({ type: "attributesUnread", path, why });
  }

  /** A name that was there a moment ago was deleted; or its whole folder has been swapped for another. */
  #vanish(parent: Parent, { relative, head }: TalliedName): void {
    this.#options.root.assertSame();
    if (!isStillThere(parent)) {
      const why = "its folder was moved away, or unmounted, while it was read";
      return this.unreadable(relative, new BakError("SOURCE_FAILED", why));
    }
    this.move(relative, "vanished");
    if (head !== undefined) this.changes.remove(relative, head);
  }
}
