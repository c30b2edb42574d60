/**
 * What a restore wants and does not have yet, in memory that its threads share: which blobs, where each belongs, and the
 * files and folders that these places are in. The main thread adds to it; threads look up what comes in, take each blob
 * once, and count down what is missing of each file. Half a million files take about 60 MB.
 */
import { randomInt } from "node:crypto";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { maxNameBytes } from "../objects/entry.js";
import { objectIdAt, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { inTurn } from "../threads/in-turn.js";
import {
  allocateTable,
  viewTable,
  wordsPerId,
  type SharedTable,
  type TableCapacity,
  type TableColumns,
} from "./table-columns.js";

/** The most that a restore knows of at a time: beyond it, it fetches, and a blob that is wanted again comes again. */
export const fullCapacity: TableCapacity = { pieces: 1 << 19, folders: 1 << 18, nameBytes: 32 << 20 };

/** How far a file is. */
export const fileStates = { waiting: 0, started: 1, done: 2, failed: 3 } as const;
export type FileState = (typeof fileStates)[keyof typeof fileStates];

/** The folder that a restore is into is the first of every table. */
export const targetFolder = 0;

/** A file to be restored, as the table keeps it. */
export interface TableFile {
  readonly folder: number;
  readonly name: ByteString;
  /** In bytes. */
  readonly size: number;
  /** As it is to be set. */
  readonly mode: number;
  /** Undefined where the owner is not to be set. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Its extended attributes as `writeExtendedAttributes` writes them; empty for none. */
  readonly attributes: Uint8Array;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Names its temporary file; of a file that is in several tables in turn, the same in each. */
  readonly number: number;
}

const noPiece = -1;
/** No user, and no group, has this number: chown(2) leaves an owner as it is for it. */
const noOwner = -1;
/** Different sets of attributes are seldom many; so many are looked through for the same before one is written again. */
const maxKnownAttributes = 64;
const taken = -2;

const noAttributes = new Uint8Array(0);

/** See the top of the file. Numbers of ids, pieces, files and folders count from 0 in the order in which they were added. */
export class RestoreTable {
  readonly shared: SharedTable;
  readonly #columns: TableColumns;
  readonly #slotMask: number;
  /** The id that is looked for, as bytes and as words. */
  readonly #sought = new Int32Array(wordsPerId);
  readonly #soughtBytes = Buffer.from(this.#sought.buffer);
  #nameBytes = 0;
  #ids = 0;
  #pieces = 0;
  #files = 0;
  #folders = 1;
  /** All ids before this one have been taken. */
  #cursor = 0;
  /** Where attributes lie in the names that a file may share with others before it. */
  readonly #attributes = new Map<string, number>();

  /** A new table, or, in another thread, a view of one. */
  constructor(from: SharedTable | TableCapacity) {
    this.shared =
      "memory" in from ? from : { memory: allocateTable(from), capacity: from, seed: randomInt(2 ** 31) * 2 + 1 };
    this.#columns = viewTable(this.shared.memory, this.shared.capacity);
    this.#slotMask = this.#columns.slots.length - 1;
  }

  get files(): number {
    return this.#files;
  }

  get pieces(): number {
    return this.#pieces;
  }

  /** Forgets everything; no thread may be at work on it. What was written stays counted. */
  clear(): void {
    this.#columns.slots.fill(0);
    this.#attributes.clear();
    [this.#nameBytes, this.#ids, this.#pieces, this.#files, this.#folders, this.#cursor] = [0, 0, 0, 0, 1, 0];
  }

  /**
   * Whether a file with one piece and so many bytes of attributes can be added, in a folder that needs `newFolders` to be
   * added before it.
   */
  hasRoom(newFolders: number, attributeBytes = 0): boolean {
    const { pieces, folders, nameBytes } = this.shared.capacity;
    return (
      this.#pieces < pieces &&
      this.#files < pieces &&
      this.#folders + newFolders <= folders &&
      this.#nameBytes + (newFolders + 1) * maxNameBytes + attributeBytes <= nameBytes
    );
  }

  addFolder(parent: number, name: ByteString): number {
    const { folder } = this.#columns;
    const index = this.#folders++;
    folder.parent[index] = parent;
    folder.nameAt[index] = this.#addName(name);
    folder.nameLength[index] = name.length;
    return index;
  }

  addFile(wanted: TableFile, state: FileState = fileStates.waiting): number {
    const { file } = this.#columns;
    const index = this.#files++;
    file.folder[index] = wanted.folder;
    file.nameAt[index] = this.#addName(wanted.name);
    file.nameLength[index] = wanted.name.length;
    file.mode[index] = wanted.mode;
    file.uid[index] = wanted.owner?.uid ?? noOwner;
    file.gid[index] = wanted.owner?.gid ?? noOwner;
    file.attributesLength[index] = wanted.attributes.length;
    if (wanted.attributes.length > 0) file.attributesAt[index] = this.#addAttributes(wanted.attributes);
    file.seconds[index] = wanted.mtimeSeconds;
    file.nanoseconds[index] = wanted.mtimeNanoseconds;
    file.size[index] = wanted.size;
    file.number[index] = wanted.number;
    file.missing[index] = 0;
    file.state[index] = state;
    return index;
  }

  /** Adds a place that a blob belongs to. */
  addPiece(id: ObjectId, file: number, at: { offset: number; length: number }): void {
    const { piece, firstPiece } = this.#columns;
    const found = this.#findOrAdd(id);
    const index = this.#pieces++;
    piece.file[index] = file;
    piece.offset[index] = at.offset;
    piece.length[index] = at.length;
    piece.next[index] = firstPiece[found] as number;
    firstPiece[found] = index;
    this.expectMore(file);
  }

  /** Something of the file is still to come: it must not be finished without it. */
  expectMore(file: number): void {
    (this.#columns.file.missing[file] as number) += 1;
  }

  /** Ids that no thread has taken, in the order in which they were added; at most `count`. Adding to the table ends before. */
  untaken(count: number): ObjectId[] {
    const found: ObjectId[] = [];
    while (this.#cursor < this.#ids && this.#isTaken(this.#cursor)) this.#cursor += 1;
    for (let id = this.#cursor; id < this.#ids && found.length < count; id += 1) {
      if (!this.#isTaken(id)) found.push(objectIdAt(this.#columns.idBytes, id * objectIdLength));
    }
    return found;
  }

  /** The number of an id, by which it can be taken; undefined if the table does not have it. */
  find(id: ObjectId): number | undefined {
    const slot = this.#slotOf(id);
    const entry = this.#columns.slots[slot] as number;
    return entry === 0 ? undefined : entry - 1;
  }

  /** Whether the bytes are those of the id with this number: the hash is theirs. */
  isId(id: number, hash: Uint8Array): boolean {
    const { idBytes } = this.#columns;
    return idBytes.compare(hash, 0, objectIdLength, id * objectIdLength, (id + 1) * objectIdLength) === 0;
  }

  /** The first place of a blob, for the thread that asks first; undefined for every other. */
  take(id: number): number | undefined {
    const first = Atomics.exchange(this.#columns.firstPiece, id, taken);
    return first === taken ? undefined : first;
  }

  /** Whether no thread has taken a blob, of an id that the table has. */
  isUntaken(id: ObjectId): boolean {
    const number = this.find(id);
    return number !== undefined && !this.#isTaken(number);
  }

  /** Does work on a file while no other thread does any on it, as a rule: it is no more than a way to save time. */
  inTurn<Result>(file: number, work: () => Result): Result {
    const { turns } = this.#columns;
    return inTurn(turns, file % turns.length, work);
  }

  /** Gives a blob up that is lost: the files that it belongs to fail. Gives those of which that is news. */
  giveUp(id: ObjectId): number[] {
    const number = this.find(id);
    const failed: number[] = [];
    for (let at = number === undefined ? undefined : this.take(number); at !== undefined; at = this.nextPiece(at)) {
      const { file } = this.piece(at);
      if (this.fail(file)) failed.push(file);
    }
    return failed;
  }

  #isTaken(id: number): boolean {
    return Atomics.load(this.#columns.firstPiece, id) === taken;
  }

  /** The place of a blob after this one; undefined after the last. */
  nextPiece(piece: number): number | undefined {
    const next = this.#columns.piece.next[piece] as number;
    return next === noPiece ? undefined : next;
  }

  piece(index: number): { file: number; offset: number; length: number } {
    const { file, offset, length } = this.#columns.piece;
    return { file: file[index] as number, offset: offset[index] as number, length: length[index] as number };
  }

  file(index: number): TableFile {
    const { file } = this.#columns;
    return {
      folder: file.folder[index] as number,
      name: this.#name(file.nameAt[index] as number, file.nameLength[index] as number),
      size: file.size[index] as number,
      mode: file.mode[index] as number,
      owner: this.#owner(index),
      attributes: this.#attributesOf(index),
      mtimeSeconds: file.seconds[index] as number,
      mtimeNanoseconds: file.nanoseconds[index] as number,
      number: file.number[index] as number,
    };
  }

  stateOf(file: number): FileState {
    return Atomics.load(this.#columns.file.state, file) as FileState;
  }

  /** Notes that there may be a temporary file from now on; false if the file has failed, and is to be left alone. */
  start(file: number): boolean {
    const { waiting, started, failed } = fileStates;
    return Atomics.compareExchange(this.#columns.file.state, file, waiting, started) !== failed;
  }

  /** Notes that the file is in its place. */
  finish(file: number): void {
    Atomics.store(this.#columns.file.state, file, fileStates.done);
  }

  /** Notes that the file cannot be restored; whether that is news. */
  fail(file: number): boolean {
    return Atomics.exchange(this.#columns.file.state, file, fileStates.failed) !== fileStates.failed;
  }

  /** One thing less is missing of a file; whether that was the last. */
  countDown(file: number): boolean {
    return Atomics.sub(this.#columns.file.missing, file, 1) === 1;
  }

  /** The folder that a folder is in; undefined for the target. */
  parentOf(folder: number): number | undefined {
    return folder === targetFolder ? undefined : this.#columns.folder.parent[folder];
  }

  folderName(folder: number): ByteString {
    const { nameAt, nameLength } = this.#columns.folder;
    return this.#name(nameAt[folder] as number, nameLength[folder] as number);
  }

  /** Counts bytes that have been written. */
  countBytes(count: number): void {
    Atomics.add(this.#columns.bytesWritten, 0, BigInt(count));
  }

  /** How many bytes have been written, by all threads. */
  get bytesWritten(): number {
    return Number(Atomics.load(this.#columns.bytesWritten, 0));
  }

  /** Makes every thread end what it does as soon as it can. */
  stop(): void {
    Atomics.store(this.#columns.isStopped, 0, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#columns.isStopped, 0) === 1;
  }

  #addName(name: ByteString): number {
    const at = this.#nameBytes;
    this.#nameBytes += this.#columns.names.write(name, at, "latin1");
    return at;
  }

  #addAttributes(bytes: Uint8Array): number {
    const key = byteString(bytes);
    const known = this.#attributes.get(key);
    if (known !== undefined) return known;
    const at = this.#nameBytes;
    this.#columns.names.set(bytes, at);
    this.#nameBytes += bytes.length;
    if (this.#attributes.size === maxKnownAttributes) this.#attributes.clear();
    this.#attributes.set(key, at);
    return at;
  }

  #attributesOf(index: number): Uint8Array {
    const { attributesAt, attributesLength } = this.#columns.file;
    const length = attributesLength[index] as number;
    if (length === 0) return noAttributes;
    const at = attributesAt[index] as number;
    return Buffer.from(this.#columns.names.subarray(at, at + length)); // no system call takes shared memory
  }

  #owner(index: number): TableFile["owner"] {
    const { uid, gid } = this.#columns.file;
    if (uid[index] === noOwner) return undefined;
    return { uid: (uid[index] as number) >>> 0, gid: (gid[index] as number) >>> 0 };
  }

  #name(at: number, length: number): ByteString {
    return byteString(this.#columns.names.subarray(at, at + length));
  }

  #findOrAdd(id: ObjectId): number {
    const { slots, ids, firstPiece } = this.#columns;
    const slot = this.#slotOf(id);
    const entry = slots[slot] as number;
    if (entry !== 0) return entry - 1;
    const index = this.#ids++;
    ids.set(this.#sought, index * wordsPerId);
    firstPiece[index] = noPiece;
    slots[slot] = index + 1;
    return index;
  }

  /** The slot that has the id, or the free one where it belongs. */
  #slotOf(id: ObjectId): number {
    const { slots, ids } = this.#columns;
    this.#soughtBytes.write(id, "hex");
    let slot = this.#hashOfSought() & this.#slotMask;
    for (;;) {
      const entry = slots[slot] as number;
      if (entry === 0 || this.#isSought(ids, (entry - 1) * wordsPerId)) return slot;
      slot = (slot + 1) & this.#slotMask;
    }
  }

  #hashOfSought(): number {
    let hash = 0;
    for (let word = 0; word < wordsPerId; word += 1)
      hash = Math.imul(hash ^ (this.#sought[word] as number), this.shared.seed);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b); // the finalizer of MurmurHash3: the low bits are to depend on all
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  #isSought(ids: Int32Array, at: number): boolean {
    for (let word = 0; word < wordsPerId; word += 1) if (ids[at + word] !== this.#sought[word]) return false;
    return true;
  }
}
