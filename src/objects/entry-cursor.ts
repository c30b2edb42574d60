/**
 * Reads the entries of a tree one after the other, without making an object of each: for looking through many that are
 * expected to be as they were. Only for bytes that `decodeTree` has accepted, or that `encodeTree` has made: it checks nothing.
 */
import type { ByteString } from "./byte-string.js";
import { entryKinds, type EntryKind } from "./entry.js";
import { decodeTree, isPaged } from "./tree.js";
import type { TreeLoader } from "./directory.js";
import type { ObjectId } from "./object-id.js";

const two32 = 2 ** 32;

/** The entries of one directory, pages and all; the fields are those of the entry that `next` has come to. */
export class EntryCursor {
  name = "" as ByteString;
  kind: EntryKind = "file";
  mode = 0;
  uid = 0;
  gid = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  size = 0;
  /** Whether the entry has extended attributes, or is one of several names of a file. */
  hasExtras = false;
  readonly #load: TreeLoader;
  /** Trees to be read, the next last. */
  readonly #waiting: ObjectId[];
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #left = 0;
  #contentAt = 0;

  /** `load` throws where it has no tree of an id. */
  constructor(tree: ObjectId, load: TreeLoader) {
    this.#load = load;
    this.#waiting = [tree];
  }

  /** Goes to the next entry; false at the end. */
  next(): boolean {
    while (this.#left === 0) {
      const id = this.#waiting.pop();
      if (id === undefined) return false;
      this.#open(id);
    }
    this.#left -= 1;
    this.hasExtras = this.#byte() === 0x9a;
    this.name = this.#binary();
    this.kind = entryKinds[this.#integer()] as EntryKind;
    this.mode = this.#integer();
    this.uid = this.#integer();
    this.gid = this.#integer();
    this.mtimeSeconds = this.#integer();
    this.mtimeNanoseconds = this.#integer();
    this.size = this.#integer();
    this.#contentAt = this.#at;
    this.#skip();
    if (this.hasExtras) this.#skip();
    return true;
  }

  /** The target of a symlink. */
  target(): ByteString {
    const end = this.#at;
    this.#at = this.#contentAt;
    const target = this.#binary();
    this.#at = end;
    return target;
  }

  /** The tree of a folder. */
  tree(): ObjectId {
    return this.#bytes.toString("hex", this.#contentAt + 2, this.#contentAt + 34) as ObjectId;
  }

  #open(id: ObjectId): void {
    const bytes = this.#load(id);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = 2; // an array of three, and the version
    if (this.#integer() === 0) {
      this.#left = this.#count();
      return;
    }
    const tree = decodeTree(bytes);
    if (isPaged(tree)) for (const page of tree.pages.toReversed()) this.#waiting.push(page.id);
  }

  #byte(): number {
    return this.#bytes[this.#at++] as number;
  }

  #uint16(): number {
    return this.#byte() * 0x100 + this.#byte();
  }

  #uint32(): number {
    return this.#uint16() * 0x10000 + this.#uint16();
  }

  #count(): number {
    const marker = this.#byte();
    if (marker === 0xdc) return this.#uint16();
    return marker === 0xdd ? this.#uint32() : marker & 0x0f;
  }

  #integer(): number {
    const marker = this.#byte();
    if (marker < 0x80) return marker;
    switch (marker) {
      case 0xcc:
        return this.#byte();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return this.#uint32() * two32 + this.#uint32();
      case 0xd0:
        return (this.#byte() << 24) >> 24;
      case 0xd1:
        return (this.#uint16() << 16) >> 16;
      case 0xd2:
        return this.#uint32() | 0;
      case 0xd3:
        this.#at += 8;
        return Number(this.#bytes.readBigInt64BE(this.#at - 8));
      default:
        return marker - 0x100;
    }
  }

  #length(): number {
    const marker = this.#byte();
    if (marker === 0xc4) return this.#byte();
    return marker === 0xc5 ? this.#uint16() : this.#uint32();
  }

  #binary(): ByteString {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.toString("latin1", this.#at - length, this.#at) as ByteString;
  }

  /** Goes past whatever value is next. */
  #skip(): void {
    const marker = this.#bytes[this.#at] as number;
    if (marker >= 0xc4 && marker <= 0xc6) {
      const length = this.#length();
      this.#at += length;
    } else if ((marker & 0xf0) === 0x90 || marker === 0xdc || marker === 0xdd) {
      for (let left = this.#count(); left > 0; left -= 1) this.#skip();
    } else if ((marker & 0xf0) === 0x80) {
      this.#at += 1;
      for (let left = (marker & 0x0f) * 2; left > 0; left -= 1) this.#skip();
    } else if (marker === 0xc0) {
      this.#at += 1;
    } else {
      this.#integer();
    }
  }
}
