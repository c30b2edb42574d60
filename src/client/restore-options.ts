/** What a restore is told, what it tells, and what it has come to. */
import type { BigIntStats } from "node:fs";
import type { ByteString } from "../objects/byte-string.js";
import type { Selection } from "./restore-selection.js";
import type { Shortfall } from "./shortfalls.js";
import type { TableCapacity } from "./table-columns.js";

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
  /**
   * Drops so many leading names of each path; what has no more is passed over. Folders that come to one place are one, with
   * the attributes of the first; of others, all but the first are told of as failed, by their paths in the commit.
   */
  stripped?: number;
  /** What of that is wanted; all of it unless said. Nothing else is deleted, either. */
  select?: Selection;
  /** Gives owners by the numbers that the commit has, not by the names that belong to them. */
  isNumericOwner?: boolean;
  /** Finds out and tells what would be done, and touches nothing: what is told as done then would be. */
  isDryRun?: boolean;
  /**
   * Deletes what is in the target, within what is restored, and not in the commit: after all else, and nothing if something of
   * the commit is lost. The folder of the store is spared, and those for which `isSpared` says so. Only where `haveOwnPlaces`.
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
