/** Cuts a stream that can be read once into the objects of a file, as it comes. */
import { maxChunkBytes, maxWholeFileBytes } from "../objects/chunker.js";
import type { FileContent } from "../objects/entry.js";
import { blake3 } from "../objects/hash.js";
import { ListBuilder } from "../objects/list.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { ChunkCutter } from "./chunk-cutter.js";

/** What is read before it is cut: more than the longest chunk, so that each is looked at about once. */
const roomBytes = 2 * maxChunkBytes;

export interface StreamedFile {
  readonly content: FileContent;
  /** In bytes. */
  readonly size: number;
}

/** Takes an object whose bytes stay as they are; where too much is waiting, resolves when more may come. */
export type OfferObject = (object: PackedObject<ObjectId>) => Promise<void> | undefined;

/** Offers all objects of the file that the stream is. `onBytes` is told of bytes as they come. */
export async function readStream(
  stream: AsyncIterable<Uint8Array>,
  offer: OfferObject,
  onBytes: (count: number) => void,
): Promise<StreamedFile> {
  const file = new StreamedChunks(offer);
  for await (const bytes of stream) {
    onBytes(bytes.length);
    await file.add(bytes);
  }
  return file.finish();
}

class StreamedChunks {
  readonly #offer: OfferObject;
  readonly #room = Buffer.allocUnsafeSlow(roomBytes);
  /** What of the room has not been cut yet. */
  #start = 0;
  #end = 0;
  readonly #hasher = blake3().createHasher();
  readonly #cutter = new ChunkCutter(undefined);
  readonly #lists: PackedObject<ObjectId>[] = [];
  readonly #builder = new ListBuilder((list) => void this.#lists.push(list));
  #size = 0;

  constructor(offer: OfferObject) {
    this.#offer = offer;
  }

  async add(bytes: Uint8Array): Promise<void> {
    this.#hasher.update(bytes);
    this.#size += bytes.length;
    for (let at = 0; at < bytes.length;) {
      if (this.#end === roomBytes) await this.#cut(false);
      const part = bytes.subarray(at, at + roomBytes - this.#end);
      this.#room.set(part, this.#end);
      this.#end += part.length;
      at += part.length;
    }
  }

  async finish(): Promise<StreamedFile> {
    if (this.#size <= maxWholeFileBytes) {
      const blob = await this.#give("blob", this.#room.subarray(0, this.#end));
      return { content: { blob }, size: this.#size };
    }
    await this.#cut(true);
    const list = this.#builder.finish();
    await this.#giveLists();
    return { content: { list, fileHash: this.#hasher.digest().toString("hex") as ObjectId }, size: this.#size };
  }

  /** Gives the chunks that the room has out; what is left goes to its beginning. */
  async #cut(isEnd: boolean): Promise<void> {
    while (this.#start < this.#end) {
      const bytes = this.#room.subarray(this.#start, this.#end);
      // as long as there may be more, a chunk may be longer than what is here
      const chunk = isEnd || bytes.length >= maxChunkBytes ? this.#cutter.first(bytes, isEnd) : undefined;
      if (chunk === undefined) break;
      await this.#give("blob", bytes.subarray(0, chunk.length), chunk.id);
      this.#builder.add({ id: chunk.id, size: chunk.length });
      this.#start += chunk.length;
    }
    this.#room.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    await this.#giveLists();
  }

  async #giveLists(): Promise<void> {
    for (const list of this.#lists.splice(0)) await this.#offer(list);
  }

  async #give(kind: "blob", bytes: Uint8Array, id = objectIdOf(bytes)): Promise<ObjectId> {
    await this.#offer({ kind, id, bytes: Buffer.from(bytes) }); // the room is used again
    return id;
  }
}
