/**
 * The files of a restore: gathered in a table, compared with what is there, fetched in the order in which the store has
 * them, and written by threads. This thread receives, hands members on, and counts.
 */
import { unlinkSync } from "node:fs";
import { nanoid } from "nanoid";
import { BakError } from "../errors.js";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { CanonicalWriter } from "../objects/canonical-writer.js";
import { fileHashOf, writeExtendedAttributes, type ExtendedAttribute, type FileEntry } from "../objects/entry.js";
import { decodeList, listSize, type List } from "../objects/list.js";
import { objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { fetchObject, fetchObjects } from "./fetch.js";
import { getRest, isLoss } from "./fetch-rest.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { FolderCache, HeldFolder, type FolderPlace } from "./held-folder.js";
import { maxIdsPerCall, type Remote } from "./remote.js";
import type { OwnedAttributes } from "./owner-map.js";
import type { Loss } from "./put-attributes.js";
import type { PathFailure } from "./restore-failure.js";
import { fileStates, RestoreTable, targetFolder, type FileState, type TableFile } from "./restore-table.js";
import { RestoreThreads } from "./restore-threads.js";
import { temporaryName, verdicts, type Written } from "./restore-writer.js";
import type { TableCapacity } from "./table-columns.js";
import type { TargetFolder } from "./target-folder.js";

/** Files that may be right already are compared when so many have gathered, or so many bytes of them. */
const maxCompared = 4096;
const maxComparedBytes = 256 << 20;
/** One thread is given so much of that at a time. */
const comparedPerJob = 256;
const comparedBytesPerJob = 16 << 20;
/** Large files gather until their lists, which are held meanwhile, take about so many bytes. */
const maxListBytes = 8 << 20;
const maxLargeFiles = 1024;
/** What a list takes for a MiB of its file: chunks of 157 KiB on average, 40 bytes each. */
const listBytesPerMib = 270;

export interface FileFetcherOptions {
  signal?: AbortSignal | undefined;
  /** As in the options of a restore. */
  threads: number | undefined;
  capacity: TableCapacity;
  target: FolderPlace;
  /** What a file in a folder is to be given. */
  attributesOf: (folder: TargetFolder, entry: FileEntry) => OwnedAttributes;
  onWritten: (bytes: number) => void;
  /** Files are in their place. */
  onRestored: (count: { files: number; bytes: number }) => void;
  /** Nothing is fetched or written; files that would be count as restored. */
  isDryRun: boolean;
  /** Files had the right content already; `mended` of them other attributes. They count as restored, too. */
  onLeft: (count: { files: number; bytes: number; mended: number }) => void;
  /** A file that may have more names stays where it is. */
  onKept: (entry: FileEntry) => void;
  /** Which fates of single files are told with `onFate`: that of one that took another's place always is. */
  tells: { readonly made: boolean; readonly left: boolean };
  onFate: (path: ByteString, fate: FileFate) => void;
  /** A file is in its place, but lacks something. */
  onLosses: (path: ByteString, losses: readonly Loss[]) => void;
  /** What it throws stops the restore. */
  onFailed: (path: ByteString, failure: PathFailure) => void;
  /** All files that were added so far have been dealt with. */
  onSettled: () => void;
}

/** What has become of a file: it is new, took the place of something else, got other attributes, or was right. */
export type FileFate = "made" | "replaced" | "changed" | "left";

interface Wanted {
  readonly folder: TargetFolder;
  readonly entry: FileEntry;
  readonly put: PutAttributes;
  /** Something else is in its place. */
  readonly isOther: boolean;
}

/** What a file is to be given, as the table takes it. */
type PutAttributes = Pick<TableFile, "mode" | "owner" | "attributes">;

/** How a file of the table that is being fetched will be told of; those that are compared are told of at once. */
const fates = { none: 0, made: 1, replaced: 2 } as const;

/** See the top of the file. One call at a time: each is waited for before the next. */
export class FileFetcher {
  readonly #remote: Remote;
  readonly #options: FileFetcherOptions;
  readonly #table: RestoreTable;
  readonly #threads: RestoreThreads;
  readonly #tag = nanoid(10);
  /** Counts the tables that were filled. */
  #round = 1;
  #nextNumber = 0;
  #large: Wanted[] = [];
  #largeListBytes = 0;
  #compared: Wanted[] = [];
  #comparedBytes = 0;
  /** Files that are neither in the table to be fetched nor settled. */
  #undecided = 0;
  /** Of each file of the table. */
  readonly #fates: Uint8Array;
  #hasOthers = false;

  constructor(remote: Remote, options: FileFetcherOptions) {
    this.#remote = remote;
    this.#options = options;
    this.#table = new RestoreTable(options.capacity);
    this.#fates = new Uint8Array(options.capacity.pieces);
    options.signal?.addEventListener("abort", this.#stop, { once: true });
    this.#threads = new RestoreThreads({
      size: options.threads,
      plan: {
        table: this.#table.shared,
        target: options.target,
        tag: this.#tag,
        umask: process.umask(),
        isDryRun: options.isDryRun,
      },
      table: this.#table,
      onWritten: options.onWritten,
      onResult: (written) => this.#count(written, options.onRestored),
    });
  }

  /**
   * Takes a file that is to be fetched, and says whether something else is in its place; where there is something to wait for,
   * resolves when the next may come.
   */
  add(folder: TargetFolder, entry: FileEntry, isOther: boolean): Promise<void> | undefined {
    return this.#add({ folder, entry, put: this.#putOf(folder, entry), isOther });
  }

  #add(wanted: Wanted): Promise<void> | undefined {
    const { entry } = wanted;
    if (this.#options.isDryRun) return this.#imagine(wanted);
    if ("list" in entry.content) return this.#addLarge(wanted);
    if (!this.#hasRoom(wanted)) return this.#flush().then(() => this.#add(wanted));
    const { blob } = entry.content;
    const file = this.#addFetched(wanted, this.#nextNumber++);
    this.#table.addPiece(blob, file, { offset: 0, length: entry.size });
    this.#threads.foresee(1, entry.size);
    return undefined;
  }

  /** Takes a file in whose place there is one of the right size. */
  compare(folder: TargetFolder, entry: FileEntry): Promise<void> | undefined {
    this.#compared.push({ folder, entry, put: this.#putOf(folder, entry), isOther: true });
    this.#comparedBytes += entry.size;
    this.#undecided += 1;
    this.#threads.foresee(1, entry.size);
    const isEnough = this.#compared.length >= maxCompared || this.#comparedBytes >= maxComparedBytes;
    return isEnough ? this.#compareWaiting() : undefined;
  }

  /** Settles what is left; every file has then been restored or failed. */
  async finish(): Promise<void> {
    await this.#flush();
  }

  /** Ends all work, and removes what was written of files that are not whole. Never rejects. */
  async end(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#stop);
    await this.#threads.end();
    this.#tellFates();
    this.#removeUnfinished();
  }

  #stop = (): void => this.#table.stop();

  #hasRoom({ folder, put }: Wanted): boolean {
    return this.#table.hasRoom(folder.missingFrom(this.#round), put.attributes.length);
  }

  #putOf(folder: TargetFolder, entry: FileEntry): PutAttributes {
    const { mode, uid, gid, isOwned, extendedAttributes } = this.#options.attributesOf(folder, entry);
    const attributes = extendedAttributes === undefined ? noBytes : encodeAttributes(extendedAttributes);
    return { mode, owner: isOwned ? { uid, gid } : undefined, attributes };
  }

  /** There must be room. */
  #addFile({ folder, entry, put }: Wanted, number: number, state: FileState = fileStates.waiting): number {
    return this.#table.addFile(
      {
        folder: folder.numberIn(this.#table, this.#round),
        name: entry.name,
        size: entry.size,
        ...put,
        mtimeSeconds: entry.mtimeSeconds,
        mtimeNanoseconds: entry.mtimeNanoseconds,
        number,
      },
      state,
    );
  }

  #addFetched(wanted: Wanted, number: number, state?: FileState): number {
    const file = this.#addFile(wanted, number, state);
    this.#fates[file] = wanted.isOther ? fates.replaced : fates.made;
    this.#hasOthers ||= wanted.isOther;
    return file;
  }

  /** Counts a file, and fetches nothing. */
  #imagine({ folder, entry, isOther }: Wanted): undefined {
    this.#options.onRestored({ files: 1, bytes: entry.size });
    if (isOther || this.#options.tells.made)
      this.#options.onFate(folder.pathOf(entry.name), isOther ? "replaced" : "made");
  }

  #addLarge(wanted: Wanted): Promise<void> | undefined {
    this.#large.push(wanted);
    this.#largeListBytes += Math.ceil(wanted.entry.size / (1 << 20)) * listBytesPerMib;
    this.#undecided += 1;
    const isEnough = this.#large.length >= maxLargeFiles || this.#largeListBytes >= maxListBytes;
    return isEnough ? this.#fetchLists() : undefined;
  }

  async #flush(): Promise<void> {
    if (this.#compared.length > 0) await this.#compareWaiting();
    if (this.#large.length > 0) await this.#fetchLists();
    await this.#fetchPieces();
    if (this.#undecided === 0) this.#options.onSettled();
  }

  async #compareWaiting(): Promise<void> {
    const files = this.#compared;
    this.#compared = [];
    this.#comparedBytes = 0;
    const found = new Uint8Array(files.length);
    for (let start = 0; start < files.length;) {
      if (!this.#hasRoom(files[start] as Wanted)) await this.#fetchPieces();
      const job: number[] = [];
      let bytes = 0;
      for (let at = start; this.#fitsJob(files[at], { files: job.length, bytes }); at += 1) {
        const wanted = files[at] as Wanted;
        job.push(this.#addFile(wanted, this.#nextNumber++));
        bytes += wanted.entry.size;
      }
      const from = start;
      start += job.length;
      await this.#compareNow(files.slice(from, start), job, (its) => found.set(its, from));
    }
    await this.#threads.drain();
    this.#options.signal?.throwIfAborted();
    for (const [index, wanted] of files.entries()) {
      if (found[index] === verdicts.other) await this.#add(wanted);
      this.#undecided -= 1;
    }
  }

  #fitsJob(wanted: Wanted | undefined, job: { files: number; bytes: number }): wanted is Wanted {
    if (wanted === undefined || !this.#hasRoom(wanted)) return false;
    return job.files < comparedPerJob && job.bytes < comparedBytesPerJob;
  }

  /** Has a thread compare files that have these numbers. */
  async #compareNow(wanted: Wanted[], numbers: number[], take: (found: Uint8Array) => void): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const hashes = Buffer.alloc(wanted.length * objectIdLength);
    for (const [index, { entry }] of wanted.entries())
      hashes.set(objectIdBytes(fileHashOf(entry.content)), index * objectIdLength);
    await this.#threads.run({ type: "compare", files: Int32Array.from(numbers), hashes }, this.#round, (done) => {
      const found = done.verdicts ?? new Uint8Array(0);
      const mended = found.reduce((count, verdict) => count + (verdict === verdicts.mended ? 1 : 0), 0);
      take(found);
      this.#count(done.written, (count) => this.#options.onLeft({ ...count, mended }));
      for (const [index, verdict] of found.entries()) {
        const { entry } = wanted[index] as Wanted;
        if (verdict !== verdicts.other && entry.hardLinkGroup !== undefined) this.#options.onKept(entry);
        this.#tellCompared(numbers[index] as number, verdict);
      }
    });
  }

  #tellCompared(file: number, verdict: number): void {
    const { tells, onFate } = this.#options;
    if (verdict === verdicts.other || this.#table.stateOf(file) !== fileStates.done) return;
    if (verdict === verdicts.mended && tells.made) onFate(this.#pathOf(file), "changed");
    if (verdict === verdicts.right && tells.left) onFate(this.#pathOf(file), "left");
  }

  /** Tells of the files that have been fetched and are in their place. */
  #tellFates(): void {
    const { tells, onFate } = this.#options;
    if (tells.made || this.#hasOthers) {
      for (let file = 0; file < this.#table.files; file += 1) {
        const fate = this.#fates[file];
        if (fate === fates.none || this.#table.stateOf(file) !== fileStates.done) continue;
        if (fate === fates.replaced) onFate(this.#pathOf(file), "replaced");
        else if (tells.made) onFate(this.#pathOf(file), "made");
      }
    }
    this.#hasOthers = false;
    this.#fates.fill(fates.none, 0, this.#table.files);
  }

  async #fetchLists(): Promise<void> {
    const files = this.#large;
    this.#large = [];
    this.#largeListBytes = 0;
    const lists = new Map<ObjectId, Uint8Array>();
    const ids = files.flatMap(({ entry }) => ("list" in entry.content ? [entry.content.list] : []));
    // a copy, or every list would hold its member
    const take = (id: ObjectId, bytes: Uint8Array): void => void lists.set(id, Buffer.from(bytes));
    await fetchObjects(this.#remote, ids, take).catch(async (error: unknown) => {
      if (!isLoss(error)) throw error;
      for (const id of ids) if (!lists.has(id)) await fetchObjects(this.#remote, [id], take).catch(passOverLoss);
    });
    for (const wanted of files) {
      const { content } = wanted.entry;
      const list = "list" in content ? lists.get(content.list) : undefined;
      if (list === undefined) this.#options.onFailed(wanted.folder.pathOf(wanted.entry.name), lostFailure);
      else await this.#addPieces(wanted, decodeList(list));
      this.#undecided -= 1;
    }
  }

  async #addPieces(wanted: Wanted, list: List): Promise<void> {
    const number = this.#nextNumber++;
    if (!this.#hasRoom(wanted)) await this.#fetchPieces();
    let file = this.#addFetched(wanted, number);
    let offset = 0;
    try {
      for await (const { id, size: length } of this.#chunksOf(list, wanted.entry.size)) {
        if (!this.#hasRoom(wanted)) {
          this.#table.expectMore(file);
          const state = await this.#fetchPieces(file);
          file = this.#addFetched(wanted, number, state);
        }
        this.#table.addPiece(id, file, { offset, length });
        this.#threads.foresee(1, length);
        offset += length;
      }
    } catch (error) {
      passOverLoss(error);
      if (this.#table.fail(file)) this.#options.onFailed(this.#pathOf(file), lostFailure);
    }
  }

  /** The blobs of a large file, in order; lists below the first are fetched as they are come to. */
  async *#chunksOf(list: List, sizeBytes: number): AsyncGenerator<{ id: ObjectId; size: number }, void, undefined> {
    if (listSize(list) !== sizeBytes) throw new BakError("BAD_OBJECT", "malformed list: of another size than its file");
    for (const child of list.children) {
      if (list.level === 0) {
        yield child;
        continue;
      }
      const below = decodeList(await fetchObject(this.#remote, child.id));
      if (below.level !== list.level - 1)
        throw new BakError("BAD_OBJECT", "malformed list: of another level than its parent says");
      yield* this.#chunksOf(below, child.size);
    }
  }

  /**
   * Fetches all that the table wants, and empties it. Of the file that is given, if one is, more is to come: resolves with
   * how far it is.
   */
  async #fetchPieces(unfinished?: number): Promise<FileState> {
    await this.#threads.drain(); // comparisons, of files that are in the table
    for (;;) {
      const ids = this.#table.untaken(maxIdsPerCall);
      if (ids.length === 0) break;
      for await (const member of getRest(this.#remote, ids, (id) => this.#table.isUntaken(id))) {
        this.#options.signal?.throwIfAborted();
        countGarbage(member.length);
        await this.#threads.run({ type: "write", member }, this.#round);
      }
      await this.#threads.drain();
      this.#options.signal?.throwIfAborted();
      for (const id of ids) if (this.#table.isUntaken(id)) this.#giveUp(id);
    }
    const state = unfinished === undefined ? fileStates.done : this.#table.stateOf(unfinished);
    this.#tellFates();
    this.#removeUnfinished(unfinished);
    this.#table.clear();
    this.#round += 1;
    return state;
  }

  /** A blob did not come, or came damaged. */
  #giveUp(id: ObjectId): void {
    for (const file of this.#table.giveUp(id)) this.#options.onFailed(this.#pathOf(file), lostFailure);
  }

  #count({ files, bytes, failures, losses }: Written, tell: FileFetcherOptions["onRestored"]): void {
    if (files > 0) tell({ files, bytes });
    for (const { file, losses: its } of losses) this.#options.onLosses(this.#pathOf(file), its);
    for (const { file, failure } of failures) this.#options.onFailed(this.#pathOf(file), failure);
  }

  #pathOf(file: number): ByteString {
    const { folder, name } = this.#table.file(file);
    let path = name;
    for (let at = folder; at !== targetFolder; at = this.#table.parentOf(at) ?? targetFolder)
      path = joinPath(this.#table.folderName(at), path);
    return path;
  }

  /** Files of several pieces that failed, or were broken off, may have left what there was of them. */
  #removeUnfinished(except?: number): void {
    const table = this.#table;
    const folders = new FolderCache(HeldFolder.at(this.#options.target), {
      parent: (folder: number) => table.parentOf(folder),
      name: (folder) => table.folderName(folder),
    });
    for (let file = 0; file < table.files; file += 1) {
      const state = table.stateOf(file);
      const isOver = state === fileStates.failed || (state === fileStates.started && file !== except);
      if (isOver) removeTemporary(folders, table.file(file), this.#tag);
    }
    folders.close();
  }
}

const noBytes = new Uint8Array(0);

function encodeAttributes(attributes: readonly ExtendedAttribute[]): Uint8Array {
  const writer = new CanonicalWriter(256);
  writeExtendedAttributes(writer, attributes);
  return writer.finish();
}

/** What is told of a file whose content is lost. */
const lostFailure: PathFailure = {
  errno: undefined,
  why: "its content is damaged or missing in the store",
  isLoss: true,
};

function passOverLoss(error: unknown): void {
  if (!isLoss(error)) throw error;
}

function removeTemporary(folders: FolderCache<number>, file: TableFile, tag: string): void {
  try {
    unlinkSync(folders.get(file.folder).path(temporaryName(tag, file)));
  } catch {
    // it is gone already, or its folder is: there is nothing left to remove
  }
}
