/**
 * Writes the files of a restore, one thread among others: each piece where the table says that it belongs, into a
 * temporary file beside its place, which takes that place when nothing of it is missing any more.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  type BigIntStats,
} from "node:fs";
import { BakError } from "../errors.js";
import { bytesOf, type ByteString } from "../objects/byte-string.js";
import { CanonicalReader } from "../objects/canonical-reader.js";
import { readExtendedAttributes } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import { loadAtCalls, type AtCalls } from "../platform/at-calls.js";
import { loadAttributeCalls } from "../platform/extended-attributes.js";
import { setOpenFileTime } from "../platform/file-times.js";
import { countGarbage } from "../threads/collect-garbage.js";
import { DropBehind } from "./drop-behind.js";
import { openMember } from "./fetch-rest.js";
import { FolderCache, HeldFolder, type FolderPlace } from "./held-folder.js";
import { openToRead } from "./open-file.js";
import type { OwnedAttributes } from "./owner-map.js";
import { putOnOpenFile, type Loss } from "./put-attributes.js";
import { isFailureOfAll, pathFailureOf, type PathFailure } from "./restore-failure.js";
import { fileStates, RestoreTable, type TableFile } from "./restore-table.js";
import type { SharedTable } from "./table-columns.js";
import { writeSparse } from "./write-sparse.js";

/** What threads have to know of the restore that they work for. */
export interface WriterPlan {
  readonly table: SharedTable;
  readonly target: FolderPlace;
  /** Begins the names of temporary files; no other restore has the same. */
  readonly tag: string;
  /** The bits that a new file is denied. */
  readonly umask: number;
  /** Files are compared, and nothing is written or set. */
  readonly isDryRun: boolean;
}

/** What has come of some files. */
export interface Written {
  files: number;
  /** Their sizes. */
  bytes: number;
  readonly failures: { readonly file: number; readonly failure: PathFailure }[];
  /** Files among them that lack something. */
  readonly losses: { readonly file: number; readonly losses: readonly Loss[] }[];
}

/** What a comparison says of a file: another has to take its place; it is right; its content is, and something else was set. */
export const verdicts = { other: 0, right: 1, mended: 2 } as const;
type Verdict = (typeof verdicts)[keyof typeof verdicts];

const compareBytes = 1 << 20;
const modeUntilWhole = 0o600;

/** The name of a file until it is whole. */
export function temporaryName(tag: string, file: TableFile): ByteString {
  return `.bak-${tag}-${file.number.toString(36)}.tmp` as ByteString;
}

/** Whether a file may be one that a restore has not finished: this one, another, or one that was killed. */
export function isTemporaryName(name: ByteString): boolean {
  return /^\.bak-[\w-]{10}-[0-9a-z]+\.tmp$/.test(name);
}

export class RestoreWriter {
  readonly #table: RestoreTable;
  readonly #plan: WriterPlan;
  readonly #folders: FolderCache<number>;
  readonly #dropBehind = new DropBehind();
  /** What a new file in a folder has by itself. */
  #births = new WeakMap<HeldFolder, Birth>();
  #calls: AtCalls | undefined | null = null;
  #buffer: Buffer | undefined;

