/**
 * lstat of one name after the other, folder by folder. The folder of the last is held open, where the system can look at
 * names in an open folder: that takes half as long as by a path.
 */
import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { joinPath, type ByteString } from "../objects/byte-string.js";
import { loadIsBareName, type IsBareName } from "../platform/bare-name.js";
import { loadLookAtName, type FileStatus, type LookAtName } from "../platform/statx.js";
import { fsPath } from "./source-path.js";
import { statusOf } from "./source-stat.js";

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const nul = Buffer.of(0);
/** After so many names in a row that have extended attributes, they are taken for what every name has, as with SELinux. */
const maxNotBare = 64;

/** What can be asked of names in an open folder; undefined for what the system does not have. */
export interface LookingCalls {
  readonly lookAt: LookAtName | undefined;
  readonly isBare: IsBareName | undefined;
}

export class NameLooker {
  readonly #calls: LookingCalls;
  #folder: ByteString | undefined;
  /** Of the folder, if it could be opened. */
  #descriptor: number | undefined;
  /** Whether what was said of the last name was said of the one in the open folder. */
  #isWithin = false;
  #notBare = 0;

  constructor(calls: LookingCalls = { lookAt: loadLookAtName(), isBare: loadIsBareName() }) {
    this.#calls = calls;
  }

  /**
   * What lstat says of a name in a folder, an absolute path; valid until the next call. Throws as lstat does. Whatever has the
   * folder's path by now, it is the folder that had it first, as long as no other was asked for; a name that is not in that
   * any more is looked for by its path.
   */
  look(folder: ByteString, name: ByteString): FileStatus {
    if (folder !== this.#folder) this.#enter(folder);
    if (this.#descriptor !== undefined) {
      const found = this.#calls.lookAt?.(this.#descriptor, argumentOf(name));
      this.#isWithin = found !== undefined;
      if (found !== undefined) return found;
    }
    return statusOf(lstatSync(fsPath(joinPath(folder, name)), { bigint: true })); // and tells why it can't be looked at
  }

  /** Whether there is any use in `isBare`. */
  get tellsBareNames(): boolean {
    return this.#calls.lookAt !== undefined && this.#calls.isBare !== undefined && this.#notBare < maxNotBare;
  }

  /** Whether the name that was looked at last, which is this one, is known to have no extended attributes. */
  isBare(name: ByteString): boolean {
    if (this.#descriptor === undefined || !this.#isWithin) return false;
    const isBare = this.#calls.isBare?.(this.#descriptor, argumentOf(name)) === true;
    this.#notBare = isBare ? 0 : this.#notBare + 1;
    return isBare;
  }

  /** Lets go of the folder. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#folder = undefined;
    this.#isWithin = false;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #enter(folder: ByteString): void {
    this.close();
    this.#folder = folder;
    if (this.#calls.lookAt === undefined) return;
    try {
      this.#descriptor = openSync(fsPath(folder), folderFlags);
    } catch {
      // then each name says for itself why it can't be reached
    }
  }
}

function argumentOf(name: ByteString): string | Buffer {
  const text = fsPath(name);
  return typeof text === "string" ? text : Buffer.concat([text, nul]);
}
