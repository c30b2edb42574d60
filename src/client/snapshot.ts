/**
 * Takes a folder as it is now: a sorted walk, merged with the trees of the head, that reads only what may have changed and
 * makes the trees of the next commit. Names that cannot be read are told of and left out; the rest goes on.
 */
import { BakError } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import { readDirectory, treesIn } from "../objects/directory.js";
import type { Attributes, DirEntry, Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { decodeTree, isPagedTree, type TreeBuilder } from "../objects/tree.js";
import { createBreath } from "./breath.js";
import { Changes, type ChangeEvent } from "./changes.js";
import type { FileReader, ReadOutcome } from "./file-reader.js";
import { HeadEntries, type HeadEntry } from "./head-entries.js";
import type { FolderRules } from "./folder-rules.js";
import { knownEntry, noId } from "./known-entry.js";
import { leaveNothingOut, type LeaveOut } from "./leave-out.js";
import { LeavingOut, type LeavingEvent } from "./leaving-out.js";
import { LongPaths, type FolderReach } from "./long-paths.js";
import { OpenFolder, type Taken } from "./open-folder.js";
import { OwnersSeen } from "./owners-seen.js";
import type { FolderStats } from "./push-index.js";
import type { Unsteadiness } from "./read-file.js";
import { compareFolder, type SameFolder } from "./same-folder.js";
import { SourceAttributes, volumeOf, type SourceExtras, type Volume } from "./source-attributes.js";
import { isGone, isSourceFailure, reasonOf, StoreFailure } from "./source-failure.js";
import { isReplaced, isStillThere, namesIn, SourceRoot } from "./source-root.js";
import { attributesOf, statSource, type SourceStat } from "./source-stat.js";

/** What the folder was at the head, as far as it is known here. */
export interface Baseline {
  /** The head's tree; undefined for a project without a commit. */
  readonly tree: ObjectId | undefined;
  /** Bytes of every tree beneath it, and perhaps of others. */
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
  /** Whether the store is known to have a tree, so that it need not be offered. */
  readonly isStored: (id: ObjectId) => boolean;
  /** From the client's own index; none where that is missing, or of another commit. */
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
  /** When the scan that made it began. */
  readonly scanStartedMs: number;
  /** Whether it is of this very folder: what another folder's file looked like proves nothing of ours. */
  readonly isOfFolder: boolean;
}

/** What happened to a name since the head, or with it in this walk. */
export type SnapshotEvent =
  | ChangeEvent
  | LeavingEvent
  | { readonly type: "unreadable"; readonly path: ByteString; readonly why: string }
  | { readonly type: "moved"; readonly path: ByteString; readonly how: Movement }
  /** The name is kept, but not its extended attributes. */
  | { readonly type: "attributesUnread"; readonly path: ByteString; readonly why: string }
  /** From this name on extended attributes are not kept: this machine does not give them. */
  | { readonly type: "leftOut" | "attributesUnsupported"; readonly path: ByteString };

/**
 * What became of a file while it was read, which is kept as it was read; or of a name that was there a moment ago: it is gone,
 * or something else, which has been taken in its stead.
 */
export type Movement = Unsteadiness | "replaced" | "vanished";

/** How far the walk is; the numbers only grow. */
export interface SnapshotProgress {
  /** Names seen that are no folders. */
  files: number;
  /** Sum of the sizes of files seen. */
  bytes: number;
  filesRead: number;
  bytesRead: number;
}

/** Where a snapshot has files read, and brings its trees. */
export interface SnapshotSink {
  readonly reader: Pick<FileReader, "read" | "finish">;
  /** Takes a tree. What it returns is waited for, sooner or later; what it throws or rejects with stops the walk. */
  readonly offer: (tree: PackedObject<ObjectId>) => Promise<void> | undefined;
}

export interface SnapshotOptions {
  /** Absolute path of the folder. */
  folder: ByteString;
  baseline: Baseline;
  /** Reads every file, whatever its size and times say, and offers every tree. */
  isFull: boolean;
  /** Takes what is new; undefined for a walk that only compares, reads no file and makes no trees. */
  sink: SnapshotSink | undefined;
  /** Folders that are not entered, such as the store itself; told by path, what is in it, and stat. */
  isLeftOut: (folder: FolderPlace) => boolean;
  /** What else is left out, beside what the folder's own rules say. */
  leaveOut?: LeaveOut | undefined;
  onEvent: (event: SnapshotEvent) => void;
  /** Asked between two names: what the walk is to wait for, where whoever is told of things has to hold too many of them. */
  room?: () => Promise<void> | undefined;
  progress: SnapshotProgress;
  signal?: AbortSignal | undefined;
}

export interface Snapshot {
  /** Undefined after a walk that only compares. */
  readonly tree: ObjectId | undefined;
  readonly root: Attributes;
  readonly counts: CommitCounts;
  /** How many names are kept without their extended attributes. */
  readonly unreadAttributes: number;
  /** Whom the names belong to, sorted. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  /** Whether the next index proves names that the last did not. */
  readonly isMoreProven: boolean;
  /** Whether anything beneath the folder is another than at the head. */
  readonly isChanged: boolean;
  /** Paths of the folders that were left out, being bak's own. */
  readonly leftOut: readonly ByteString[];
  /** How many names rules have left out; a folder counts as one. */
  readonly ruledOut: number;
  /** How many names something happened to while the walk was at them. */
  readonly moved: Readonly<Record<Movement, number>>;
  /** What the client's next index holds. */
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
}

/**
 * Walks the folder. Rejects with SOURCE_FAILED if the folder itself cannot be read, or is another at the end than at the
 * beginning; with NO_OBJECT where the baseline lacks a tree of the head; and with whatever the sink failed with.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  return new Walk(options).run();
}

class Walk {
  readonly #options: SnapshotOptions;
  readonly #breathe = createBreath();
  readonly #movements: Record<Movement, number> = { changed: 0, grown: 0, shrunk: 0, replaced: 0, vanished: 0 };
  readonly #counts = { files: 0, dirs: 0, bytes: 0, unreadable: 0 };
  readonly #changes: Changes;
  readonly #folders = new Map<ByteString, FolderStats>();
  readonly #objects = new Map<ObjectId, Uint8Array>();
  readonly #leftOut: ByteString[] = [];
  readonly #root: SourceRoot;
  readonly #leaving: LeavingOut;
  readonly #attributes: SourceAttributes;
  readonly #owners = new OwnersSeen();
  readonly #paths = new LongPaths();
  #unreadAttributes = 0;
  /** What a file, or the sink, has stopped the walk with while it was elsewhere. */
  #failure: { readonly reason: unknown } | undefined;
  /** What the sink wants to be waited for. */
  #room: Promise<void> | undefined;
  /** Names that were something else when they were to be read: they are looked at once more. */
  #replaced: ReplacedName[] = [];
  /** What has been told to the walk and is to be gone on with: the first is being dealt with. */
  readonly #steps: (() => void)[] = [];

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#root = new SourceRoot(options.folder);
    const { leaveOut = leaveNothingOut, onEvent } = options;
    this.#leaving = new LeavingOut({ leaveOut, onEvent, pause: () => this.#pause() });
    this.#changes = new Changes(this.#load, options.onEvent);
    this.#attributes = new SourceAttributes({
      isFull: options.isFull,
      scanStartedMs: options.baseline.scanStartedMs,
      onUnread: (path, why) => {
        this.#unreadAttributes += 1;
        options.onEvent({ type: "attributesUnread", path, why });
      },
      onUnsupported: (path) => options.onEvent({ type: "attributesUnsupported", path }),
    });
  }

  async run(): Promise<Snapshot> {
    const { folder, baseline } = this.#options;
    const { stat: root, names } = this.#root;
    if (this.#options.isLeftOut({ path: folder, names, stat: root })) {
      throw new BakError("SOURCE_FAILED", "cannot push the folder: it is bak's own");
    }
    const at = { relative: "" as ByteString, absolute: folder, stat: root };
    this.#leaving.isElsewhere(at);
    const volume = { device: root.dev, path: at.relative };
    const { extras } = this.#attributes.of(at, volume);
    const readOfRoot = this.#attributes.readNames;
    this.#owners.see(root.uid, root.gid);
    const reach = this.#paths.reach(folder);
    const kept = await this.#leaving.enter({ ...at, absolute: reach.absolute }, names);
    const place = { path: at.relative, ...reach, stat: root, rules: kept.rules, volume };
    const tree = await this.#wholeTree(place, kept.names, baseline.tree).finally(() => this.#paths.close());
    this.#root.assertSame();
    const { added, changed, removed, isAny } = this.#changes;
    return {
      tree: this.#options.sink === undefined ? undefined : tree,
      root: { ...attributesOf(root), ...extras },
      counts: { ...this.#counts, added, changed, removed },
      unreadAttributes: this.#unreadAttributes,
      users: this.#owners.users,
      groups: this.#owners.groups,
      isMoreProven: this.#attributes.readNames > readOfRoot,
      isChanged: isAny,
      leftOut: this.#leftOut,
      ruledOut: this.#leaving.count,
      moved: this.#movements,
      folders: this.#folders,
      objects: this.#objects,
    };
  }

  async #wholeTree(
    root: FolderPlaceInWalk,
    names: readonly ByteString[],
    headTree: ObjectId | undefined,
  ): Promise<ObjectId | undefined> {
    let tree: ObjectId | undefined;
    try {
      const walked = await this.#folder(root, names, headTree);
      if (walked.open === undefined) tree = walked.tree;
      else walked.open.whenDone((made) => (tree = made.tree));
      do {
        await this.#lookAgain();
        await this.#rest();
        await this.#options.sink?.reader.finish().catch((error: unknown) => this.#fail(new StoreFailure(error)));
        await this.#rest();
      } while (this.#replaced.length > 0);
    } catch (error) {
      throw error instanceof StoreFailure ? error.reason : error;
    }
    return tree;
  }

  #load = (id: ObjectId): Uint8Array => {
    const bytes = this.#options.baseline.objects.get(id);
    if (bytes === undefined) throw new BakError("NO_OBJECT", `the store did not send tree '${id}'`);
    return bytes;
  };

  #onOwner = (uid: number, gid: number): void => this.#owners.see(uid, gid);

  /**
   * Now and then something to wait for: others have their turn, and the sink may want it. Throws what has stopped the walk
   * while it was elsewhere.
   */
  #pause(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure.reason;
    this.#options.signal?.throwIfAborted();
    this.#wait(this.#options.room?.());
    const breath = this.#breathe();
    return this.#room === undefined && breath === undefined ? undefined : this.#rest(breath);
  }

  async #rest(breath?: Promise<void>): Promise<void> {
    await breath;
    while (this.#room !== undefined) {
      const room = this.#room;
      this.#room = undefined;
      await room;
    }
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
  }

  /**
   * Goes on with what a thread has done; what is thrown there stops the walk. A step that leads to another is ended first:
   * folders in folders, each of which ends the one that it is in, would otherwise all be on one stack.
   */
  #later<T>(step: (value: T) => void): (value: T) => void {
    return (value) => {
      this.#steps.push(() => step(value));
      if (this.#steps.length > 1) return; // whoever is at the first of them goes on with this one
      for (; this.#steps.length > 0; this.#steps.shift()) this.#step(this.#steps[0] as () => void);
    };
  }

  #step(step: () => void): void {
    try {
      this.#options.signal?.throwIfAborted();
      if (this.#failure === undefined) step();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** One folder, whose names are sorted, against the same folder at the head. */
  async #folder(
    at: FolderPlaceInWalk,
    names: readonly ByteString[],
    headTree: ObjectId | undefined,
  ): Promise<WalkedFolder> {
    await this.#pause(); // waits in any case: folders in folders in folders would otherwise all be on one stack
    const { baseline, isFull, sink } = this.#options;
    const found = baseline.folders.get(at.path);
    const indexed = found !== undefined && found.tree === headTree ? found : undefined;
    if (indexed !== undefined && !isFull) {
      const { absolute } = at;
      const { scanStartedMs } = baseline;
      const maxFileBytes = this.#options.leaveOut?.maxFileBytes;
      const onOwner = this.#onOwner;
      const [load, breathe] = [this.#load, this.#breathe];
      const place = { absolute, names, indexed, scanStartedMs, onOwner, load, breathe, maxFileBytes };
      const same = await compareFolder(place);
      if (same !== undefined) return this.#sameFolder(at, same, indexed);
    }
    const open = sink === undefined ? undefined : this.#open(at, names.length);
    const head = new HeadEntries(headTree, this.#load, indexed?.stats);
    for (const name of names) {
      for (const entry of head.upTo(name)) this.#changes.remove(joinPath(at.path, entry.name), entry);
      await this.#name(at, name, { head: head.take(name), open });
      const pause = this.#pause();
      if (pause !== undefined) await pause;
      if (this.#replaced.length > 0) await this.#lookAgain(); // the names after one are held until it is known
    }
    for (const entry of head.rest()) this.#changes.remove(joinPath(at.path, entry.name), entry);
    open?.end();
    return { open, tree: undefined };
  }

  /** A folder that has nothing new in it itself; what is in its folders is looked at now. */
  async #sameFolder(at: FolderPlaceInWalk, same: SameFolder, indexed: FolderStats): Promise<WalkedFolder> {
    this.#counts.files += same.files;
    this.#counts.bytes += same.bytes;
    this.#options.progress.files += same.files;
    this.#options.progress.bytes += same.bytes;
    const walked = new Map<ByteString, WalkedFolder | "replaced" | undefined>();
    for (const { name, stat, tree } of same.folders) {
      const paths = { relative: joinPath(at.path, name), absolute: joinPath(at.absolute, name) };
      const place = { name, ...paths, stat, extras: {}, proof: stat };
      const head = { name, ...attributesOf(stat), kind: "dir", tree } as const;
      const below = await this.#subfolder(at, place, head);
      if (below === "replaced" || below?.tree !== tree) walked.set(name, below);
    }
    const { tree } = indexed;
    const isRead = this.#options.sink !== undefined;
    if (walked.size === 0) {
      if (isRead) this.#keepTrees(at.path, indexed);
      return { open: undefined, tree };
    }
    if (!isRead && ![...walked.values()].includes("replaced")) return { open: undefined, tree: undefined };
    const open = isRead ? this.#open(at, indexed.stats.length / 2) : undefined;
    let ordinal = 0;
    for (const entry of readDirectory(tree, this.#load)) {
      const stat = { ctimeNs: indexed.stats[ordinal * 2] as bigint, ino: indexed.stats[ordinal * 2 + 1] as bigint };
      ordinal += 1;
      const below = entry.kind === "dir" && walked.has(entry.name) ? walked.get(entry.name) : "same";
      if (below === "same") open?.append({ entry, stat });
      else if (below === "replaced") this.#seeAgain(at, entry.name, { head: { entry, indexed: stat }, open });
      else if (open !== undefined) this.#addFolder(open, below, { entry: entry as DirEntry, stat });
    }
    if (this.#replaced.length > 0) await this.#lookAgain();
    open?.end();
    return { open, tree: undefined };
  }

  #open(at: FolderPlaceInWalk, names: number): OpenFolder {
    return new OpenFolder({
      names,
      emit: (tree) => this.#offerTree(tree),
      add: (builder, entry) => this.#add(builder, entry, at.path),
      onDone: (folder) => {
        this.#folders.set(at.path, folder);
        at.close?.();
      },
    });
  }

  /** The folder and its trees go on into the next index. */
  #keepTrees(path: ByteString, folder: FolderStats): void {
    this.#folders.set(path, folder);
    const waiting = [folder.tree];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const bytes = this.#load(id);
      this.#objects.set(id, bytes);
      if (isPagedTree(bytes)) waiting.push(...treesIn(decodeTree(bytes)));
    }
  }

  /** Adds a folder to the one that it is in, as soon as its tree is known. */
  #addFolder(
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
    folder.open.whenDone(this.#later(({ tree }) => parent.fill(place, { ...taken, entry: { ...taken.entry, tree } })));
  }

  /** Has a name looked at once more, in its place, which is something else by now. */
  #seeAgain(parent: FolderPlaceInWalk, name: ByteString, { head, open, place = open?.reserve() }: NameInWalk): void {
    this.#replaced.push({ parent, name, its: { head, open, place, isAgain: true } });
  }

  /** Looks at what now has the names that were replaced before they could be read. */
  async #lookAgain(): Promise<void> {
    const names = this.#replaced;
    this.#replaced = [];
    for (const { parent, name, its } of names) {
      await this.#name(parent, name, its);
      const pause = this.#pause();
      if (pause !== undefined) await pause;
    }
  }

  /** One name of a folder; adds it to the folder's tree, now or when it has been read. */
  async #name(parent: FolderPlaceInWalk, name: ByteString, its: NameInWalk): Promise<void> {
    const { head, open, place: reserved, isAgain = false } = its;
    const relative = joinPath(parent.path, name);
    const absolute = joinPath(parent.absolute, name);
    try {
      const stat = statSource(absolute);
      if (isAgain) {
        this.#moved(relative, "replaced");
        if (this.#leaving.isRuledOut({ relative, name, kind: stat.kind }, parent.rules))
          return this.#leaveOut(relative, its);
      }
      const { extras, proof } = this.#attributes.of({ relative, absolute, stat }, parent.volume, head);
      const place = { name, relative, absolute, stat, extras, proof };
      if (stat.kind === "dir") {
        const folder = await this.#subfolder(parent, place, head?.entry);
        if (folder === "replaced") {
          if (isAgain) throw replacedWhileRead();
          return this.#seeAgain(parent, name, its);
        }
        const entry = { name, ...attributesOf(stat), ...extras, kind: "dir", tree: noId } as const;
        if (open !== undefined) this.#addFolder(open, folder, { entry, stat: proof, at: reserved });
        return;
      }
      if (stat.kind === "file" && this.#leaving.isTooLarge({ relative, size: stat.size }))
        return this.#leaveOut(relative, its);
      const known = knownEntry(place, head, this.#options);
      if (known !== undefined)
        this.#take({ entry: known, stat: proof }, { relative, head: head?.entry, open, place: reserved });
      else this.#readFile(parent, place, its);
    } catch (error) {
      if (reserved !== undefined) open?.fill(reserved, undefined);
      this.#notTaken(parent, { relative, head: head?.entry }, error);
    }
  }

  /** A rule leaves out a name. */
  #leaveOut(relative: ByteString, { head, open, place }: NameInWalk): void {
    if (head !== undefined) this.#changes.remove(relative, head.entry);
    if (place !== undefined) open?.fill(place, undefined);
  }

  /**
   * A folder in another; undefined where there is nothing to be kept of it, which has been told; `replaced` where something else
   * has its name by now, and nothing has been made of it yet.
   */
  async #subfolder(
    parent: FolderPlaceInWalk,
    at: Place,
    head: Entry | undefined,
  ): Promise<WalkedFolder | "replaced" | undefined> {
    let names: readonly ByteString[];
    let reach: FolderReach;
    const isElsewhere = this.#leaving.isElsewhere(at);
    try {
      reach = this.#paths.reach(at.absolute);
      names = isElsewhere ? [] : namesIn(reach.absolute);
    } catch (error) {
      if (isReplaced(at) && isStillThere(parent)) return "replaced";
      this.#notTaken(parent, { relative: at.relative, head }, error);
      return undefined;
    }
    const isLeftOut = this.#options.isLeftOut({ path: reach.absolute, names, stat: at.stat });
    if (!isElsewhere && isReplaced(at) && isStillThere(parent)) {
      reach.close?.();
      return "replaced";
    }
    if (isLeftOut) {
      this.#leftOut.push(at.relative);
      this.#options.onEvent({ type: "leftOut", path: at.relative });
      if (head !== undefined) this.#changes.remove(at.relative, head);
      return undefined;
    }
    const headTree = head?.kind === "dir" ? head.tree : undefined;
    this.#counts.dirs += 1;
    this.#owners.see(at.stat.uid, at.stat.gid);
    const entry = { name: at.name, ...attributesOf(at.stat), ...at.extras, kind: "dir", tree: noId } as const;
    this.#changes.compare(at.relative, entry, head);
    const kept = await this.#leaving.enter({ ...at, absolute: reach.absolute }, names, parent.rules);
    const volume = volumeOf(at.relative, at.stat, parent.volume);
    const place = { path: at.relative, ...reach, stat: at.stat, rules: kept.rules, volume };
    const folder = await this.#folder(place, kept.names, headTree);
    if (folder.open === undefined) reach.close?.();
    if (isReplaced(at)) this.#unreadable(at.relative, replacedWhileRead()); // what was found in it may be of either
    return folder;
  }

  #readFile(parent: FolderPlaceInWalk, at: Place, { head, open, place: reserved, isAgain = false }: NameInWalk): void {
    const { isFull, sink, progress } = this.#options;
    const { name, relative } = at;
    const place = reserved ?? open?.reserve();
    const done = this.#later((outcome: ReadOutcome) => {
      const fail = (error: unknown): void => {
        if (place !== undefined) open?.fill(place, undefined);
        this.#notTaken(parent, { relative, head: head?.entry }, error);
      };
      if (outcome.type === "failed") {
        if (!isReplaced(at) || !isStillThere(parent)) return fail(outcome.error);
        if (isAgain) return fail(replacedWhileRead());
        return this.#seeAgain(parent, name, { head, open, place });
      }
      const { stat, content } = outcome;
      if (outcome.type === "read") {
        progress.filesRead += 1;
        if (outcome.unsteady !== undefined) this.#moved(relative, outcome.unsteady);
      }
      let its: SourceExtras = at;
      try {
        // what changed while it was read may have other attributes now
        if (stat.ctimeNs !== at.stat.ctimeNs) its = this.#attributes.of({ ...at, stat }, parent.volume);
      } catch (error) {
        return fail(error);
      }
      const { extras, proof } = its;
      const entry = { name, kind: "file", ...attributesOf(stat), ...extras, size: stat.size, content } as const;
      this.#take({ entry, stat: proof }, { relative, head: head?.entry, open, place });
    });
    try {
      this.#wait(sink?.reader.read(at.absolute, at.stat, done, isFull ? undefined : listOf(head?.entry)));
    } catch (error) {
      throw new StoreFailure(error);
    }
  }

  /** Counts an entry that is no folder, and puts it into its folder. */
  #take(taken: Taken, { relative, head, open, place }: TakenPlace): void {
    const { entry } = taken;
    this.#counts.files += 1;
    this.#options.progress.files += 1;
    this.#owners.see(entry.uid, entry.gid);
    if (entry.kind === "file") this.#countBytes(entry);
    this.#changes.compare(relative, entry, head);
    if (place === undefined) open?.append(taken);
    else open?.fill(place, taken);
  }

  /** A name that could not be had: it is gone, or told of as unreadable. */
  #notTaken(
    parent: FolderPlaceInWalk,
    { relative, head }: { relative: ByteString; head: Entry | undefined },
    error: unknown,
  ): void {
    if (isGone(error)) this.#vanished(parent, relative, head);
    else this.#unreadable(relative, error);
  }

  /** False for an entry whose metadata is more than can be kept. */
  #add(builder: TreeBuilder, entry: Entry, path: ByteString): boolean {
    try {
      builder.add(entry);
      return true;
    } catch (error) {
      if (!(error instanceof BakError)) throw error;
      this.#unreadable(joinPath(path, entry.name), error);
      return false;
    }
  }

  #offerTree(tree: PackedObject<ObjectId>): void {
    const { baseline, isFull, sink } = this.#options;
    this.#objects.set(tree.id, baseline.objects.get(tree.id) ?? tree.bytes);
    if (!isFull && baseline.isStored(tree.id)) return;
    try {
      this.#wait(sink?.offer(tree));
    } catch (error) {
      throw new StoreFailure(error);
    }
  }

  /** Remembers something to wait for. */
  #wait(room: Promise<void> | undefined): void {
    if (room === undefined) return;
    const before = this.#room;
    const both = before === undefined ? room : Promise.all([before, room]).then(() => undefined);
    this.#room = both.catch((error: unknown) => this.#fail(new StoreFailure(error)));
  }

  #countBytes(entry: FileEntry): void {
    this.#counts.bytes += entry.size;
    this.#options.progress.bytes += entry.size;
  }

  /** What fails because of the source's file is told and left out; what fails because of the store stops everything. */
  #unreadable(path: ByteString, error: unknown): void {
    if (!isSourceFailure(error)) throw error;
    this.#counts.unreadable += 1;
    this.#options.onEvent({ type: "unreadable", path, why: reasonOf(error) });
  }

  /** A name that was there a moment ago was deleted; or its whole folder has been swapped for another. */
  #vanished(parent: FolderPlaceInWalk, path: ByteString, head: Entry | undefined): void {
    this.#root.assertSame();
    if (!isStillThere(parent)) {
      const why = "its folder was moved away, or unmounted, while it was read";
      return this.#unreadable(path, new BakError("SOURCE_FAILED", why));
    }
    this.#moved(path, "vanished");
    if (head !== undefined) this.#changes.remove(path, head);
  }

  #moved(path: ByteString, how: Movement): void {
    this.#movements[how] += 1;
    this.#options.onEvent({ type: "moved", path, how });
  }
}