  constructor(plan: WriterPlan) {
    this.#plan = plan;
    const table = new RestoreTable(plan.table);
    this.#table = table;
    this.#folders = new FolderCache(HeldFolder.at(plan.target), {
      parent: (folder: number) => table.parentOf(folder),
      name: (folder: number) => table.folderName(folder),
    });
  }

  /** Closes the folders that it has open; to be called when their numbers get another meaning, too. */
  close(): void {
    this.#folders.close();
  }

  /**
   * Writes what the table wants of a member. Nobody takes what is damaged: a member that cannot be read, and bytes that are not
   * what their id says. Throws BAD_OBJECT for a blob of another length than the file that it is for should have there.
   */
  async write(member: Uint8Array): Promise<Written> {
    const written: Written = { files: 0, bytes: 0, failures: [], losses: [] };
    const opening = openMember(member, { isBorrowed: true }); // nothing else runs until all of it has been written
    const opened = opening instanceof Promise ? await opening : opening;
    if (opened === undefined) return written;
    const { tar, objects } = opened;
    countGarbage(member.length);
    for (const { id, offset, length } of objects) {
      const number = this.#table.find(id);
      if (number === undefined) continue;
      const bytes = tar.subarray(offset, offset + length);
      if (!this.#table.isId(number, blake3().hash(bytes))) continue;
      for (let at = this.#table.take(number); at !== undefined; at = this.#table.nextPiece(at)) {
        if (this.#table.isStopped) return written;
        const piece = this.#table.piece(at);
        if (piece.length !== length)
          throw new BakError("BAD_OBJECT", `blob '${id}' is ${length} bytes long, not ${piece.length}`);
        this.#attempt(piece.file, written, () => this.#writePiece(piece, bytes, written));
      }
    }
    return written;
  }

  /** The verdict on each file, with the hashes in the order of the files; those whose content is right get their attributes. */
  compare(files: Int32Array, hashes: Uint8Array): { verdicts: Uint8Array; written: Written } {
    const found = new Uint8Array(files.length);
    const written: Written = { files: 0, bytes: 0, failures: [], losses: [] };
    for (const [index, file] of files.entries()) {
      if (this.#table.isStopped) break;
      const wanted = this.#table.file(file);
      const hash = hashes.subarray(index * 32, (index + 1) * 32);
      this.#attempt(file, written, () => {
        found[index] = verdicts.right; // what fails from here on, fails for good
        const { verdict, losses } = this.#compareOne(wanted, hash);
        found[index] = verdict;
        if (verdict !== verdicts.other) this.#finish(file, wanted, { written, losses });
      });
    }
    return { verdicts: found, written };
  }

  #attempt(file: number, written: Written, act: () => void): void {
    try {
      act();
    } catch (error) {
      const failure = pathFailureOf(error);
      if (isFailureOfAll(failure)) this.#table.stop();
      if (this.#table.fail(file)) written.failures.push({ file, failure });
    }
  }

  #finish(file: number, { size }: TableFile, { written, losses }: { written: Written; losses: readonly Loss[] }): void {
    this.#table.finish(file);
    if (losses.length > 0) written.losses.push({ file, losses });
    written.files += 1;
    written.bytes += size;
  }

  #writePiece(
    { file, offset, length }: { file: number; offset: number; length: number },
    bytes: Uint8Array,
    written: Written,
  ): void {
    if (!this.#table.start(file)) return;
    const wanted = this.#table.file(file);
    let losses: readonly Loss[] | undefined;
    if (length === wanted.size) {
      this.#table.countDown(file);
      losses = this.#writeWhole(wanted, bytes);
    } else losses = this.#writePart(file, wanted, { offset, bytes });
    if (losses !== undefined) this.#finish(file, wanted, { written, losses });
  }

  #writeWhole(wanted: TableFile, bytes: Uint8Array): readonly Loss[] {
    const folder = this.#folders.get(wanted.folder);
    const temporary = temporaryName(this.#plan.tag, wanted);
    const isBare = wanted.attributes.length === 0;
    const isPlain = isBare && (wanted.mode & ~0o777) === 0 && (wanted.mode & this.#plan.umask) === 0;
    const mode = isPlain ? wanted.mode : modeUntilWhole;
    const file = this.#create(folder, temporary, mode);
    let losses = noLosses;
    try {
      try {
        if (this.#write(file.descriptor, bytes, 0)) ftruncateSync(file.descriptor, wanted.size);
        const birth = this.#birthIn(folder, file.descriptor, mode);
        if (!isBare || birth.hasAttributes || !isOwnerOf(birth, wanted)) {
          ({ losses } = putOnOpenFile(file.descriptor, ownedAttributesOf(wanted)));
        } else {
          if (!isPlain || !birth.modes.has(mode)) fchmodSync(file.descriptor, wanted.mode);
          setOpenFileTime(file.descriptor, wanted.mtimeSeconds, wanted.mtimeNanoseconds);
        }
      } finally {
        file.close();
      }
      file.rename(wanted.name);
      return losses;
    } catch (error) {
      removeQuietly(folder, temporary);
      throw error;
    }
  }

  /** What the file lacks, if it is whole now, and in its place. */
  #writePart(
    file: number,
    wanted: TableFile,
    { offset, bytes }: { offset: number; bytes: Uint8Array },
  ): readonly Loss[] | undefined {
    const folder = this.#folders.get(wanted.folder);
    const temporary = folder.path(temporaryName(this.#plan.tag, wanted));
    // whichever piece comes first makes the file; the thread that directs removes it, if it comes to nothing
    const descriptor = openSync(
      temporary,
      constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_CREAT,
      modeUntilWhole,
    );
    let losses: readonly Loss[];
    try {
      // the system lets one write to a file at a time, and others spin until then
      this.#table.inTurn(file, () => this.#write(descriptor, bytes, offset));
      this.#dropBehind.wrote(wanted, { descriptor, offset, length: bytes.length });
      if (!this.#table.countDown(file)) return undefined;
      ftruncateSync(descriptor, wanted.size);
      ({ losses } = putOnOpenFile(descriptor, ownedAttributesOf(wanted)));
    } finally {
      closeSync(descriptor);
    }
    if (this.#table.stateOf(file) === fileStates.failed) return undefined;
    renameSync(temporary, folder.path(wanted.name));
    return losses;
  }

  /** Whether they end in a hole. */
  #write(descriptor: number, bytes: Uint8Array, offset: number): boolean {
    const isHole = writeSparse(descriptor, bytes, offset);
    this.#table.countBytes(bytes.length);
    return isHole;
  }

  /** Makes a file that is not there. */
  #create(folder: HeldFolder, name: ByteString, mode: number): CreatedFile {
    const { descriptor } = folder.place;
    if (this.#calls === null) this.#calls = loadAtCalls();
    if (descriptor === undefined || this.#calls === undefined) return createByPath(folder, name, mode);
    return createIn(this.#calls, descriptor, { name, mode });
  }

  /** What a file in the folder has that was just made with a mode. */
  #birthIn(folder: HeldFolder, descriptor: number, mode: number): Birth {
    let birth = this.#births.get(folder);
    if (birth?.modes.has(mode) === true) return birth;
    const stats = fstatSync(descriptor);
    if (birth === undefined) {
      birth = { uid: stats.uid, gid: stats.gid, hasAttributes: hasAttributes(descriptor), modes: new Set() };
      this.#births.set(folder, birth);
    }
    if ((stats.mode & 0o7777) === mode) birth.modes.add(mode);
    return birth;
  }

  /** Whether the file in the place of `wanted` has these bytes; if so, it has its attributes afterwards, too. */
  #compareOne(wanted: TableFile, hash: Uint8Array): { verdict: Verdict; losses: readonly Loss[] } {
    let descriptor: number;
    const path = this.#folders.get(wanted.folder).path(wanted.name);
    try {
      descriptor = openToRead(path);
    } catch {
      return isOther; // it is gone, or cannot be read: then it has to be replaced
    }
    try {
      const found = fstatSync(descriptor, { bigint: true });
      if (!found.isFile() || !this.#hasHash(descriptor, hash)) return isOther;
      if (wanted.attributes.length === 0 && isAsWanted(found, wanted) && !hasAttributes(descriptor)) return isRight;
      const { isDryRun } = this.#plan;
      const { losses, isChanged } = putOnOpenFile(descriptor, ownedAttributesOf(wanted), { found, isDryRun });
      return { verdict: isChanged ? verdicts.mended : verdicts.right, losses };
    } finally {
      closeSync(descriptor);
    }
  }

  #hasHash(descriptor: number, hash: Uint8Array): boolean {
    const hasher = blake3().createHasher();
    const buffer = (this.#buffer ??= Buffer.allocUnsafeSlow(compareBytes));
    for (;;) {
      if (this.#table.isStopped) return false;
      const count = readSync(descriptor, buffer, 0, buffer.length, null);
      if (count === 0) return hasher.digest().equals(hash);
      hasher.update(buffer.subarray(0, count));
    }
  }
}

/** What new files in a folder have by themselves: a folder may hand on its group, and a default ACL. */
interface Birth {
  readonly uid: number;
  readonly gid: number;
  readonly hasAttributes: boolean;
  /** Those that a file keeps which is made with them. */
  readonly modes: Set<number>;
}

const noLosses: readonly Loss[] = [];
const isOther = { verdict: verdicts.other, losses: noLosses };
const isRight = { verdict: verdicts.right, losses: noLosses };

/** Whether there is nothing to set but, perhaps, extended attributes; as most files are that are right already. */
function isAsWanted(stats: BigIntStats, { mode, owner, mtimeSeconds, mtimeNanoseconds }: TableFile): boolean {
  return (
    (Number(stats.mode) & 0o7777) === mode &&
    stats.mtimeNs === BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanoseconds) &&
    (owner === undefined || (Number(stats.uid) === owner.uid && Number(stats.gid) === owner.gid))
  );
}

function hasAttributes(descriptor: number): boolean {
  try {
    return (loadAttributeCalls()?.list(descriptor).length ?? 0) > 0;
  } catch {
    return true; // whoever looks closer tells
  }
}

function isOwnerOf(birth: Birth, { owner }: TableFile): boolean {
  return owner === undefined || (owner.uid === birth.uid && owner.gid === birth.gid);
}

function ownedAttributesOf({ mode, owner, attributes, mtimeSeconds, mtimeNanoseconds }: TableFile): OwnedAttributes {
  const { uid = 0, gid = 0 } = owner ?? {};
  const base = { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, isOwned: owner !== undefined };
  if (attributes.length === 0) return base;
  const extendedAttributes = readExtendedAttributes(new CanonicalReader(attributes, "attributes"), 1);
  return { ...base, extendedAttributes };
}

/** A file that has just been made. */
interface CreatedFile {
  readonly descriptor: number;
  close(): void;
  /** Gives it another name in its folder. */
  rename(name: ByteString): void;
}

function createByPath(folder: HeldFolder, name: ByteString, mode: number): CreatedFile {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const path = folder.path(name);
  const descriptor = openSync(path, flags, mode);
  return {
    descriptor,
    close: () => closeSync(descriptor),
    rename: (to) => renameSync(path, folder.path(to)),
  };
}

function createIn(calls: AtCalls, folder: number, { name, mode }: { name: ByteString; mode: number }): CreatedFile {
  const from = bytesOf(`${name}\0` as ByteString);
  const descriptor = calls.createFile(folder, from, mode);
  return {
    descriptor,
    close: () => calls.close(descriptor),
    rename: (to) => calls.rename(folder, from, bytesOf(`${to}\0` as ByteString)),
  };
}

/** Removes a file that came to nothing. */
function removeQuietly(folder: HeldFolder, name: ByteString): void {
  try {
    unlinkSync(folder.path(name));
  } catch {
    // it is gone already, or its folder is: there is nothing left to remove
  }
}
