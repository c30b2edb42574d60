/**
 * A folder whose tree is being made: its names come in order, what they are in any order, since files are read by threads
 * and folders wait for what is in them. As soon as a name and all before it are known, it goes into the tree.
 */
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { TreeBuilder } from "../objects/tree.js";
import type { FolderStats } from "./push-index.js";
import type { SourceStat } from "./source-stat.js";

/** An entry, and the stat that the next index keeps of it. */
export interface Taken {
  readonly entry: Entry;
  readonly stat: Pick<SourceStat, "ctimeNs" | "ino">;
}

export interface OpenFolderOptions {
  /** How many names there are at most. */
  readonly names: number;
  /** Is given each tree that is made, pages before what names them. */
  readonly emit: (tree: PackedObject<ObjectId>) => void;
  /** Adds an entry to a tree; false if it cannot be kept. */
  readonly add: (builder: TreeBuilder, entry: Entry) => boolean;
  /** Told once the tree is made and emitted. */
  readonly onDone: (folder: FolderStats) => void;
}

/** Places are forgotten so many at a time: an array does not shrink at its beginning for nothing. */
const forgetFrom = 4096;

/** Places for names are taken in order with `reserve`, and filled in any order. */
export class OpenFolder {
  readonly #options: OpenFolderOptions;
  readonly #builder: TreeBuilder;
  readonly #stats: BigInt64Array;
  /** What is known of each place: null for a name that is left out, undefined while nothing is. */
  #places: (Taken | null | undefined)[] = [];
  /** How many places were dealt with and forgotten, and how many of those that are left have been dealt with. */
  #forgotten = 0;
  #known = 0;
  #isEnded = false;
  #done: FolderStats | undefined;
  #onDone: ((folder: FolderStats) => void) | undefined;

  constructor(options: OpenFolderOptions) {
    this.#options = options;
    this.#builder = new TreeBuilder(options.emit);
    this.#stats = new BigInt64Array(options.names * 2);
  }

  /** The place of the next name. */
  reserve(): number {
    return this.#forgotten + this.#places.push(undefined) - 1;
  }

  /** Says what a name is; undefined leaves it out. */
  fill(place: number, taken: Taken | undefined): void {
    const index = place - this.#forgotten;
    this.#places[index] = taken ?? null;
    if (index === this.#known) this.#advance();
  }

  /** Adds the next name, which is known at once. */
  append(taken: Taken): void {
    if (this.#known < this.#places.length) this.#places.push(taken);
    else this.#keep(taken);
  }

  /** No more names come. */
  end(): void {
    this.#isEnded = true;
    this.#advance();
  }

  /** Calls back once the tree is made and emitted. */
  whenDone(onDone: (folder: FolderStats) => void): void {
    if (this.#done === undefined) this.#onDone = onDone;
    else onDone(this.#done);
  }

  #advance(): void {
    for (; this.#known < this.#places.length; this.#known += 1) {
      const taken = this.#places[this.#known];
      if (taken === undefined) break;
      if (taken !== null) this.#keep(taken);
      this.#places[this.#known] = null;
    }
    if (this.#known >= forgetFrom || this.#known === this.#places.length) {
      this.#places = this.#places.slice(this.#known);
      this.#forgotten += this.#known;
      this.#known = 0;
    }
    if (!this.#isEnded || this.#places.length > 0 || this.#done !== undefined) return;
    const tree = this.#builder.finish();
    this.#done = { tree, stats: this.#stats.slice(0, this.#builder.count * 2) };
    this.#options.onDone(this.#done);
    this.#onDone?.(this.#done);
  }

  #keep({ entry, stat }: Taken): void {
    if (!this.#options.add(this.#builder, entry)) return;
    this.#stats[this.#builder.count * 2 - 2] = stat.ctimeNs;
    this.#stats[this.#builder.count * 2 - 1] = stat.ino;
  }
}
