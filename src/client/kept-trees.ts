/**
 * The trees of the client's next index, from when a walk meets them until it is known which commit they are of. Those that
 * are made wait in a file, so that the memory of a push does not grow with them. The file has no name: whoever is killed
 * leaves none. Where none can be written, memory has to do. On the disk there are then the last index, the trees, and the next.
 */
import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { byteStringFromText } from "../objects/byte-string.js";
import { IdSet } from "../objects/id-set.js";
import { objectIdAt, objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { makeFolders } from "./make-folders.js";
import { writeAll } from "./write-all.js";

/** Trees are written, and read, about so many bytes at a time. */
const bufferBytes = 256 << 10;
/** Before each tree stand its id, and its length as a u32. */
const headBytes = objectIdLength + 4;

export class KeptTrees implements Iterable<readonly [ObjectId, Uint8Array]> {
  readonly #file: string;
  readonly #inMemory = new Map<ObjectId, Uint8Array>();
  readonly #written = new IdSet();
  #descriptor: number | undefined;
  /** What is in the file, and what is to be written there next. */
  #fileBytes = 0;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #used = 0;
  #isFailed = false;

  /** For the index that will be `indexFile`: there is to be room in its folder. */
  constructor(indexFile: string) {
    this.#file = `${indexFile}+trees`;
  }

  /** How many trees there are. */
  get size(): number {
    return this.#inMemory.size + this.#written.size;
  }

  /** Keeps a tree whose bytes somebody else has in memory as well, for as long as this. */
  keep(id: ObjectId, bytes: Uint8Array): void {
    if (this.#written.size === 0 || !this.#written.has(objectIdBytes(id))) this.#inMemory.set(id, bytes);
  }

  /** Keeps a tree that was made. */
  add(id: ObjectId, bytes: Uint8Array): void {
    const idBytes = objectIdBytes(id);
    if (this.#inMemory.has(id) || this.#written.has(idBytes)) return;
    const length = headBytes + bytes.length;
    if (this.#used + length > bufferBytes) this.#flush();
    if (this.#used + length > bufferBytes) {
      this.#inMemory.set(id, bytes);
      return;
    }
    this.#written.add(idBytes);
    this.#buffer.set(idBytes, this.#used);
    this.#buffer.writeUInt32LE(bytes.length, this.#used + objectIdLength);
    this.#buffer.set(bytes, this.#used + headBytes);
    this.#used += length;
  }

  /** Each tree once; throws what reading the file fails with. */
  *[Symbol.iterator](): Iterator<readonly [ObjectId, Uint8Array]> {
    yield* this.#inMemory;
    for (let at = 0; at < this.#fileBytes;) {
      const piece = Buffer.allocUnsafe(Math.min(bufferBytes, this.#fileBytes - at));
      this.#fill(piece, at);
      const length = yield* treesIn(piece);
      if (length === 0) throw new Error("the file of trees is damaged");
      at += length;
    }
    yield* treesIn(Buffer.from(this.#buffer.subarray(0, this.#used)));
  }

  /** Lets go of the file. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  /** Writes what is in the buffer; if that fails, it stays there, and nothing is written any more. */
  #flush(): void {
    if (this.#isFailed) return;
    try {
      this.#descriptor ??= this.#open();
      writeAll(this.#descriptor, this.#buffer.subarray(0, this.#used));
      this.#fileBytes += this.#used;
      this.#used = 0;
    } catch {
      this.#isFailed = true;
    }
  }

  #open(): number {
    makeFolders(byteStringFromText(dirname(this.#file)), 0o700);
    rmSync(this.#file, { force: true }); // of a process that was killed at just this moment
    const descriptor = openSync(this.#file, "wx+", 0o600);
    try {
      rmSync(this.#file, { force: true });
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    return descriptor;
  }

  #fill(piece: Buffer, at: number): void {
    if (this.#descriptor === undefined) throw new Error("the file of trees is closed");
    for (let done = 0; done < piece.length;) {
      const count = readSync(this.#descriptor, piece, done, piece.length - done, at + done);
      if (count === 0) throw new Error("the file of trees was cut off");
      done += count;
    }
  }
}

/** The trees that are whole in a piece of the file; gives how many bytes they take. */
function* treesIn(piece: Buffer): Generator<readonly [ObjectId, Uint8Array], number, undefined> {
  let at = 0;
  while (at + headBytes <= piece.length) {
    const start = at + headBytes;
    const end = start + piece.readUInt32LE(at + objectIdLength);
    if (end > piece.length) break;
    yield [objectIdAt(piece, at), piece.subarray(start, end)];
    at = end;
  }
  return at;
}
