/** The trees that a walk makes, and what the client's next index holds of them. */
import { BakError } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { treesIn, type TreeLoader } from "../objects/directory.js";
import type { DirEntry, Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { decodeTree, isPagedTree, type TreeBuilder } from "../objects/tree.js";
import { OpenFolder, type Taken } from "./open-folder.js";
import type { FolderStats } from "./push-index.js";
import type { SnapshotOptions } from "./snapshot-options.js";
import { StoreFailure } from "./source-failure.js";
import type { WalkTurns } from "./walk-turns.js";

/** A folder that has been walked: its tree where that is the head's, or what its tree is being made in. */
export interface WalkedFolder {
  readonly tree: ObjectId | undefined;
  readonly open: OpenFolder | undefined;
}

export interface WalkTreesOptions extends Pick<SnapshotOptions, "baseline" | "isFull" | "sink"> {
  /** Trees of the head. */
  readonly load: TreeLoader;
  readonly turns: WalkTurns;
  /** Told of an entry whose metadata is more than can be kept. */
  readonly onUnkept: (path: ByteString, error: BakError) => void;
}

export class WalkTrees {
  readonly folders = new Map<ByteString, FolderStats>();
  readonly #options: WalkTreesOptions;

  constructor(options: WalkTreesOptions) {
    this.#options = options;
  }

  /** Begins a folder of so many names at most. */
  open(at: { readonly path: ByteString; readonly close?: () => void }, names: number): OpenFolder {
    return new OpenFolder({
      names,
      emit: (tree) => this.#offer(tree),
      add: (builder, entry) => this.#append(builder, entry, at.path),
      onDone: (folder) => {
        this.folders.set(at.path, folder);
        at.close?.();
      },
    });
  }

  /** The folder and its trees go on into the next index. */
  keep(path: ByteString, folder: FolderStats): void {
    this.folders.set(path, folder);
    const waiting = [folder.tree];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const bytes = this.#options.load(id);
      this.#options.sink?.kept.keep(id, bytes);
      if (isPagedTree(bytes)) waiting.push(...treesIn(decodeTree(bytes)));
    }
  }

  /** Adds a folder to the one that it is in, as soon as its tree is known. */
  add(
    parent: OpenFolder,
    folder: WalkedFolder | undefined,
    { at, ...taken }: Taken & { entry: DirEntry; at?: number | undefined },
  ): void {
    if (folder?.open === undefined) {
      const known = folder?.tree === undefined ? undefined : { ...taken, entry: { ...taken.entry, tree: folder.tree } };
      if (at !== undefined) parent.fill(at, known);
      else if (known !== undefined) parent.append(known);
      return;
    }
    const place = at ?? parent.reserve();
    folder.open.whenDone(
      this.#options.turns.later(({ tree }) => parent.fill(place, { ...taken, entry: { ...taken.entry, tree } })),
    );
  }

  /** False for an entry whose metadata is more than can be kept. */
  #append(builder: TreeBuilder, entry: Entry, path: ByteString): boolean {
    try {
      builder.add(entry);
      return true;
    } catch (error) {
      if (!(error instanceof BakError)) throw error;
      this.#options.onUnkept(joinPath(path, entry.name), error);
      return false;
    }
  }

  #offer(tree: PackedObject<ObjectId>): void {
    const { baseline, isFull, sink, turns } = this.#options;
    const known = baseline.objects.get(tree.id);
    if (known === undefined) sink?.kept.add(tree.id, tree.bytes);
    else sink?.kept.keep(tree.id, known);
    if (!isFull && baseline.isStored(tree.id)) return;
    try {
      turns.wait(sink?.offer(tree));
    } catch (error) {
      throw new StoreFailure(error);
    }
  }
}
