/**
 * Takes a folder as it is now: a sorted walk, merged with the trees of the head, that reads only what may have changed and
 * makes the trees of the next commit. Names that cannot be read are told of and left out; the rest goes on.
 */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { BakError, errnoOf, unreachable } from "../errors.js";
import { byteString, joinPath, type ByteString } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import type { Attributes, Entry, FileEntry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { TreeBuilder } from "../objects/tree.js";
import { createBreath } from "./breath.js";
import { Changes, type ChangeEvent } from "./changes.js";
import { isUnchangedFile } from "./compare.js";
import { HeadEntries, type HeadEntry } from "./head-entries.js";
import type { FolderStats } from "./push-index.js";
import { readSourceFile } from "./read-file.js";
import { isSourceFailure, offerOrStop, reasonOf, StoreFailure } from "./source-failure.js";
import { fsPath } from "./source-path.js";
import { deviceNumbers, sourceStatOf, statSource, type SourceStat } from "./source-stat.js";

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
  | { readonly type: "unreadable"; readonly path: ByteString; readonly why: string }
  | { readonly type: "unsteady" | "leftOut"; readonly path: ByteString };

/** How far the walk is; the numbers only grow. */
export interface SnapshotProgress {
  /** Names seen that are no folders. */
  files: number;
  /** Sum of the sizes of files seen. */
  bytes: number;
  filesRead: number;
  bytesRead: number;
}

export interface SnapshotOptions {
  /** Absolute path of the folder. */
  folder: ByteString;
  baseline: Baseline;
  /** Reads every file, whatever its size and times say, and offers every tree. */
  isFull: boolean;
  /** Takes each new object; undefined for a walk that only compares, reads no file and makes no trees. */
  offer: ((object: PackedObject<ObjectId>) => Promise<void> | undefined) | undefined;
  /** Folders that are not entered, such as the store itself; told by path, what is in it, and stat. */
  isLeftOut: (folder: FolderPlace) => boolean;
  onEvent: (event: SnapshotEvent) => void;
  progress: SnapshotProgress;
  signal?: AbortSignal | undefined;
}

export interface Snapshot {
  /** Undefined after a walk that only compares. */
  readonly tree: ObjectId | undefined;
  readonly root: Attributes;
  readonly counts: CommitCounts;
  /** Whether anything beneath the folder is another than at the head. */
  readonly isChanged: boolean;
  /** Paths of the folders that were left out. */
  readonly leftOut: readonly ByteString[];
  /** What the client's next index holds. */
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
}

/**
 * Walks the folder. Rejects with SOURCE_FAILED if the folder itself cannot be read, or is another at the end than at the
 * beginning; with NO_OBJECT where the baseline lacks a tree of the head; and with whatever `offer` failed with.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  return new Walk(options).run();
}

class Walk {
  readonly #options: SnapshotOptions;
  readonly #breathe = createBreath();
  readonly #counts = { files: 0, dirs: 0, bytes: 0, unreadable: 0 };
  readonly #changes: Changes;
  readonly #folders = new Map<ByteString, FolderStats>();
  readonly #objects = new Map<ObjectId, Uint8Array>();
  readonly #leftOut: ByteString[] = [];
  /** The folder as it was at the beginning. */
  #root: SourceStat | undefined;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#changes = new Changes(this.#load, options.onEvent);
  }

  async run(): Promise<Snapshot> {
    const { folder, baseline } = this.#options;
    const { root, names } = this.#atRoot(() => ({ root: this.#statRoot(), names: namesIn(folder) }));
    this.#root = root;
    if (this.#options.isLeftOut({ path: folder, names, stat: root })) {
      throw new BakError("SOURCE_FAILED", "cannot push the folder: it is bak's own");
    }
    const place = { path: "" as ByteString, absolute: folder, stat: root };
    const tree = await this.#folder(place, names, baseline.tree).catch((error: unknown) => {
      throw error instanceof StoreFailure ? error.reason : error;
    });
    this.#assertSameRoot();
    const { added, changed, removed, isAny } = this.#changes;
    return {
      tree,
      root: attributesOf(root),
      counts: { ...this.#counts, added, changed, removed },
      isChanged: isAny,
      leftOut: this.#leftOut,
      folders: this.#folders,
      objects: this.#objects,
    };
  }

  /** The folder itself, where a link to it was named. */
  #statRoot(): SourceStat {
    return sourceStatOf(statSync(fsPath(this.#options.folder), { bigint: true }));
  }

  #atRoot<T>(look: () => T): T {
    try {
      return look();
    } catch (cause) {
      throw new BakError("SOURCE_FAILED", `cannot read the folder: ${reasonOf(cause)}`, { cause });
    }
  }

  /** A disk that was unplugged, or a folder that was moved away, looks like one whose files were all deleted. */
  #assertSameRoot(): void {
    const { dev, ino } = this.#atRoot(() => this.#statRoot());
    if (dev === this.#root?.dev && ino === this.#root.ino) return;
    throw new BakError("SOURCE_FAILED", "the folder was moved away, or unmounted, while it was read", {
      hint: "nothing was committed; push again when it is back",
    });
  }

  #load = (id: ObjectId): Uint8Array => {
    const bytes = this.#options.baseline.objects.get(id);
    if (bytes === undefined) throw new BakError("NO_OBJECT", `the store did not send tree '${id}'`);
    return bytes;
  };

  /** One folder, whose names are sorted, against the same folder at the head: its tree, unless the walk only compares. */
  async #folder(
    at: OpenFolder,
    names: readonly ByteString[],
    headTree: ObjectId | undefined,
  ): Promise<ObjectId | undefined> {
    await Promise.resolve(); // folders in folders in folders would otherwise all be on one stack
    const { baseline, offer, signal } = this.#options;
    const { path } = at;
    const made: PackedObject<ObjectId>[] = [];
    const builder = offer === undefined ? undefined : new TreeBuilder((tree) => void made.push(tree));
    const indexed = baseline.folders.get(path);
    const head = new HeadEntries(headTree, this.#load, indexed?.tree === headTree ? indexed?.stats : undefined);
    const stats = new BigInt64Array(builder === undefined ? 0 : names.length * 2);
    for (const name of names) {
      signal?.throwIfAborted();
      for (const entry of head.upTo(name)) this.#changes.remove(joinPath(path, entry.name), entry);
      const found = head.take(name);
      const taken = await this.#name(at, name, found);
      await this.#breathe();
      if (taken === undefined) continue;
      if (builder === undefined || !this.#add(builder, taken.entry, path)) continue;
      stats[builder.count * 2 - 2] = taken.stat.ctimeNs;
      stats[builder.count * 2 - 1] = taken.stat.ino;
      await this.#offerTrees(made);
    }
    for (const entry of head.rest()) this.#changes.remove(joinPath(path, entry.name), entry);
    if (builder === undefined) return undefined;
    const tree = builder.finish();
    await this.#offerTrees(made);
    this.#folders.set(path, { tree, stats: stats.subarray(0, builder.count * 2) });
    return tree;
  }

  /** One name; undefined where there is nothing to be kept of it. */
  async #name(parent: OpenFolder, name: ByteString, head: HeadEntry | undefined): Promise<Taken | undefined> {
    const relative = joinPath(parent.path, name);
    const absolute = joinPath(parent.absolute, name);
    try {
      const stat = statSource(absolute);
      if (stat.kind === "dir") return await this.#subfolder({ name, relative, absolute, stat }, head);
      const taken = await this.#entry({ name, relative, absolute, stat }, head);
      this.#counts.files += 1;
      this.#options.progress.files += 1;
      if (taken.entry.kind === "file") this.#countBytes(taken.entry);
      this.#changes.compare(relative, taken.entry, head?.entry);
      return taken;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return this.#vanished(parent, relative, head);
      return this.#unreadable(relative, error);
    }
  }

  async #subfolder(at: Place, head: HeadEntry | undefined): Promise<Taken | undefined> {
    const names = namesIn(at.absolute);
    if (this.#options.isLeftOut({ path: at.absolute, names, stat: at.stat })) {
      this.#leftOut.push(at.relative);
      this.#options.onEvent({ type: "leftOut", path: at.relative });
      if (head !== undefined) this.#changes.remove(at.relative, head.entry);
      return undefined;
    }
    const headTree = head?.entry.kind === "dir" ? head.entry.tree : undefined;
    const tree = await this.#folder({ path: at.relative, absolute: at.absolute, stat: at.stat }, names, headTree);
    const entry: Entry = { name: at.name, ...attributesOf(at.stat), kind: "dir", tree: tree ?? ("" as ObjectId) };
    this.#counts.dirs += 1;
    this.#changes.compare(at.relative, entry, head?.entry);
    return { entry, stat: at.stat };
  }

  async #entry(at: Place, head: HeadEntry | undefined): Promise<Taken> {
    const { name, stat, absolute } = at;
    const base = { name, ...attributesOf(stat) };
    switch (stat.kind) {
      case "file":
        return this.#file(at, head);
      case "symlink": {
        const target = byteString(readlinkSync(fsPath(absolute), "buffer"));
        return { entry: { ...base, kind: "symlink", target }, stat };
      }
      case "char":
      case "block":
        return { entry: { ...base, kind: stat.kind, ...deviceNumbers(stat.rdev) }, stat };
      case "fifo":
      case "socket":
        return { entry: { ...base, kind: stat.kind }, stat };
      case "dir":
        throw new Error("a folder is no plain entry");
      default:
        return unreachable(stat.kind);
    }
  }

  async #file(at: Place, head: HeadEntry | undefined): Promise<Taken> {
    const { isFull, baseline, offer, progress, onEvent, signal } = this.#options;
    const { name, stat } = at;
    const known = head?.entry;
    const base = { name, kind: "file", ...attributesOf(stat), size: stat.size } as const;
    const comparison = { indexed: head?.indexed, scanStartedMs: baseline.scanStartedMs };
    const isProven = baseline.isOfFolder || head?.indexed !== undefined;
    if (!isFull && isProven && isUnchangedFile(stat, known, comparison)) {
      return { entry: { ...base, content: known.content }, stat };
    }
    if (offer === undefined) return { entry: { ...base, content: { blob: "" as ObjectId } }, stat }; // equal to no content
    const read = await readSourceFile(at.absolute, {
      offer: (object) => offerOrStop(offer, object),
      onBytes: (count) => (progress.bytesRead += count),
      breathe: this.#breathe,
      signal,
    });
    progress.filesRead += 1;
    if (read.isUnsteady) onEvent({ type: "unsteady", path: at.relative });
    const entry = {
      name,
      kind: "file",
      ...attributesOf(read.stat),
      size: read.stat.size,
      content: read.content,
    } as const;
    return { entry, stat: read.stat };
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

  async #offerTrees(made: PackedObject<ObjectId>[]): Promise<void> {
    const { baseline, isFull, offer } = this.#options;
    for (const tree of made.splice(0)) {
      this.#objects.set(tree.id, baseline.objects.get(tree.id) ?? tree.bytes);
      const isToBeOffered = isFull || !baseline.isStored(tree.id);
      if (offer !== undefined && isToBeOffered) await offerOrStop(offer, tree);
    }
  }

  #countBytes(entry: FileEntry): void {
    this.#counts.bytes += entry.size;
    this.#options.progress.bytes += entry.size;
  }

  /** What fails because of the source's file is told and left out; what fails because of the store stops everything. */
  #unreadable(path: ByteString, error: unknown): undefined {
    if (!isSourceFailure(error)) throw error;
    this.#counts.unreadable += 1;
    this.#options.onEvent({ type: "unreadable", path, why: reasonOf(error) });
    return undefined;
  }

  /** A name that was there a moment ago was deleted; or its whole folder has been swapped for another. */
  #vanished(parent: OpenFolder, path: ByteString, head: HeadEntry | undefined): undefined {
    this.#assertSameRoot();
    if (!isStillThere(parent)) {
      const why = "its folder was moved away, or unmounted, while it was read";
      return this.#unreadable(path, new BakError("SOURCE_FAILED", why));
    }
    if (head !== undefined) this.#changes.remove(path, head.entry);
    return undefined;
  }
}

