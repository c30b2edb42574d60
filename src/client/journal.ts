/**
 * The journal of a push: which files it has read, and what was in them. It is written while the push runs and deleted when
 * its commit is made. If it is still there when the next push begins, or the next attempt of the same push, that one does not
 * read again what has been read and has reached the store. It is a cache: lost or damaged, it costs time.
 *
 *     "bakjourn" version (u32) header length (u32) header (JSON) check
 *     then batches, as long as they are whole:  length (u32) check records       numbers little-endian
 *
 * A check is the first 16 bytes of the BLAKE3 of what is before it (the header), or after it (a batch). The header names
 * store and folder; the file's own name is that of the project's index. A record is only written for a file that was older
 * than its reading, so that a later change shows in its ctime; nothing is synced.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { byteStringFromText, type ByteString } from "../objects/byte-string.js";
import type { FileContent } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import {
  encodeRecord,
  isInState,
  recordContent,
  recordEnd,
  recordLength,
  recordRoom,
  type JournaledFile,
  type JournaledStat,
} from "./journal-record.js";
import { JournalTable } from "./journal-table.js";
import { makeFolders } from "./make-folders.js";
import { writeAll } from "./write-all.js";

/** What a journal is of. */
export interface JournalOf {
  /** The store's id. */
  readonly store: string;
  /** Absolute path of the folder that is pushed. */
  readonly folder: ByteString;
}

const magic = Buffer.from("bakjourn");
const version = 1;
const checkLength = 16;
const headLength = 4 + checkLength;
/** Records are written so many bytes at a time, and whenever the store has acknowledged something. */
const batchBytes = 64 << 10;
/** Records of files that were read once more since are kept up to this many, or as many as there are others. */
const maxOutdated = 4096;

/** Where the journal that belongs to an index file is; no project's id has a `+`, so no other project's index is there. */
export function journalFile(indexFile: string): string {
  return `${indexFile}+journal`;
}

/** Deletes the journal that belongs to an index file, if there is one: a commit is made. Throws what the file system says. */
export function deleteJournal(indexFile: string): void {
  rmSync(journalFile(indexFile), { force: true });
}

/** Reads what the last push has left, if it is of the same store and folder, and is ready to be written on. */
export class Journal {
  readonly #file: string;
  readonly #header: Buffer;
  readonly #onFailed: (error: unknown) => void;
  readonly #found: Found;
  /** What is not written yet: room for a batch's head, then records. */
  #pending = recordRoom(batchBytes);
  #used = headLength;
  #state: "held" | "begun" | "open" | "ended" = "held";
  #fd: number | undefined;

  /** `onFailed` is told, once, what writing fails with; the journal is then given up. */
  constructor(file: string, of: JournalOf, onFailed: (error: unknown) => void) {
    this.#file = file;
    this.#header = encodeHeader(of);
    this.#onFailed = onFailed;
    this.#found = readRecords(file, this.#header);
  }

  /** What was in a file that looked exactly like this when it was read. */
  find(path: ByteString, stat: JournaledStat): FileContent | undefined {
    const { table, bytes } = this.#found;
    if (table.count === 0) return undefined;
    const at = table.find(path);
    return at === undefined || !isInState(bytes, at, stat) ? undefined : recordContent(bytes, at);
  }