function replacedWhileRead(): BakError {
  return new BakError("SOURCE_FAILED", "it was replaced while it was read");
}

/** What a large file was at the head. */
function listOf(head: Entry | undefined): ObjectId | undefined {
  return head?.kind === "file" && "list" in head.content ? head.content.list : undefined;
}

/** A folder that has been walked: its tree where that is the head's, or what its tree is being made in. */
interface WalkedFolder {
  readonly tree: ObjectId | undefined;
  readonly open: OpenFolder | undefined;
}

/** What belongs to a name beside its place: what the head has of it, and the folder that is being made. */
interface NameInWalk {
  readonly head: HeadEntry | undefined;
  readonly open: OpenFolder | undefined;
  /** The name's place in that folder, if it has one already. */
  readonly place?: number | undefined;
  /** Whether it is looked at for the second time. */
  readonly isAgain?: boolean;
}

/** A name that was a file or a folder, and is something else. */
interface ReplacedName {
  readonly parent: FolderPlaceInWalk;
  readonly name: ByteString;
  readonly its: NameInWalk;
}

interface TakenPlace {
  readonly relative: ByteString;
  readonly head: Entry | undefined;
  readonly open: OpenFolder | undefined;
  /** In that folder; undefined for the next. */
  readonly place: number | undefined;
}

/** A folder that may be left out. */
export interface FolderPlace {
  /** Absolute; not the path of its own, where that is longer than the system takes. */
  readonly path: ByteString;
  readonly names: readonly ByteString[];
  readonly stat: SourceStat;
}

/** A folder that the walk is in; `path` is that within the pushed folder, `rules` are those that hold there. */
interface FolderPlaceInWalk {
  readonly path: ByteString;
  readonly absolute: ByteString;
  readonly close?: () => void;
  readonly stat: SourceStat;
  readonly rules: FolderRules;
  readonly volume: Volume;
}

interface Place extends SourceExtras {
  readonly name: ByteString;
  readonly relative: ByteString;
  readonly absolute: ByteString;
  readonly stat: SourceStat;
}
