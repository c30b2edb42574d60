/**
 * Folders of the target, held open while something is done in them. Where the system allows it (Linux), a name is reached
 * through the folder's descriptor, which was itself reached name by name from the target's, following no link: whatever is
 * put in the place of a folder meanwhile, nothing is written beyond it.
 */
import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import type { ByteString } from "../objects/byte-string.js";
import { fsPath } from "./source-path.js";

// <fcntl.h> of Linux, the same on every machine that Node runs on: needs no right to read the folder
const openPath = 0o10000000;
const folderFlags =
  constants.O_DIRECTORY | constants.O_NOFOLLOW | (process.platform === "linux" ? openPath : constants.O_RDONLY);

/** Where a folder is, in a form that another thread can use while this one holds it open. */
export interface FolderPlace {
  /** Undefined where names are reached by the folder's path. */
  readonly descriptor: number | undefined;
  readonly prefix: ByteString;
}

/** One folder. */
export class HeldFolder {
  readonly place: FolderPlace;
  readonly #isOwner: boolean;

  /** Opens the target itself, an absolute path without links in it. */
  static openTarget(path: ByteString): HeldFolder {
    const descriptor = openSync(fsPath(path), folderFlags);
    const prefix = prefixOf(descriptor);
    if (isSame(prefix, descriptor)) return new HeldFolder({ descriptor, prefix }, true);
    closeSync(descriptor);
    return new HeldFolder({ descriptor: undefined, prefix: path === "/" ? ("" as ByteString) : path }, true);
  }

  /** A folder that another thread holds open, and closes. */
  static at(place: FolderPlace): HeldFolder {
    return new HeldFolder(place, false);
  }

  private constructor(place: FolderPlace, isOwner: boolean) {
    this.place = place;
    this.#isOwner = isOwner;
  }

  /** A folder in this one. Throws ENOTDIR or ELOOP for anything else, a link to a folder too. */
  open(name: ByteString): HeldFolder {
    const descriptor = openSync(this.path(name), folderFlags);
    if (this.place.descriptor !== undefined) return new HeldFolder({ descriptor, prefix: prefixOf(descriptor) }, true);
    closeSync(descriptor);
    return new HeldFolder({ descriptor: undefined, prefix: `${this.place.prefix}/${name}` as ByteString }, true);
  }

  /** What to hand to `node:fs` for a name in this folder. */
  path(name: ByteString): string | Buffer {
    return fsPath(`${this.place.prefix}/${name}` as ByteString);
  }

  /** What to hand to `node:fs` for the folder itself. */
  get self(): string | Buffer {
    return this.path("." as ByteString);
  }

  close(): void {
    if (this.#isOwner && this.place.descriptor !== undefined) closeSync(this.place.descriptor);
  }
}

function prefixOf(descriptor: number): ByteString {
  return `/proc/self/fd/${descriptor}` as ByteString;
}

/** Whether the descriptor's path leads to what it stands for, as it does where /proc is mounted. */
function isSame(prefix: ByteString, descriptor: number): boolean {
  const found = statSync(`${prefix}/.`, { bigint: true, throwIfNoEntry: false });
  const folder = fstatSync(descriptor, { bigint: true });
  return found !== undefined && found.ino === folder.ino && found.dev === folder.dev;
}

/** Which folders lie in which: `parent` is undefined for the target itself. */
export interface FolderNames<Key> {
  parent(folder: Key): Key | undefined;
  name(folder: Key): ByteString;
}

/** So many are open at a time, in each thread: the limit on open files may be as low as 1,024. */
const maxOpen = 64;

/** Keeps folders open that were used last, and opens others through them. */
export class FolderCache<Key> {
  readonly #target: HeldFolder;
  readonly #names: FolderNames<Key>;
  /** The one used last at the end. */
  readonly #open = new Map<Key, HeldFolder>();
  #last: { readonly key: Key; readonly folder: HeldFolder } | undefined;

  constructor(target: HeldFolder, names: FolderNames<Key>) {
    this.#target = target;
    this.#names = names;
  }

  /** The folder, opened if it is not yet; throws what that fails with. It stays open until others have been asked for. */
  get(key: Key): HeldFolder {
    if (this.#last?.key === key) return this.#last.folder;
    const missing: Key[] = [];
    let folder = this.#target;
    for (let at = key; ;) {
      const parent = this.#names.parent(at);
      if (parent === undefined) break;
      const found = this.#open.get(at);
      if (found !== undefined) {
        this.#keep(at, found);
        folder = found;
        break;
      }
      missing.push(at);
      at = parent;
    }
    for (const each of missing.toReversed()) {
      folder = folder.open(this.#names.name(each));
      this.#keep(each, folder);
    }
    this.#last = { key, folder };
    return folder;
  }

  /** Closes all but the target. */
  close(): void {
    this.#last = undefined;
    for (const folder of this.#open.values()) folder.close();
    this.#open.clear();
  }

  #keep(key: Key, folder: HeldFolder): void {
    this.#open.delete(key);
    this.#open.set(key, folder);
    if (this.#open.size <= maxOpen) return;
    for (const [oldest, its] of this.#open) {
      this.#open.delete(oldest);
      if (this.#last?.key === oldest) this.#last = undefined;
      return its.close();
    }
  }
}
