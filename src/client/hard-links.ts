/**
 * The names of one file, as a restore meets them: the first is restored, the others become links to it. A table without
 * an object for each, since a commit may have millions: about 60 bytes a file and its name.
 */
import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { byteString, type ByteString } from "../objects/byte-string.js";
import { CanonicalWriter } from "../objects/canonical-writer.js";
import { writeEntry, type DirEntry, type Entry } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import type { HeldFolder } from "./held-folder.js";
import { NumberTable } from "./number-table.js";
import { assertReplaceable } from "./restore-plan.js";
import { clearWay, unlessThere, type Made } from "./restore-target.js";
import type { TargetFolder } from "./target-folder.js";

/** Where the first name of a file is. */
export interface FirstName {
  readonly folder: TargetFolder;
  readonly name: ByteString;
}

type LinkableEntry = Exclude<Entry, DirEntry>;

const firstNameBytes = 64 << 10;

/** See the top of the file. */
export class HardLinks {
  readonly #groups = new NumberTable();
  /** Of inodes in the target, the group that keeps each. */
  readonly #inodes = new NumberTable();
  readonly #folders: TargetFolder[] = [];
  #prints = new Float64Array(64);
  /** By group: 1 where the first name keeps the file that it has in the target. */
  #isKept = new Uint8Array(64);
  #ends = new Float64Array(64);
  #names = Buffer.alloc(firstNameBytes);

  /**
   * The first name of the file that an entry is another name of. Undefined for the first, which is remembered, and for one
   * whose content or metadata is another: the folder was changed while it was pushed.
   */
  firstOf(folder: TargetFolder, entry: LinkableEntry): FirstName | undefined {
    const group = entry.hardLinkGroup;
    if (group === undefined || !isLinkable(entry)) return undefined;
    const print = printOf(entry);
    const found = this.#groups.get(group);
    if (found === undefined) {
      this.#groups.set(group, this.#add(folder, entry.name, print));
      return undefined;
    }
    if (this.#prints[found] !== print) return undefined;
    const start = found === 0 ? 0 : (this.#ends[found - 1] as number);
    const name = byteString(this.#names.subarray(start, this.#ends[found]));
    return { folder: this.#folders[found] as TargetFolder, name };
  }

  /**
   * Whether what is in the place of an entry may stay there, as far as its other names are concerned: it may not if it is
   * also a file that the commit has apart from it, or that is none of the commit's.
   */
  mayStay(entry: LinkableEntry, found: { ino: number; nlink: number }): boolean {
    if (found.nlink === 1) return true;
    const group = entry.hardLinkGroup === undefined ? undefined : this.#groups.get(entry.hardLinkGroup);
    if (group === undefined || this.#prints[group] !== printOf(entry)) return false;
    const keeper = this.#inodes.get(found.ino);
    if (keeper === undefined) this.#inodes.set(found.ino, group);
    return keeper === undefined || keeper === group;
  }

  /** Notes that the first name of an entry's file keeps what it has in the target. */
  keep({ hardLinkGroup }: LinkableEntry): void {
    const group = hardLinkGroup === undefined ? undefined : this.#groups.get(hardLinkGroup);
    if (group !== undefined) this.#isKept[group] = 1;
  }

  isKept({ hardLinkGroup }: LinkableEntry): boolean {
    const group = hardLinkGroup === undefined ? undefined : this.#groups.get(hardLinkGroup);
    return group !== undefined && this.#isKept[group] === 1;
  }

  #add(folder: TargetFolder, name: ByteString, print: number): number {
    const index = this.#folders.push(folder) - 1;
    if (index === this.#prints.length) {
      this.#prints = doubled(this.#prints);
      this.#ends = doubled(this.#ends);
      const isKept = new Uint8Array(this.#prints.length);
      isKept.set(this.#isKept);
      this.#isKept = isKept;
    }
    const start = index === 0 ? 0 : (this.#ends[index - 1] as number);
    while (start + name.length > this.#names.length) this.#names = Buffer.concat([this.#names], this.#names.length * 2);
    this.#ends[index] = start + this.#names.write(name, start, "latin1");
    this.#prints[index] = print;
    return index;
  }
}

/** Gives a file one more name, unless it has it; what else has that name is replaced, but for a folder with something in it. */
export function linkName(
  first: { folder: HeldFolder; name: ByteString },
  other: { folder: HeldFolder; name: ByteString; temporary: ByteString },
): Made {
  const from = first.folder.path(first.name);
  const path = other.folder.path(other.name);
  if (unlessThere(() => linkSync(from, path))) return "made";
  const [source, found] = [lstatSync(from, { bigint: true }), lstatSync(path, { bigint: true })];
  if (source.dev === found.dev && source.ino === found.ino) return "there";
  if (found.isDirectory()) {
    clearWay(path, found);
    linkSync(from, path);
    return "replaced";
  }
  const temporary = other.folder.path(other.temporary);
  linkSync(from, temporary);
  try {
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
  return "replaced";
}

/** What `linkName` would answer, or throw; `first` is undefined where that name gets a new file. */
export function planLink(
  first: { folder: HeldFolder; name: ByteString } | undefined,
  other: { folder: HeldFolder; name: ByteString },
): Made {
  const path = other.folder.path(other.name);
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return "made";
  if (first !== undefined) {
    const source = lstatSync(first.folder.path(first.name), { bigint: true });
    if (source.dev === found.dev && source.ino === found.ino) return "there";
  }
  assertReplaceable(path, found);
  return "replaced";
}

/** Elsewhere than on Linux, link(2) may follow a symlink to what it leads to. */
function isLinkable({ kind }: LinkableEntry): boolean {
  return kind !== "symlink" || process.platform === "linux";
}

/** A number that two entries share only if they are the same but for their names. */
function printOf(entry: LinkableEntry): number {
  const writer = new CanonicalWriter(256);
  writeEntry(writer, { ...entry, name: "x" as ByteString });
  return blake3().hash(writer.finish()).readUIntLE(0, 6);
}

function doubled(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const more = new Float64Array(numbers.length * 2);
  more.set(numbers);
  return more;
}
