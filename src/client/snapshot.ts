/**
 * Takes a folder as it is now: a sorted walk, merged with the trees of the head, that reads only what may have changed and
 * makes the trees of the next commit. Names that cannot be read are told of and left out; the rest goes on.
 */
import { BakError } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { readDirectory } from "../objects/directory.js";
import type { DirEntry, Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ReadOutcome } from "./file-reader.js";
import { HeadEntries, type HeadEntry } from "./head-entries.js";
import type { FolderRules } from "./folder-rules.js";
import { knownEntry, noId } from "./known-entry.js";
import { leaveNothingOut } from "./leave-out.js";
import { LeavingOut } from "./leaving-out.js";
import { LongPaths, type FolderReach } from "./long-paths.js";
import { NameLooker } from "./name-looker.js";
import type { OpenFolder, Taken } from "./open-folder.js";
import type { FolderStats } from "./push-index.js";
import { compareFolder, type SameFolder } from "./same-folder.js";
import type { Snapshot, SnapshotOptions } from "./snapshot-options.js";
import { SourceAttributes, volumeOf, type SourceExtras, type Volume } from "./source-attributes.js";
import { StoreFailure } from "./source-failure.js";
import { isReplaced, isStillThere, namesIn, SourceRoot } from "./source-root.js";
import { attributesOf, sourceStatOf, statSource, type SourceStat } from "./source-stat.js";
import { WalkTally, type TalliedName } from "./walk-tally.js";
import { WalkTrees, type WalkedFolder } from "./walk-trees.js";
import { WalkTurns } from "./walk-turns.js";