  /** Takes down a file that was read. */
  add(path: ByteString, file: JournaledFile): void {
    if (this.#state === "ended") return;
    const length = recordLength(path, file.content);
    if (length === undefined) return;
    this.#reserve(length);
    encodeRecord(this.#pending, this.#used, path, file);
    this.#used += length;
  }

  /** From now on records are written: it is certain that the store is the one that was named. */
  begin(): void {
    if (this.#state === "held") this.#state = "begun";
  }

  /** Writes what is there, once begun. */
  flush(): void {
    if (this.#used === headLength || this.#state === "held" || this.#state === "ended") return;
    try {
      this.#write(this.#state === "begun" ? this.#open() : Buffer.alloc(0));
    } catch (error) {
      this.#close();
      this.#onFailed(error);
    }
  }

  /** Writes what is there, and lets go of the file. */
  end(): void {
    this.flush();
    this.#close();
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#pending.bytes.length) return;
    this.flush();
    if (this.#used + length <= this.#pending.bytes.length) return;
    const before = this.#pending.bytes; // it may not be written yet
    this.#pending = recordRoom(Math.max(before.length * 2, this.#used + length));
    before.copy(this.#pending.bytes, 0, 0, this.#used);
  }

  #close(): void {
    this.#state = "ended";
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Opens the file; gives what the first batch is to be written behind. */
  #open(): Buffer {
    const { bytes, table, end, outdated } = this.#found;
    const isNew = end === 0 || outdated > Math.max(maxOutdated, table.count);
    makeFolders(byteStringFromText(dirname(this.#file)), 0o700);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (isNew ? constants.O_TRUNC : 0);
    this.#fd = openSync(this.#file, flags, 0o600);
    this.#state = "open";
    if (!isNew) {
      ftruncateSync(this.#fd, end); // what a crash has left of a batch
      return Buffer.alloc(0);
    }
    const records = Array.from(table.records(), (at) => bytes.subarray(at, recordEnd(bytes, at)));
    if (records.length === 0) return this.#header;
    return Buffer.concat([this.#header, asBatch(Buffer.concat([noHead, ...records]))]);
  }

  #write(before: Buffer): void {
    const batch = asBatch(this.#pending.bytes.subarray(0, this.#used));
    this.#used = headLength;
    // at once, as a rule: who is killed leaves all of it, or nothing
    writeAll(this.#fd as number, Buffer.concat([before, batch]));
  }
}

const noHead = Buffer.alloc(headLength);

/** Makes a batch of records that stand behind room for its head. */
function asBatch(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(bytes.length - headLength, 0);
  checkOf(bytes.subarray(headLength)).copy(bytes, 4);
  return bytes;
}

function checkOf(bytes: Uint8Array): Buffer {
  return blake3().hash(bytes).subarray(0, checkLength);
}

function encodeHeader({ store, folder }: JournalOf): Buffer {
  const json = Buffer.from(JSON.stringify({ store, folder }));
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(version, 0);
  numbers.writeUInt32LE(json.length, 4);
  const header = Buffer.concat([magic, numbers, json]);
  return Buffer.concat([header, checkOf(header)]);
}

/** What is in a journal's file. */
interface Found {
  readonly bytes: Buffer;
  readonly table: JournalTable;
  /** Where what is whole ends; 0 if it is no journal of ours. */
  readonly end: number;
  /** Records that others have taken the place of. */
  readonly outdated: number;
}

/** Reads the batches that are whole. A file that is not there, not ours or cannot be read has none. */
function readRecords(file: string, header: Buffer): Found {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    bytes = Buffer.alloc(0);
  }
  const table = new JournalTable(bytes);
  if (!bytes.subarray(0, header.length).equals(header)) return { bytes, table, end: 0, outdated: 0 };
  let end = header.length;
  let records = 0;
  while (end + headLength <= bytes.length) {
    const length = bytes.readUInt32LE(end);
    const batch = bytes.subarray(end + headLength, end + headLength + length);
    const check = bytes.subarray(end + 4, end + headLength);
    if (length === 0 || batch.length < length || !checkOf(batch).equals(check)) break;
    end += headLength + length;
    const beginnings = recordsIn(bytes.subarray(0, end), end - length);
    for (const at of beginnings) table.add(at);
    records += beginnings.length;
  }
  return { bytes, table, end, outdated: records - table.count };
}

/** Where the records begin that stand from `from` on, to the end of the bytes. */
function recordsIn(bytes: Buffer, from: number): number[] {
  const found: number[] = [];
  let at: number | undefined = from;
  while (at < bytes.length) {
    const end: number | undefined = recordEnd(bytes, at);
    if (end === undefined) break;
    found.push(at);
    at = end;
  }
  return found;
}
