/**
 * Restore: a commit, or some of its paths, into a folder. Folders and links are made along the walk; files are gathered,
 * fetched in the order in which the store has them, and written by threads; folders get their modes and times when all is
 * in them.
 */
import { BakError } from "../errors.js";
import type { Commit } from "../objects/commit.js";
import type { ObjectId } from "../objects/object-id.js";
import { createBreath } from "./breath.js";
import type { Remote } from "./remote.js";
import { assertNotInStore, deleteNothing, deleteWithin } from "./restore-deletion.js";
import { RestoreFolders } from "./restore-folders.js";
import { Leftovers } from "./restore-leftovers.js";
import { RestoreMetadata } from "./restore-metadata.js";
import { RestoreNames } from "./restore-names.js";
import type { RestoreOptions, RestoreResult } from "./restore-options.js";
import { findPaths, withoutNested, type FoundPath } from "./restore-paths.js";
import { haveOwnPlaces, inTreeOrder, PlaceClaims } from "./restore-places.js";
import { makeRoot, planRoot, type RestoreRoot } from "./restore-root.js";
import { RestoreTally } from "./restore-tally.js";
import { RestoreWalk } from "./restore-walk.js";
import { TreeSource } from "./tree-source.js";

const lostWay = "a folder on the way to it is damaged or missing in the store";

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
      for (const path of lost) run.tally.lost(path, lostWay);
      if (options.paths.length === 0) await run.everything(commit);
      else for (const each of inOrder(found, options.stripped)) await run.walk.onePath(each);
      return await run.finish();
    } finally {
      await run.end();
      leftovers?.close();
    }
  } finally {
    root.folder.close();
  }
}

/** Which path comes first matters where two may come to one place. */
function inOrder(found: readonly FoundPath[], stripped = 0): readonly FoundPath[] {
  return stripped === 0 ? found : found.toSorted((a, b) => inTreeOrder(a.path, b.path));
}

interface RestoreWork {
  readonly trees: TreeSource;
  readonly root: RestoreRoot;
  readonly commit: Commit;
  /** Undefined for a dry run. */
  readonly leftovers: Leftovers | undefined;
  readonly options: RestoreOptions;
}

class Restore {
  readonly tally: RestoreTally;
  readonly walk: RestoreWalk;
  readonly #remote: Remote;
  readonly #options: RestoreOptions;
  readonly #trees: TreeSource;
  readonly #metadata: RestoreMetadata;
  readonly #folders: RestoreFolders;
  readonly #names: RestoreNames;
  readonly #breathe = createBreath();

  constructor(remote: Remote, { trees, root, commit, leftovers, options }: RestoreWork) {
    const { isDryRun = false, select, signal, stripped = 0 } = options;
    const isApart = haveOwnPlaces(withoutNested(options.paths), stripped);
    if (!isApart && options.deletion !== undefined) throw new Error("no telling what is to be deleted");
    this.#remote = remote;
    this.#options = options;
    this.#trees = trees;
    const metadata = new RestoreMetadata(commit, { isNumericOwner: options.isNumericOwner ?? false });
    const tally = new RestoreTally(options, { onFailed: (path) => this.#names.fail(path) });
    const folders = new RestoreFolders({ root: root.folder, isDryRun, leftovers, metadata, tally });
    const names = new RestoreNames(remote, { root, folders, metadata, tally, options });
    [this.tally, this.#metadata, this.#folders, this.#names] = [tally, metadata, folders, names];
    this.walk = new RestoreWalk({
      trees,
      folders,
      names,
      tally,
      select,
      stripped,
      claims: isApart ? undefined : new PlaceClaims(),
      // of single paths, the target keeps its own
      rootAttributes: options.paths.length === 0 && stripped === 0 ? commit.root : undefined,
      isRootNew: root.isNew,
      breathe: this.#breathe,
      signal,
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
    await this.walk.everything(tree);
  }

  /** Resolves when all that the walk has come to has been dealt with, and what the commit does not have is deleted. */
  async finish(): Promise<RestoreResult> {
    this.walk.end();
    await this.#names.settle();
    await this.#delete();
    return { ...this.tally.counts, shortfalls: this.#metadata.shortfalls };
  }

  async #delete(): Promise<void> {
    const { deletion, isDryRun = false, select, signal } = this.#options;
    if (deletion === undefined) return;
    const work = {
      trees: this.#trees,
      folders: this.#folders,
      names: this.#names,
      tally: this.tally,
      select,
      isDryRun,
      store: this.#remote.store,
      isSpared: deletion.isSpared,
      breathe: this.#breathe,
      signal,
    };
    await (this.tally.isAnythingLost ? deleteNothing(work) : deleteWithin(this.walk.scopes, work));
  }

  /** Ends all that is under way, and leaves no unfinished file. */
  async end(): Promise<void> {
    await this.#names.end();
    this.#folders.cache.close();
  }
}
