/**
 * Files on their way into the target: gathered, fetched in batches, written piece by piece beside their place, and moved
 * into it when whole.
 */
import { closeSync, constants, fchmodSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { nanoid } from "nanoid";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { FileEntry } from "../objects/entry.js";
import { decodeList, listSize, type List } from "../objects/list.js";
import type { ObjectId } from "../objects/object-id.js";
import { setModificationTime } from "../platform/file-times.js";
import { createBreath } from "./breath.js";
import { fetchObject, fetchObjects, readObjects } from "./fetch.js";
import { maxIdsPerCall, type Remote } from "./remote.js";
import { restorableMode } from "./restore-target.js";
import { fsPath } from "./source-path.js";

/** Files gathered before they are fetched; large ones count for more, since their lists are held. */
const maxFiles = 16_384;
const maxLargeFiles = 512;

/** A file to be restored. */
export interface WantedFile {
  /** Within the commit, and as an absolute path in the target. */
  readonly path: ByteString;
  readonly absolute: ByteString;
  readonly entry: FileEntry;
}

export interface FileFetcherOptions {
  signal?: AbortSignal | undefined;
  onBytes: (count: number) => void;
  onRestored: (file: WantedFile) => void;
  /** What it throws stops the restore. */
  onFailed: (file: WantedFile, error: unknown) => void;
}

/** A file of which some pieces may have been written. */
interface OpenFile {
  readonly wanted: WantedFile;
  readonly temporary: ByteString;
  isStarted: boolean;
  hasFailed: boolean;
  missingBytes: number;
}

interface Piece {
  readonly file: OpenFile;
  readonly offset: number;
  readonly length: number;
}

export class FileFetcher {
  readonly #remote: Remote;
  readonly #options: FileFetcherOptions;
  readonly #breathe = createBreath();
  #waiting: WantedFile[] = [];
  #waitingLarge = 0;
  /** Where each blob of the batch at hand belongs. */
  #pieces = new Map<ObjectId, Piece[]>();
  #pieceCount = 0;
  readonly #unfinished = new Set<OpenFile>();

  constructor(remote: Remote, options: FileFetcherOptions) {
    this.#remote = remote;
    this.#options = options;
  }

  /** Takes a file; fetches what has gathered when that is enough. */
  async add(file: WantedFile): Promise<void> {
    this.#waiting.push(file);
    if ("list" in file.entry.content) this.#waitingLarge += 1;
    if (this.#waiting.length >= maxFiles || this.#waitingLarge >= maxLargeFiles) await this.#fetchWaiting();
  }

  /** Fetches what is left; every file has then been restored or failed. */
  async finish(): Promise<void> {
    await this.#fetchWaiting();
    await this.#fetchPieces();
  }

  /** Removes what was written of files that are not whole. */
  abandon(): void {
    for (const file of this.#unfinished) if (file.isStarted) removeQuietly(file.temporary);
    this.#unfinished.clear();
  }

  async #fetchWaiting(): Promise<void> {
    const files = this.#waiting;
    this.#waiting = [];
    this.#waitingLarge = 0;
    const lists = new Map<ObjectId, Uint8Array>();
    const listIds = files.flatMap(({ entry }) => ("list" in entry.content ? [entry.content.list] : []));
    // a copy, or every list would hold its member
    const take = (id: ObjectId, bytes: Uint8Array): void => void lists.set(id, Buffer.from(bytes));
    await fetchObjects(this.#remote, listIds, take);
    for (const wanted of files) {
      const { content, size } = wanted.entry;
      const file = this.#open(wanted);
      if ("blob" in content) {
        await this.#want(content.blob, { file, offset: 0, length: size });
        continue;
      }
      let offset = 0;
      for await (const { id, size: length } of this.#chunksOf(
        decodeList(lists.get(content.list) as Uint8Array),
        size,
      )) {
        await this.#want(id, { file, offset, length });
        offset += length;
      }
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

  #open(wanted: WantedFile): OpenFile {
    const folder = wanted.absolute.slice(0, wanted.absolute.lastIndexOf("/") + 1);
    const temporary = `${folder}.bak-${nanoid(12)}.tmp` as ByteString;
    const file = { wanted, temporary, isStarted: false, hasFailed: false, missingBytes: wanted.entry.size };
    this.#unfinished.add(file);
    return file;
  }

  async #want(id: ObjectId, piece: Piece): Promise<void> {
    const pieces = this.#pieces.get(id);
    if (pieces === undefined) this.#pieces.set(id, [piece]);
    else pieces.push(piece);
    this.#pieceCount += 1;
    // one blob may have a million places in a file of zeros, so it is places that are counted
    if (this.#pieceCount >= maxIdsPerCall) await this.#fetchPieces();
  }

  async #fetchPieces(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = new Map();
    this.#pieceCount = 0;
    if (pieces.size === 0) return;
    const ids = [...pieces.keys()];
    for await (const { id, bytes } of readObjects(this.#remote.get(ids), (each) => pieces.has(each))) {
      this.#options.signal?.throwIfAborted();
      for (const piece of pieces.get(id) ?? []) this.#write(piece, id, bytes);
      pieces.delete(id);
      await this.#breathe();
    }
    for (const id of pieces.keys()) throw new BakError("NO_OBJECT", `'${this.#remote.peer}' did not send blob '${id}'`);
  }

  #write(piece: Piece, id: ObjectId, bytes: Uint8Array): void {
    const { file } = piece;
    if (piece.length !== bytes.length)
      throw new BakError("BAD_OBJECT", `blob '${id}' is ${bytes.length} bytes long, not ${piece.length}`);
    if (file.hasFailed) return;
    const { wanted } = file;
    try {
      const isWhole = file.missingBytes === bytes.length;
      writePiece(piece, bytes, isWhole ? restorableMode(wanted.entry) : undefined);
      file.missingBytes -= bytes.length;
      this.#options.onBytes(bytes.length);
      if (!isWhole) return;
      setModificationTime(fsPath(file.temporary), wanted.entry.mtimeSeconds, wanted.entry.mtimeNanoseconds);
      renameSync(fsPath(file.temporary), fsPath(wanted.absolute));
      this.#unfinished.delete(file);
      this.#options.onRestored(wanted);
    } catch (error) {
      file.hasFailed = true;
      if (file.isStarted) removeQuietly(file.temporary);
      this.#unfinished.delete(file);
      this.#options.onFailed(wanted, error);
    }
  }
}

/** Writes one piece; with the last, the mode that the file is to have. */
function writePiece({ file, offset }: Piece, bytes: Uint8Array, mode: number | undefined): void {
  const create = file.isStarted ? 0 : constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(fsPath(file.temporary), constants.O_WRONLY | constants.O_NOFOLLOW | create, 0o600);
  file.isStarted = true;
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
    if (mode !== undefined) fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function removeQuietly(path: ByteString): void {
  try {
    unlinkSync(fsPath(path));
  } catch {
    // it is gone already, or its folder is: there is nothing left to remove
  }
}