/**
 * Walks the folder. Rejects with SOURCE_FAILED if the folder itself cannot be read, or is another at the end than at the
 * beginning; with NO_OBJECT where the baseline lacks a tree of the head; and with whatever the sink failed with.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  return new Walk(options).run();
}

class Walk {
  readonly #options: SnapshotOptions;
  readonly #turns: WalkTurns;
  readonly #tally: WalkTally;
  readonly #trees: WalkTrees;
  readonly #leftOut: ByteString[] = [];
  readonly #root: SourceRoot;
  readonly #leaving: LeavingOut;
  readonly #attributes: SourceAttributes;
  readonly #paths = new LongPaths();
  readonly #looker: NameLooker;
  /** Names that were something else when they were to be read: they are looked at once more. */
  #replaced: ReplacedName[] = [];

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#root = new SourceRoot(options.folder);
    const { baseline, isFull, sink, leaveOut = leaveNothingOut, looker = new NameLooker(), onEvent } = options;
    this.#looker = looker;
    const load = this.#load;
    const turns = new WalkTurns(options);
    const tally = new WalkTally({ ...options, root: this.#root, load });
    this.#turns = turns;
    this.#tally = tally;
    const onUnkept = (path: ByteString, error: BakError): void => tally.unreadable(path, error);
    this.#trees = new WalkTrees({ baseline, isFull, sink, load, turns, onUnkept });
    this.#leaving = new LeavingOut({ leaveOut, onEvent, pause: () => turns.pause() });
    this.#attributes = new SourceAttributes({
      isFull,
      scanStartedMs: baseline.scanStartedMs,
      onUnread: (path, why) => tally.missAttributes(path, why),
      onUnsupported: (path) => onEvent({ type: "attributesUnsupported", path }),
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
    this.#tally.owners.see(root.uid, root.gid);
    const reach = this.#paths.reach(folder);
    const kept = await this.#leaving.enter({ ...at, absolute: reach.absolute }, names);
    const place = { path: at.relative, ...reach, stat: root, rules: kept.rules, volume };
    const tree = await this.#wholeTree(place, kept.names, baseline.tree).finally(() => {
      this.#paths.close();
      this.#looker.close();
    });
    this.#root.assertSame();
    const { counts, movements, unreadAttributes, owners, changes } = this.#tally;
    const { added, changed, removed, isAny } = changes;
    return {
      tree: this.#options.sink === undefined ? undefined : tree,
      root: { ...attributesOf(root), ...extras },
      counts: { ...counts, added, changed, removed },
      unreadAttributes,
      users: owners.users,
      groups: owners.groups,
      isMoreProven: this.#attributes.readNames > readOfRoot,
      isChanged: isAny,
      leftOut: this.#leftOut,
      ruledOut: this.#leaving.count,
      moved: movements,
      folders: this.#trees.folders,
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
        await this.#turns.rest();
        await this.#options.sink?.reader.finish().catch((error: unknown) => this.#turns.fail(new StoreFailure(error)));
        await this.#turns.rest();
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

  #onOwner = (uid: number, gid: number): void => this.#tally.owners.see(uid, gid);

  /** One folder, whose names are sorted, against the same folder at the head. */
  async #folder(
    at: FolderPlaceInWalk,
    names: readonly ByteString[],
    headTree: ObjectId | undefined,
  ): Promise<WalkedFolder> {
    await this.#turns.pause(); // waits in any case: folders in folders in folders would otherwise all be on one stack
    const { baseline, isFull, sink } = this.#options;
    const found = baseline.folders.get(at.path);
    const indexed = found !== undefined && found.tree === headTree ? found : undefined;
    if (indexed !== undefined && !isFull) {
      const { absolute } = at;
      const { scanStartedMs } = baseline;
      const maxFileBytes = this.#options.leaveOut?.maxFileBytes;
      const onOwner = this.#onOwner;
      const [load, breathe] = [this.#load, this.#turns.breathe];
      const looker = this.#looker;
      const place = { absolute, looker, names, indexed, scanStartedMs, onOwner, load, breathe, maxFileBytes };
      const same = await compareFolder(place);
      if (same !== undefined) return this.#sameFolder(at, same, indexed);
    }
    const open = sink === undefined ? undefined : this.#trees.open(at, names.length);
    const head = new HeadEntries(headTree, this.#load, indexed?.stats);
    for (const name of names) {
      for (let gone = head.before(name); gone !== undefined; gone = head.before(name)) this.#remove(at, gone);
      const folder = this.#name(at, name, { head: head.take(name), open });
      if (folder !== undefined) await folder;
      const pause = this.#turns.pause();
      if (pause !== undefined) await pause;
      if (this.#replaced.length > 0) await this.#lookAgain(); // the names after one are held until it is known
    }
    for (let gone = head.before(); gone !== undefined; gone = head.before()) this.#remove(at, gone);
    open?.end();
    return { open, tree: undefined };
  }

  #remove(parent: FolderPlaceInWalk, entry: Entry): void {
    this.#tally.changes.remove(joinPath(parent.path, entry.name), entry);
  }

  /** A folder that has nothing new in it itself; what is in its folders is looked at now. */
  async #sameFolder(at: FolderPlaceInWalk, same: SameFolder, indexed: FolderStats): Promise<WalkedFolder> {
    this.#tally.add(same);
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
      if (isRead) this.#trees.keep(at.path, indexed);
      return { open: undefined, tree };
    }
    if (!isRead && ![...walked.values()].includes("replaced")) return { open: undefined, tree: undefined };
    const open = isRead ? this.#trees.open(at, indexed.stats.length / 2) : undefined;
    let ordinal = 0;
    for (const entry of readDirectory(tree, this.#load)) {
      const stat = { ctimeNs: indexed.stats[ordinal * 2] as bigint, ino: indexed.stats[ordinal * 2 + 1] as bigint };
      ordinal += 1;
      const below = entry.kind === "dir" && walked.has(entry.name) ? walked.get(entry.name) : "same";
      if (below === "same") open?.append({ entry, stat });
      else if (below === "replaced") this.#seeAgain(at, entry.name, { head: { entry, indexed: stat }, open });
      else if (open !== undefined) this.#trees.add(open, below, { entry: entry as DirEntry, stat });
    }
    if (this.#replaced.length > 0) await this.#lookAgain();
    open?.end();
    return { open, tree: undefined };
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
      const folder = this.#name(parent, name, its);
      if (folder !== undefined) await folder;
      const pause = this.#turns.pause();
      if (pause !== undefined) await pause;
    }
  }

  /**
   * One name of a folder; adds it to the folder's tree, now or when it has been read. Gives something to wait for only where the
   * name is a folder's: most are not.
   */
  #name(parent: FolderPlaceInWalk, name: ByteString, its: NameInWalk): Promise<void> | undefined {
    const { head, open, place: reserved, isAgain = false } = its;
    const relative = joinPath(parent.path, name);
    const absolute = joinPath(parent.absolute, name);
    try {
      const { stat, isBare } = this.#look(parent, { name, absolute, head, isAgain });
      if (isAgain) this.#tally.move(relative, "replaced");
      if (this.#isLeftOut(parent, { relative, name, stat, isAgain })) return this.#leaveOut(relative, its);
      const { extras, proof } = this.#attributes.of({ relative, absolute, stat, isBare }, parent.volume, head);
      const place = { name, relative, absolute, stat, extras, proof };
      if (stat.kind === "dir") return this.#folderName(parent, place, its);
      const known = knownEntry(place, head, this.#options);
      if (known === undefined) this.#readFile(parent, place, its);
      else this.#take({ entry: known, stat: proof }, { relative, head: head?.entry, open, place: reserved });
    } catch (error) {
      this.#miss(parent, relative, its, error);
    }
    return undefined;
  }

  /**
   * Looks at a name in its open folder where nothing more is to be read of it by its path: if another folder had that path for a
   * moment, an entry would be of two files, and the index would prove it.
   */
  #look(
    parent: FolderPlaceInWalk,
    {
      name,
      absolute,
      head,
      isAgain,
    }: { name: ByteString; absolute: ByteString; head: HeadEntry | undefined; isAgain: boolean },
  ): { stat: SourceStat; isBare: boolean } {
    const looker = this.#looker;
    if (looker.tellsBareNames && !isAgain) {
      const stat = sourceStatOf(looker.look(parent.absolute, name));
      const isProven = this.#attributes.isProven(stat, head);
      if (stat.kind !== "symlink" && (isProven || looker.isBare(name))) return { stat, isBare: !isProven };
    }
    return { stat: statSource(absolute), isBare: false };
  }

  async #folderName(parent: FolderPlaceInWalk, at: Place, its: NameInWalk): Promise<void> {
    const { head, open, place: reserved, isAgain = false } = its;
    const { name, relative, stat, extras, proof } = at;
    try {
      const folder = await this.#subfolder(parent, at, head?.entry);
      if (folder === "replaced") {
        if (isAgain) throw replacedWhileRead();
        return this.#seeAgain(parent, name, its);
      }
      const entry = { name, ...attributesOf(stat), ...extras, kind: "dir", tree: noId } as const;
      if (open !== undefined) this.#trees.add(open, folder, { entry, stat: proof, at: reserved });
    } catch (error) {
      this.#miss(parent, relative, its, error);
    }
  }

  /** Whether a rule leaves out a name; the rules for names have been asked already, unless it was something else then. */
  #isLeftOut(
    { rules }: FolderPlaceInWalk,
    { relative, name, stat, isAgain }: { relative: ByteString; name: ByteString; stat: SourceStat; isAgain: boolean },
  ): boolean {
    const { kind, size } = stat;
    if (isAgain && this.#leaving.isRuledOut({ relative, name, kind }, rules)) return true;
    return kind === "file" && this.#leaving.isTooLarge({ relative, size });
  }

  /** A name cannot be kept. */
  #miss(parent: FolderPlaceInWalk, relative: ByteString, { head, open, place }: NameInWalk, error: unknown): void {
    if (place !== undefined) open?.fill(place, undefined);
    this.#tally.miss(parent, { relative, head: head?.entry }, error);
  }

  /** A rule leaves out a name. */
  #leaveOut(relative: ByteString, { head, open, place }: NameInWalk): undefined {
    if (head !== undefined) this.#tally.changes.remove(relative, head.entry);
    if (place !== undefined) open?.fill(place, undefined);
    return undefined;
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
      this.#tally.miss(parent, { relative: at.relative, head }, error);
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
      if (head !== undefined) this.#tally.changes.remove(at.relative, head);
      return undefined;
    }
    const headTree = head?.kind === "dir" ? head.tree : undefined;
    const entry = { name: at.name, ...attributesOf(at.stat), ...at.extras, kind: "dir", tree: noId } as const;
    this.#tally.takeFolder(entry, { relative: at.relative, head });
    const kept = await this.#leaving.enter({ ...at, absolute: reach.absolute }, names, parent.rules);
    const volume = volumeOf(at.relative, at.stat, parent.volume);
    const place = { path: at.relative, ...reach, stat: at.stat, rules: kept.rules, volume };
    const folder = await this.#folder(place, kept.names, headTree);
    if (folder.open === undefined) reach.close?.();
    if (isReplaced(at)) this.#tally.unreadable(at.relative, replacedWhileRead()); // what was found in it may be of either
    return folder;
  }

  #readFile(parent: FolderPlaceInWalk, at: Place, { head, open, place: reserved, isAgain = false }: NameInWalk): void {
    const { isFull, sink, progress } = this.#options;
    const { name, relative } = at;
    const place = reserved ?? open?.reserve();
    const done = this.#turns.later((outcome: ReadOutcome) => {
      const fail = (error: unknown): void => this.#miss(parent, relative, { head, open, place }, error);
      if (outcome.type === "failed") {
        if (!isReplaced(at) || !isStillThere(parent)) return fail(outcome.error);
        if (isAgain) return fail(replacedWhileRead());
        return this.#seeAgain(parent, name, { head, open, place });
      }
      const { stat, content } = outcome;
      if (outcome.type === "read") {
        progress.filesRead += 1;
        if (outcome.unsteady !== undefined) this.#tally.move(relative, outcome.unsteady);
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
      this.#turns.wait(sink?.reader.read(at.absolute, at.stat, done, isFull ? undefined : listOf(head?.entry)));
    } catch (error) {
      throw new StoreFailure(error);
    }
  }

  /** An entry that is no folder is known; puts it into its folder. */
  #take(taken: Taken, { open, place, ...its }: TakenPlace): void {
    this.#tally.take(taken.entry, its);
    if (place === undefined) open?.append(taken);
    else open?.fill(place, taken);
  }
}

function replacedWhileRead(): BakError {
  return new BakError("SOURCE_FAILED", "it was replaced while it was read");
}

/** What a large file was at the head. */
function listOf(head: Entry | undefined): ObjectId | undefined {
  return head?.kind === "file" && "list" in head.content ? head.content.list : undefined;
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

interface TakenPlace extends TalliedName {
  readonly open: OpenFolder | undefined;
  /** In that folder; undefined for the next. */
  readonly place: number | undefined;
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
