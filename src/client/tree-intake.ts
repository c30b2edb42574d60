/**
 * Takes in the trees that a store sends of its own choice: all beneath a commit, in whatever order they lie on its disk, and
 * with others that lie beside them. Which of them are needed shows only when those that name them are there, so they are
 * kept; but a store may be hostile, so what nobody has named yet is kept up to a limit. What was dropped though it is needed
 * can be asked for by its id.
 */
import { isBakError } from "../errors.js";
import type { ObjectId } from "../objects/object-id.js";
import { isPagedOutline, outlineTree } from "../objects/tree-outline.js";

/** The trees of some two million files. */
const defaultLimitBytes = 256 << 20;

export interface TreeIntakeOptions {
  /** So many bytes of trees are kept whatever they are; more only of trees that others have named. */
  readonly limitBytes?: number | undefined;
}

export class TreeIntake {
  readonly #trees: Map<ObjectId, Uint8Array>;
  readonly #limitBytes: number;
  readonly #taken: ObjectId[] = [];
  readonly #expected: ObjectId[] = [];
  #bytes = 0;
  /** What is still to come, once there is so much that it matters: before that, no tree is looked into. */
  #named: Set<ObjectId> | undefined;

  /** `trees` is what they are added to. */
  constructor(trees: Map<ObjectId, Uint8Array>, options: TreeIntakeOptions = {}) {
    this.#trees = trees;
    this.#limitBytes = options.limitBytes ?? defaultLimitBytes;
  }

  /** A tree that is known to be needed. */
  expect(id: ObjectId): void {
    this.#expected.push(id);
    this.#named?.add(id);
  }

  /** Keeps a copy of a tree, unless it is there, or there are too many that nobody names. Whether it was kept. */
  take(id: ObjectId, bytes: Uint8Array): boolean {
    if (this.#trees.has(id)) return false;
    if (this.#named === undefined && this.#bytes + bytes.length > this.#limitBytes) this.#lookInto();
    if (this.#named !== undefined) {
      if (!this.#named.delete(id)) return false;
      this.#name(bytes);
    } else {
      this.#taken.push(id);
      this.#bytes += bytes.length;
    }
    this.#trees.set(id, Buffer.from(bytes)); // a copy, or a few trees would keep the whole member in memory
    return true;
  }

  /** Finds out what those that were taken so far name. */
  #lookInto(): void {
    this.#named = new Set(this.#expected);
    for (const id of this.#taken.splice(0)) this.#name(this.#trees.get(id) as Uint8Array);
  }

  #name(bytes: Uint8Array): void {
    for (const id of namesIn(bytes)) if (!this.#trees.has(id)) this.#named?.add(id);
  }
}

/** The trees that a tree names; none where it is no tree, whatever it was sent as. */
export function namesIn(bytes: Uint8Array): ObjectId[] {
  try {
    const outline = outlineTree(bytes);
    return isPagedOutline(outline) ? outline.pages.map(({ id }) => id) : outline.dirs.map(({ tree }) => tree);
  } catch (error) {
    if (isBakError(error, "BAD_OBJECT")) return [];
    throw error;
  }
}