/** An entry, and the stat that the next index keeps of it. */
interface Taken {
  readonly entry: Entry;
  readonly stat: SourceStat;
}

/** A folder that may be left out. */
export interface FolderPlace {
  /** Absolute. */
  readonly path: ByteString;
  readonly names: readonly ByteString[];
  readonly stat: SourceStat;
}

/** A folder that the walk is in; `path` is that within the pushed folder. */
interface OpenFolder {
  readonly path: ByteString;
  readonly absolute: ByteString;
  readonly stat: SourceStat;
}

interface Place {
  readonly name: ByteString;
  readonly relative: ByteString;
  readonly absolute: ByteString;
  readonly stat: SourceStat;
}

/** The names in a folder, in the order of their bytes. */
function namesIn(folder: ByteString): ByteString[] {
  return (readdirSync(fsPath(folder), { encoding: "latin1" }) as ByteString[]).toSorted(compareBytes);
}

function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : Number(a > b);
}

function attributesOf(stat: SourceStat): Attributes {
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = stat;
  return { mode, uid, gid, mtimeSeconds, mtimeNanoseconds };
}

/** Whether the folder is the one whose names were read, or has been deleted like them; not another in its place. */
function isStillThere({ absolute, stat }: OpenFolder): boolean {
  try {
    const now = statSync(fsPath(absolute), { bigint: true, throwIfNoEntry: false });
    return now === undefined || (now.dev === stat.dev && now.ino === stat.ino);
  } catch {
    return false;
  }
}
