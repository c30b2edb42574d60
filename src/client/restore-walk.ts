/** Goes through what is wanted of a commit: makes its folders on the way, and has the names in them restored. */
import { displayName, joinPath, type ByteString } from "../objects/byte-string.js";
import type { Attributes, DirEntry, Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { Scope } from "./restore-delete.js";
import type { RestoreFolders } from "./restore-folders.js";
import type { WantedName } from "./restore-links.js";
import type { RestoreNames } from "./restore-names.js";
import type { FoundPath } from "./restore-paths.js";
import type { PlaceClaims } from "./restore-places.js";
import { selectAll, type Selection } from "./restore-selection.js";
import type { RestoreTally } from "./restore-tally.js";
import { TargetFolder } from "./target-folder.js";
import type { TreeSource } from "./tree-source.js";

/** A folder of the commit that is being gone through. */
interface OpenFolder {
  /** Undefined until it is made: only if something in it is wanted. Of one that is passed over, the target. */
  folder: TargetFolder | undefined;
  /** Undefined for the target. */
  readonly entry: DirEntry | undefined;
  /** In the commit. */
  readonly path: ByteString;
  /** In the target. */
  readonly place: ByteString;
  /** How many leading names of what is in it are dropped beneath this folder; what has no more is passed over. */
  readonly dropped: number;
  /** All in it is wanted, save what is excluded. */
  readonly isWithin: boolean;
  isFailed: boolean;
  entries: Iterator<Entry>;
}

const lostContent = {
  some: "a part of what was in it is damaged or missing in the store",
  all: "what was in it is damaged or missing in the store",
} as const;

export interface RestoreWalkOptions {
  readonly trees: TreeSource;
  readonly folders: RestoreFolders;
  readonly names: RestoreNames;
  readonly tally: RestoreTally;
  readonly select: Selection | undefined;
  /** So many leading names of each path are dropped. */
  readonly stripped: number;
  /** Undefined where no two paths can come to one place. */
  readonly claims: PlaceClaims | undefined;
  /** Undefined where the target keeps its own. */
  readonly rootAttributes: Attributes | undefined;
  /** Nothing is in the target. */
  readonly isRootNew: boolean;
  readonly breathe: () => Promise<void> | undefined;
  readonly signal: AbortSignal | undefined;
}

export class RestoreWalk {
  readonly #options: RestoreWalkOptions;
  readonly #select: Selection;
  readonly #top: OpenFolder & { readonly folder: TargetFolder };
  /** Folders on the way to single paths, by their paths. */
  readonly #onTheWay = new Map<ByteString, OpenFolder>();
  readonly #scopes: Scope[] = [];

  constructor(options: RestoreWalkOptions) {
    const { rootAttributes: attributes, isRootNew: isNew } = options;
    this.#options = options;
    this.#select = options.select ?? selectAll;
    this.#top = {
      folder: new TargetFolder(undefined, "" as ByteString, { attributes, isNew }),
      entry: undefined,
      path: "" as ByteString,
      place: "" as ByteString,
      dropped: options.stripped,
      isWithin: this.#select === selectAll,
      isFailed: false,
      entries: [][Symbol.iterator](),
    };
  }

  /** The folders of which all has been gone through. */
  get scopes(): readonly Scope[] {
    return this.#scopes;
  }

  /** All of a commit, whose tree this is. */
  async everything(tree: ObjectId): Promise<void> {
    if (this.#top.folder.attributes !== undefined) this.#options.folders.prepareTarget(this.#top.folder);
    await this.#walk([this.#top], tree);
  }

  async onePath({ parents, last }: FoundPath): Promise<void> {
    const open: OpenFolder[] = [this.#top];
    for (const entry of parents) {
      const path = joinPath((open.at(-1) as OpenFolder).path, entry.name);
      const next = this.#onTheWay.get(path) ?? this.#below(open.at(-1) as OpenFolder, entry);
      if (next === undefined) return;
      this.#onTheWay.set(path, next);
      open.push(next);
    }
    if (last.kind === "dir") {
      const top = this.#below(open.at(-1) as OpenFolder, last);
      if (top === undefined) return;
      await this.#options.trees.fetchAll(last.tree);
      await this.#walk([...open, top], last.tree);
    } else await this.#wanted(open, last);
  }

  /** No path is to come. */
  end(): void {
    for (const { folder } of [...this.#onTheWay.values()].toReversed())
      if (folder !== undefined && folder !== this.#top.folder) this.#options.folders.end(folder);
  }

  /** Goes through the last of these folders and all beneath it, each folder before what is in it. */
  async #walk(open: OpenFolder[], tree: ObjectId): Promise<void> {
    const { folders, names, breathe, signal } = this.#options;
    const above = open.length - 1;
    const top = open[above] as OpenFolder;
    if (top.isWithin) this.#make(open);
    if (!top.isFailed) top.entries = await this.#entriesOf(top, tree);
    while (open.length > above) {
      const at = open.at(-1) as OpenFolder;
      signal?.throwIfAborted();
      const next = at.entries.next();
      if (next.done === true) {
        if (open.length === above + 1)
          this.#scopes.push({ folder: placeOf(open), path: at.path, isWithin: at.isWithin, tree });
        open.pop();
        if (at.folder !== undefined && (at === this.#top || at.folder !== this.#top.folder)) folders.end(at.folder);
        if (folders.isFull) await names.settle();
      } else if (next.value.kind === "dir") {
        const below = this.#below(at, next.value);
        if (below !== undefined) {
          open.push(below);
          if (below.isWithin) this.#make(open);
          if (!below.isFailed) below.entries = await this.#entriesOf(below, next.value.tree);
        }
      } else {
        // a promise for each of a million files would cost more than what is done for them here
        const pending = this.#wanted(open, next.value);
        if (pending !== undefined) await pending;
        if (names.isFull) await names.settle();
      }
      const breath = breathe();
      if (breath !== undefined) await breath;
    }
  }

  async #entriesOf({ path }: OpenFolder, tree: ObjectId): Promise<Iterator<Entry>> {
    const { entries, lost } = await this.#options.trees.openRest(tree);
    if (lost !== "nothing") this.#options.tally.lost(path, lostContent[lost]);
    return entries[Symbol.iterator]();
  }

  /** A folder in a folder, not made yet; undefined if nothing in it is wanted. */
  #below(at: OpenFolder, entry: DirEntry): OpenFolder | undefined {
    const path = joinPath(at.path, entry.name);
    const choice = this.#select(path, true, at.isWithin);
    if (choice === "none") return undefined;
    const isPassedOver = at.dropped > 0;
    return {
      folder: isPassedOver ? this.#top.folder : undefined,
      entry,
      path,
      place: isPassedOver ? at.place : joinPath(at.place, entry.name),
      dropped: isPassedOver ? at.dropped - 1 : 0,
      isWithin: choice === "all",
      isFailed: false,
      entries: [][Symbol.iterator](),
    };
  }

  /** Makes the last of these folders, and what is missing of those above it; undefined if that fails, which is told once. */
  #make(open: readonly OpenFolder[]): TargetFolder | undefined {
    let parent: TargetFolder | undefined;
    for (const at of open) {
      // what has the folder's name, and stays, may be a link that leads out of the target
      if (at.isFailed || (parent === undefined && at !== this.#top)) return undefined;
      if (at.folder === undefined) at.folder = this.#makeOne(parent as TargetFolder, at);
      at.isFailed = at.folder === undefined;
      parent = at.folder;
    }
    return parent;
  }

  /** Folders that come to one place are one, with the attributes of the first. */
  #makeOne(parent: TargetFolder, { path, place, entry }: OpenFolder): TargetFolder | undefined {
    const { folders, claims } = this.#options;
    const found = claims?.folderAt(place);
    if (found !== undefined) {
      folders.enterAgain(found);
      return found;
    }
    if (!this.#isFree(path, place)) return undefined;
    const made = folders.make(parent, entry as DirEntry);
    if (made !== undefined) claims?.made(place, made);
    return made;
  }

  /** Whether no path before this one has come to its place. */
  #isFree(path: ByteString, place: ByteString): boolean {
    const { claims, tally } = this.#options;
    if (claims === undefined || claims.claim(place)) return true;
    tally.refused(path, `an earlier path of the commit has come to its place, '${displayName(place)}'`);
    return false;
  }

  /** Restores a name in the last of these folders, if it is wanted. */
  #wanted(open: readonly OpenFolder[], entry: WantedName["entry"]): Promise<void> | undefined {
    const at = open.at(-1) as OpenFolder;
    if (at.dropped > 0) return undefined;
    if (this.#select !== selectAll && this.#select(joinPath(at.path, entry.name), false, at.isWithin) !== "all")
      return undefined;
    const folder = at.folder ?? this.#make(open);
    if (folder === undefined) return undefined;
    const { claims, names } = this.#options;
    if (claims !== undefined && !this.#isFree(joinPath(at.path, entry.name), joinPath(at.place, entry.name)))
      return undefined;
    return names.add({ folder, path: at.path, entry });
  }
}

/** Where the last of these folders is in the target, or would be. */
function placeOf(open: readonly OpenFolder[]): TargetFolder {
  let place: TargetFolder | undefined;
  for (const { folder, entry } of open)
    place = folder ?? new TargetFolder(place, entry?.name ?? ("" as ByteString), { attributes: entry, isNew: false });
  return place as TargetFolder;
}
