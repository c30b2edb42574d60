/** Counts what becomes of the names of a restore, and tells it. */
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { isFailureOfAll, pathFailureOf, type PathFailure } from "./restore-failure.js";
import type { RestoreOptions, RestoreResult } from "./restore-options.js";
import type { Made } from "./restore-target.js";
import type { TargetFolder } from "./target-folder.js";

export class RestoreTally {
  /** Which paths are told of one by one, as in the options of a restore. */
  readonly tells: { readonly made: boolean; readonly left: boolean };
  readonly #options: Pick<RestoreOptions, "onEvent" | "progress">;
  readonly #onFailed: (path: ByteString) => void;
  readonly #counts = {
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
  #isAnythingLost = false;

  /** `onFailed` is told of each path that could not be restored. */
  constructor(
    options: Pick<RestoreOptions, "onEvent" | "progress" | "tells">,
    { onFailed }: { onFailed: (path: ByteString) => void },
  ) {
    this.#options = options;
    this.#onFailed = onFailed;
    this.tells = options.tells ?? { made: false, left: false };
  }

  get counts(): Omit<RestoreResult, "shortfalls"> {
    return { ...this.#counts };
  }

  /** Whether the store does not have something of the commit. */
  get isAnythingLost(): boolean {
    return this.#isAnythingLost;
  }

  /** Bytes of files are in the target. */
  written(bytes: number): void {
    this.#options.progress.bytes += bytes;
  }

  /** Files were not right, and are now. */
  fetched(files: number): void {
    this.#options.progress.filesFetched += files;
  }

  /** Names that are no folders are in their places. */
  restored({ files, bytes }: { files: number; bytes: number }): void {
    this.#counts.files += files;
    this.#counts.bytes += bytes;
    this.#options.progress.files += files;
  }

  /** Names of these were right already, others but for their attributes. */
  left(left: number, changed: number): void {
    this.#counts.left += left;
    this.#counts.changed += changed;
    this.#options.progress.filesMended += changed;
  }

  folder(path: ByteString, made: Made): void {
    this.tell(path, made, true);
    this.#counts.dirs += 1;
  }

  deleted(path: ByteString, isFolder: boolean): void {
    this.#counts.deleted += 1;
    this.#options.onEvent({ type: "deleted", path, isFolder });
  }

  deletedNothing(): void {
    this.#options.onEvent({ type: "deletedNothing" });
  }

  /** A special file is not made. */
  skipped(path: ByteString, why: string): void {
    this.#counts.skipped += 1;
    this.#options.onEvent({ type: "skipped", path, why });
  }

  /** What has become of a path, where that is asked for. */
  tell(path: ByteString, made: Made | "changed", isFolder: boolean): void {
    if (made === "replaced") this.#counts.replaced += 1;
    const isTold = made === "replaced" || (made === "there" ? this.tells.left : this.tells.made);
    if (isTold) this.#options.onEvent({ type: made === "there" ? "left" : made, path, isFolder });
  }

  /** One path that cannot be written does not stop the others. */
  attempt(folder: TargetFolder, name: ByteString, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.failed(folder.pathOf(name), pathFailureOf(error));
    }
  }

  /** Throws TARGET_FAILED where no other path would fare better. */
  failed(path: ByteString, failure: PathFailure): void {
    if (isFailureOfAll(failure)) {
      const why = failure.errno === "EROFS" ? "the target is read-only" : "no space left in the target";
      throw new BakError("TARGET_FAILED", `cannot restore: ${why}`);
    }
    this.#onFailed(path);
    this.#count(path, failure);
  }

  /** Something of the commit is lost: a folder, or what was in it. */
  lost(path: ByteString, why: string): void {
    this.#count(path, { errno: undefined, why, isLoss: true });
  }

  /** A path is not restored, by where it is in the commit: what is in its place is another's. */
  refused(path: ByteString, why: string): void {
    this.#count(path, { errno: undefined, why });
  }

  #count(path: ByteString, { why, isLoss }: PathFailure): void {
    if (isLoss === true) this.#isAnythingLost = true;
    this.#counts.failed += 1;
    this.#options.onEvent({ type: "failed", path, why });
  }
}
