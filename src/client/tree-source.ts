/** The trees of one commit, fetched all at once or as they are needed. */
import { BakError } from "../errors.js";
import { displayName, joinPath, splitPath, type ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import { decodeTree, isPaged } from "../objects/tree.js";
import { findEntry, readDirectory } from "../objects/directory.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import { fetchObject, fetchObjects, readObjects } from "./fetch.js";
import { isLoss, readRest } from "./fetch-rest.js";
import { maxIdsPerCall } from "./remote.js";
import type { ObjectSource } from "./steady-remote.js";
import { namesIn, TreeIntake, type TreeIntakeOptions } from "./tree-intake.js";

/** Where a tree has its level: after the marker of an array of three, and the version. */
const levelAt = 2;

/** Thrown by a loader for a tree that has to be fetched first. */
class MissingTree extends Error {
  readonly id: ObjectId;
  constructor(id: ObjectId) {
    super(`tree '${id}' has not been fetched`);
    this.id = id;
  }
}

/** What the store still has of a folder. */
export interface RestOfFolder {
  readonly entries: Iterable<Entry>;
  /** How much of it is damaged or missing. */
  readonly lost: "nothing" | "some" | "all";
}

export class TreeSource {
  readonly #remote: ObjectSource;
  readonly #intake: TreeIntakeOptions;
  readonly #trees = new Map<ObjectId, Uint8Array>();
  /** Those that the store was asked for and did not give. */
  readonly #lost = new Set<ObjectId>();

  /** `intake` says how many trees that nobody has named are kept. */
  constructor(remote: ObjectSource, intake: TreeIntakeOptions = {}) {
    this.#remote = remote;
    this.#intake = intake;
  }

  /**
   * Fetches all trees beneath a commit, whose tree is to be given too, or a tree. Some that do not come along are fetched when
   * they are needed; where the store has lost some, or has them damaged, all others are fetched.
   */
  async fetchAll(root: ObjectId, tree: ObjectId = root): Promise<void> {
    const intake = new TreeIntake(this.#trees, this.#intake);
    intake.expect(root);
    const isWanted = (id: ObjectId, kind: string): boolean => kind === "tree" && !this.#trees.has(id);
    try {
      for await (const { id, bytes } of readObjects(this.#remote.trees(root), isWanted)) intake.take(id, bytes);
    } catch (error) {
      if (!isLoss(error)) throw error;
      await this.#fetchLevels(tree);
    }
  }

  /** The entries of a folder, in byte order; fetches what is missing of its pages, level by level, and no other trees. */
  async fetchEntries(tree: ObjectId): Promise<Entry[]> {
    return [...(await this.openFolder(tree))];
  }

  /** The same, one entry after the other: a folder may have millions, of which one page is decoded at a time. */
  async openFolder(tree: ObjectId): Promise<Iterable<Entry>> {
    for (let level = [tree]; level.length > 0;) {
      const missing = level.filter((id) => !this.#trees.has(id));
      const take = (id: ObjectId, bytes: Uint8Array): void => void this.#trees.set(id, Buffer.from(bytes));
      if (missing.length > 0) await fetchObjects(this.#remote, missing, take);
      level = level.flatMap((id) => pagesOf(this.#load(id)));
    }
    return readDirectory(tree, this.#load);
  }

  /** The same of a folder of which the store may have lost pages, or all. */
  async openRest(tree: ObjectId): Promise<RestOfFolder> {
    let isWhole = true;
    for (let level = [tree]; level.length > 0;) {
      await this.#fetchRest(level);
      const present = level.filter((id) => this.#trees.has(id));
      if (present.length < level.length) isWhole = false;
      level = present.flatMap((id) => pagesOf(this.#load(id)));
    }
    if (!this.#trees.has(tree)) return { entries: [], lost: "all" };
    const entries = readDirectory(tree, this.#load, (error) => {
      if (!(error instanceof MissingTree)) throw error;
    });
    return { entries, lost: isWhole ? "nothing" : "some" };
  }

  /**
   * The entries along a path, from the first name to the last; fetches only the trees on the way. Rejects with NO_PATH
   * where the commit has no such path.
   */
  async fetchPath(commit: Commit, path: ByteString): Promise<Entry[]> {
    const found: Entry[] = [];
    let at = "" as ByteString;
    for (const name of splitPath(path)) {
      const parent = found.at(-1);
      at = joinPath(at, name);
      const tree = parent === undefined ? commit.tree : parent.kind === "dir" ? parent.tree : undefined;
      const entry = tree === undefined ? undefined : await this.#retry(() => findEntry(tree, name, this.#load));
      if (entry === undefined)
        throw new BakError("NO_PATH", `no path '${displayName(at)}' in the commit`, {
          hint: "'bak ls' lists its paths",
        });
      found.push(entry);
    }
    return found;
  }

  /** Fetches what is missing beneath a tree, level by level: few requests, however many trees there are. */
  async #fetchLevels(tree: ObjectId): Promise<void> {
    const seen = new Set([tree]);
    for (let level = [tree]; level.length > 0;) {
      await this.#fetchRest(level);
      const below: ObjectId[] = [];
      for (const id of level) {
        const bytes = this.#trees.get(id);
        for (const child of bytes === undefined ? [] : namesIn(bytes)) {
          if (!seen.has(child)) below.push(child);
          seen.add(child);
        }
      }
      level = below;
    }
  }

  /** Fetches those of the trees that are missing, as far as the store has them; what it has not is lost. */
  async #fetchRest(trees: readonly ObjectId[]): Promise<void> {
    const missing = [...new Set(trees)].filter((id) => !this.#trees.has(id) && !this.#lost.has(id));
    for (let at = 0; at < missing.length; at += maxIdsPerCall) {
      const ids = missing.slice(at, at + maxIdsPerCall);
      const left = new Set(ids);
      for await (const { id, bytes } of readRest(this.#remote, ids, (tree) => left.has(tree))) {
        left.delete(id);
        this.#trees.set(id, Buffer.from(bytes));
      }
      for (const id of left) this.#lost.add(id);
    }
  }

  #load = (id: ObjectId): Uint8Array => {
    const bytes = this.#trees.get(id);
    if (bytes === undefined) throw new MissingTree(id);
    return bytes;
  };

  /** Runs `read` until it finds every tree that it asks for. */
  async #retry<T>(read: () => T): Promise<T> {
    for (;;) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof MissingTree)) throw error;
        this.#trees.set(error.id, Buffer.from(await fetchObject(this.#remote, error.id)));
      }
    }
  }
}

/** The pages that a tree names; none where it holds entries, which are not decoded for that. */
function pagesOf(bytes: Uint8Array): ObjectId[] {
  if (bytes[levelAt] === 0) return [];
  const tree = decodeTree(bytes);
  return isPaged(tree) ? tree.pages.map((page) => page.id) : [];
}
