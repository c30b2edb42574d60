/** The end of a restore that deletes: what the commit does not have goes, and names take the places of folders that went. */
import type { BigIntStats } from "node:fs";
import { BakError } from "../errors.js";
import { joinPath } from "../objects/byte-string.js";
import { Extras, type Scope } from "./restore-delete.js";
import { FolderInPlace, pathFailureOf } from "./restore-failure.js";
import type { RestoreFolders } from "./restore-folders.js";
import type { RestoreNames } from "./restore-names.js";
import { foldersAround, type RestoreRoot } from "./restore-root.js";
import { selectAll, type Selection } from "./restore-selection.js";
import type { RestoreTally } from "./restore-tally.js";
import { isStoreAt } from "./store-folder.js";
import { TargetFolder } from "./target-folder.js";
import type { TreeSource } from "./tree-source.js";

export interface DeletionWork {
  readonly trees: TreeSource;
  readonly folders: RestoreFolders;
  readonly names: RestoreNames;
  readonly tally: RestoreTally;
  readonly select: Selection | undefined;
  readonly isDryRun: boolean;
  /** The id of the store, whose folder is spared. */
  readonly store: string;
  readonly isSpared: (stats: BigIntStats) => boolean;
  readonly breathe: () => Promise<void> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Something of the commit is lost: nothing is deleted, and what is in the way stays, too. */
export async function deleteNothing({ names, tally }: DeletionWork): Promise<void> {
  names.stopWaiting();
  for (const { folder, entry } of names.takeWaiting())
    tally.failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
  tally.deletedNothing();
  await names.settle();
}

/** Deletes what the commit does not have in these folders, and restores the names that have waited for that. */
export async function deleteWithin(scopes: readonly Scope[], work: DeletionWork): Promise<void> {
  const { names, folders, tally, trees } = work;
  const extras = new Extras({
    folders: folders.cache,
    isDryRun: work.isDryRun,
    store: work.store,
    isSpared: work.isSpared,
    choose: work.select ?? selectAll,
    onDeleted: (path, isFolder) => tally.deleted(path, isFolder),
    onFailed: (path, failure) => tally.failed(path, failure),
    open: async (tree) => (await trees.openRest(tree)).entries,
    onTouched: (folder) => folders.finish(folder, true),
    breathe: work.breathe,
    signal: work.signal,
  });
  for (const scope of scopes) await extras.deleteWithin(scope);
  await unblock(extras, work);
  names.stopWaiting();
  await unblock(extras, work); // names of files that were blocked themselves
}

/** Deletes what is in the way of names that wait, and restores those. */
async function unblock(extras: Extras, { names, tally, isDryRun }: DeletionWork): Promise<void> {
  for (const wanted of names.takeWaiting()) {
    const { folder, path, entry } = wanted;
    const inTheWay = new TargetFolder(folder, entry.name, { attributes: undefined, isNew: false });
    const isEmpty = await extras.empty(inTheWay, joinPath(path, entry.name));
    if (!isEmpty) tally.failed(folder.pathOf(entry.name), pathFailureOf(new FolderInPlace()));
    else if (isDryRun) await names.replaceFolder(wanted);
    else await names.addAgain(wanted);
  }
  await names.settle();
}

/** What a store needs is none of the commit's, and would be deleted. */
export function assertNotInStore(root: RestoreRoot, store: string): void {
  for (const folder of foldersAround(root)) {
    if (!isStoreAt(folder, store)) continue;
    throw new BakError("TARGET_FAILED", "cannot delete what is not in the commit: the target is in the store itself", {
      hint: "choose another folder with --to",
    });
  }
}
