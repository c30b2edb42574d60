/**
 * Looks at everything that commits reach, and names the paths at which something is missing or damaged.
 *
 * What many commits share is looked at once. Whether a tree or list is sound depends on its own bytes and on what it names
 * alone, so it is remembered by the number of its record: one bit each, set when everything beneath it has been seen. What
 * one object demands of another (that a page fits between the pages beside it, that a list has the size that a file has)
 * is looked at where it is named, by a summary of the other, of which the last used are kept. Memory is therefore two bits
 * an object, 32 MiB of summaries, and the trees on the way down to where the walk is.
 *
 * What is not sound is walked again in the next commit that reaches it, since its paths there are to be named too; once
 * so many of a commit have been, only what has not been seen before.
 */
import { isBakError } from "../errors.js";
import { displayName, joinPath, type ByteString } from "../objects/byte-string.js";
import { decodeCommit, type Commit } from "../objects/commit.js";
import { decodeList, listSize, type List } from "../objects/list.js";
import { encodeObjectIds, objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { ProjectId } from "../objects/project-id.js";
import { isPagedOutline, outlineTree, type TreeOutline } from "../objects/tree-outline.js";
import { decodeTree, isPaged } from "../objects/tree.js";
import { ByteLru } from "./byte-lru.js";
import { RecordSet } from "./record-set.js";

/** What a walk needs of the store. */
export interface CheckedObjects {
  /** The number of an object's record, -1 where there is none. */
  recordOf(id: ObjectId): number;
  lengthsOf(ids: Uint8Array): Float64Array;
  readObject(id: ObjectId, kind: ObjectKind): Promise<Uint8Array>;
  /** Whether the bytes of a record are known to be damaged. */
  isDamaged(record: number): boolean;
  /** Whether any are. */
  hasDamage(): boolean;
}

/** What is wrong at one path. */
export interface PathFault {
  readonly path: ByteString;
  readonly why: string;
}

/** What came out for one commit. */
export interface CheckedCommit {
  readonly isWhole: boolean;
  /** Paths that were told of, and what was found beyond those. */
  readonly faults: number;
}

/** Paths of one commit that are told of. */
export const maxPathsPerCommit = 100;
const summaryBytes = 32 << 20;
/** What a summary takes, beside the names in it. */
const bytesPerSummary = 300;

type Summary =
  | {
      readonly type: "tree";
      readonly level: number;
      readonly first: ByteString | undefined;
      readonly last: ByteString | undefined;
    }
  | { readonly type: "list"; readonly level: number; readonly size: number };

/** A tree that is being gone through. */
interface Frame {
  readonly record: number;
  readonly path: ByteString;
  readonly children: readonly Child[];
  next: number;
  isSound: boolean;
}

interface Child {
  readonly id: ObjectId;
  readonly path: ByteString;
}

/** See the top of the file; for the commits of a whole store, one after the other. */
export class CommitChecks {
  readonly #objects: CheckedObjects;
  readonly #sound = new RecordSet();
  readonly #unsound = new RecordSet();
  readonly #summaries = new ByteLru<ObjectId, Summary>(summaryBytes);
  #onFault: (fault: PathFault) => Promise<void> = () => Promise.resolve();
  #faults = 0;

  constructor(objects: CheckedObjects) {
    this.#objects = objects;
  }

  /** What is remembered of objects, in bytes. */
  get memoryBytes(): number {
    return this.#sound.sizeBytes + this.#unsound.sizeBytes + this.#summaries.bytes;
  }

  /** Looks at one commit of a project, whatever it is; `onFault` is told of its first paths. Rejects where the disk fails. */
  async check(
    project: ProjectId,
    id: ObjectId,
    options: { signal: AbortSignal; onFault: (fault: PathFault) => Promise<void> },
  ): Promise<CheckedCommit> {
    this.#onFault = options.onFault;
    this.#faults = 0;
    const root = "" as ByteString;
    const commit = await this.#read(id, "commit", { path: root, decode: decodeCommit });
    if (commit !== undefined && commit.project !== project)
      await this.#fault(root, `it is of project '${commit.project}'`);
    if (commit !== undefined) await this.#walk(commit, options.signal);
    return { isWhole: this.#faults === 0, faults: this.#faults };
  }

  async #walk(commit: Commit, signal: AbortSignal): Promise<void> {
    const root = await this.#enter({ id: commit.tree, path: "" as ByteString });
    const stack: Frame[] = typeof root === "boolean" ? [] : [root];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      signal.throwIfAborted();
      const child = frame.children[frame.next];
      if (child === undefined) {
        if (frame.record >= 0) (frame.isSound ? this.#sound : this.#unsound).add(frame.record);
        stack.pop();
        const parent = stack.at(-1);
        if (parent !== undefined && !frame.isSound) parent.isSound = false;
        continue;
      }
      frame.next += 1;
      const entered = await this.#enter(child);
      if (typeof entered !== "boolean") stack.push(entered);
      else if (!entered) frame.isSound = false;
    }
  }

  /** Goes into a tree; gives at once whether it is sound where that is known, or there is nothing to go into. */
  async #enter({ id, path }: Child): Promise<Frame | boolean> {
    const record = this.#objects.recordOf(id);
    if (this.#sound.has(record)) return true;
    if (this.#unsound.has(record) && this.#faults >= maxPathsPerCommit) {
      this.#faults += 1;
      return false;
    }
    let bytes: Uint8Array | undefined;
    const decode = (read: Uint8Array): TreeOutline => outlineTree((bytes = read));
    const tree = await this.#read(id, "tree", { path, decode });
    if (tree === undefined || bytes === undefined) return false;
    this.#keepSummary(id, summaryOf(tree));
    const frame: Frame = { record, path, children: childrenOf(tree, path), next: 0, isSound: true };
    const isOwnSound = isPagedOutline(tree)
      ? await this.#checkPages(tree, path)
      : await this.#checkEntries(tree, path, bytes);
    frame.isSound = isOwnSound;
    return frame;
  }

  /** Whether each page is one of this directory: of the level below, and between the names that it should be between. */
  async #checkPages({ level, pages }: Extract<TreeOutline, { pages: unknown }>, path: ByteString): Promise<boolean> {
    let isSound = true;
    for (const [at, page] of pages.entries()) {
      const summary = await this.#summary(page.id, "tree");
      if (summary === undefined) continue; // what can't be read is told of when it is walked into
      const before = pages[at + 1]?.firstName;
      const isBefore = before === undefined || (summary.last !== undefined && summary.last < before);
      if (summary.level === level - 1 && summary.first === page.firstName && isBefore) continue;
      isSound = false;
      await this.#fault(path, `malformed tree: '${page.id}' is a page of another directory`);
    }
    return isSound;
  }

  async #checkEntries(
    tree: Exclude<TreeOutline, { pages: unknown }>,
    path: ByteString,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const wrong = new Map<string, string>(); // by what names the content: an id, and the size that goes with it
    const { ids, sizes, count } = tree.blobs;
    this.#blobFaults(ids.subarray(0, count * objectIdLength), sizes, (id, size, why) =>
      wrong.set(`${id} ${size}`, why),
    );
    for (const { list, size } of tree.lists) {
      const why = await this.#listFault(list, { size, level: undefined });
      if (why !== undefined) wrong.set(`${list} ${size}`, why);
    }
    if (wrong.size === 0) return true;
    const decoded = decodeTree(bytes); // an outline has no names
    if (isPaged(decoded)) return false;
    for (const entry of decoded.entries) {
      if (entry.kind !== "file") continue;
      const content = "list" in entry.content ? entry.content.list : entry.content.blob;
      const why = wrong.get(`${content} ${entry.size}`);
      if (why !== undefined) await this.#fault(joinPath(path, entry.name), why);
    }
    return false;
  }

  /** What is wrong with a list and all beneath it, if anything is; the first thing found. A list's level ends the recursion. */
  async #listFault(id: ObjectId, as: { size: number; level: number | undefined }): Promise<string | undefined> {
    const record = this.#objects.recordOf(id);
    let list: List | undefined;
    if (!this.#sound.has(record) || this.#summaries.get(id)?.type !== "list") {
      const read = await this.#readOrWhy(id, "list", decodeList);
      if (typeof read === "string") return read;
      list = read;
      this.#keepSummary(id, { type: "list", level: list.level, size: listSize(list) });
    }
    const summary = list === undefined ? this.#summaries.get(id) : { level: list.level, size: listSize(list) };
    if (
      summary === undefined ||
      !("size" in summary) ||
      summary.size !== as.size ||
      summary.level !== (as.level ?? summary.level)
    )
      return `malformed list: '${id}' has another size or level than what names it says`;
    if (this.#sound.has(record) || list === undefined) return undefined;
    const why = await this.#childFault(list);
    if (record >= 0) (why === undefined ? this.#sound : this.#unsound).add(record);
    return why;
  }

  async #childFault({ level, children }: List): Promise<string | undefined> {
    let first: string | undefined;
    if (level === 0) {
      const ids = encodeObjectIds(children.map(({ id }) => id));
      const sizes = Float64Array.from(children, ({ size }) => size);
      this.#blobFaults(ids, sizes, (_, __, why) => (first ??= why));
      return first;
    }
    for (const { id, size } of children) first = (await this.#listFault(id, { size, level: level - 1 })) ?? first;
    return first;
  }

  #blobFaults(ids: Uint8Array, sizes: Float64Array, onFault: (id: ObjectId, size: number, why: string) => void): void {
    const lengths = ids.length === 0 ? [] : this.#objects.lengthsOf(ids);
    for (let at = 0; at < lengths.length; at += 1) {
      const [length, size] = [lengths[at] as number, sizes[at] as number];
      const isWrong = length !== size;
      if (!isWrong && !this.#objects.hasDamage()) continue;
      const id = objectIdAt(ids, at * objectIdLength);
      if (length < 0) onFault(id, size, missing("blob", id));
      else if (isWrong) onFault(id, size, `blob '${id}' is ${length} bytes long, not ${size}`);
      else if (this.#objects.isDamaged(this.#objects.recordOf(id))) onFault(id, size, damaged("blob", id));
    }
  }

  async #summary(id: ObjectId, kind: "tree"): Promise<Extract<Summary, { type: "tree" }> | undefined> {
    const kept = this.#summaries.get(id);
    if (kept?.type === kind) return kept;
    const tree = await this.#readOrWhy(id, kind, outlineTree);
    if (typeof tree === "string") return undefined;
    const summary = summaryOf(tree);
    this.#keepSummary(id, summary);
    return summary;
  }

  #keepSummary(id: ObjectId, summary: Summary): void {
    const names = summary.type === "tree" ? (summary.first?.length ?? 0) + (summary.last?.length ?? 0) : 0;
    this.#summaries.set(id, summary, bytesPerSummary + names);
  }

  /** An object, or undefined after its fault has been told at `path`. */
  async #read<T>(
    id: ObjectId,
    kind: ObjectKind,
    { path, decode }: { path: ByteString; decode: (bytes: Uint8Array) => T },
  ): Promise<T | undefined> {
    const read = await this.#readOrWhy(id, kind, (bytes) => ({ decoded: decode(bytes) }));
    if (typeof read !== "string") return read.decoded;
    await this.#fault(path, read);
    return undefined;
  }

  async #readOrWhy<T extends object>(
    id: ObjectId,
    kind: ObjectKind,
    decode: (bytes: Uint8Array) => T,
  ): Promise<T | string> {
    const record = this.#objects.recordOf(id);
    if (record < 0) return missing(kind, id);
    if (this.#objects.isDamaged(record)) return damaged(kind, id);
    try {
      return decode(await this.#objects.readObject(id, kind));
    } catch (error) {
      if (isBakError(error, "NO_OBJECT")) return missing(kind, id);
      if (!isBakError(error, "STORE_DAMAGED", "BAD_OBJECT")) throw error;
      return error.message;
    }
  }

  async #fault(path: ByteString, why: string): Promise<void> {
    this.#faults += 1;
    if (this.#faults <= maxPathsPerCommit) await this.#onFault({ path, why });
  }
}

function missing(kind: ObjectKind, id: ObjectId): string {
  return `${kind} '${id}' is missing`;
}

function damaged(kind: ObjectKind, id: ObjectId): string {
  return `${kind} '${id}' is damaged`;
}

function childrenOf(tree: TreeOutline, path: ByteString): Child[] {
  if (isPagedOutline(tree)) return tree.pages.map(({ id }) => ({ id, path }));
  return tree.dirs.map(({ name, tree: id }) => ({ id, path: joinPath(path, name) }));
}

function summaryOf(tree: TreeOutline): Extract<Summary, { type: "tree" }> {
  if (!isPagedOutline(tree)) return { type: "tree", level: 0, first: tree.firstName, last: tree.lastName };
  const { level, pages } = tree;
  return { type: "tree", level, first: pages[0]?.firstName, last: pages.at(-1)?.firstName };
}

/** A path within a commit as a person reads it; the commit itself is a dot. */
export function displayPath(path: ByteString): string {
  return path === "" ? "." : displayName(path);
}
