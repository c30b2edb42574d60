/** Makes a pack's index again, from the pack alone. */
import { open, type FileHandle } from "node:fs/promises";
import { BakError } from "../errors.js";
import { blake3 } from "../objects/hash.js";
import { unpackFirstMember } from "../objects/member-codec.js";
import { decodeMemberTar } from "../objects/member-tar.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import { maxPackBytes, maxPackedMemberBytes, packTrailers, type PackCodec } from "../objects/pack-format.js";
import { PackIndexBuilder } from "./pack-index-builder.js";

const readBytes = 1 << 20;

/**
 * The index of a pack, byte for byte as it was when the pack came, if `owner` is who sent it. Reads the pack once, from its beginning to its end, with
 * a window of about 10 MiB. Throws BAD_PACK unless the pack is whole: its bytes have the hash that it is named by, so
 * every object in it is what it was when the store accepted it.
 */
export async function scanPack(
  path: string,
  pack: ObjectId,
  { codec, owner }: { codec: PackCodec; owner?: ProjectId | undefined },
): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const trailerLength = packTrailers[codec].length;
    if (size <= trailerLength || size > maxPackBytes) throw damaged(`it is ${size} bytes long`);
    const builder = new PackIndexBuilder();
    const window = new PackWindow(handle, size, trailerLength);
    await window.fill();
    while (window.membersLeft > 0) {
      const { tar, packedLength } = await unpackFirstMember(window.members, codec);
      builder.addMember(packedLength, tar.length, decodeMemberTar(tar));
      window.skip(packedLength);
      await window.fill();
    }
    const hash = window.digest();
    if (hash !== pack) throw damaged(`its bytes have the hash '${hash}'`);
    return builder.finish(pack, codec, owner);
  } finally {
    await handle.close();
  }
}

/** The part of a pack that is being looked at: enough for the longest member, or up to the pack's end. */
class PackWindow {
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #trailerLength: number;
  readonly #hasher = blake3().createHasher();
  readonly #bytes = Buffer.allocUnsafe(maxPackedMemberBytes + readBytes);
  /** How much of the pack has been read, and which part of `#bytes` holds what has not been skipped of that. */
  #read = 0;
  #start = 0;
  #end = 0;

  constructor(handle: FileHandle, size: number, trailerLength: number) {
    this.#handle = handle;
    this.#size = size;
    this.#trailerLength = trailerLength;
  }

  /** How many bytes there are from here to the trailer. */
  get membersLeft(): number {
    return this.#size - this.#trailerLength - (this.#read - (this.#end - this.#start));
  }

  /** The bytes from here on, without the trailer: the next member whole. */
  get members(): Buffer {
    return this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + this.membersLeft));
  }

  skip(length: number): void {
    this.#start += length;
  }

  async fill(): Promise<void> {
    if (this.#end - this.#start >= maxPackedMemberBytes || this.#read === this.#size) return;
    this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < this.#bytes.length && this.#read < this.#size) await this.#readMore();
  }

  /** The hash of the whole pack, whose bytes have all been read. */
  digest(): string {
    return this.#hasher.digest().toString("hex");
  }

  async #readMore(): Promise<void> {
    const room = Math.min(readBytes, this.#bytes.length - this.#end, this.#size - this.#read);
    const { bytesRead } = await this.#handle.read(this.#bytes, this.#end, room, this.#read);
    if (bytesRead === 0) throw damaged("it became shorter while it was read");
    this.#hasher.update(this.#bytes.subarray(this.#end, this.#end + bytesRead));
    this.#end += bytesRead;
    this.#read += bytesRead;
  }
}

function damaged(why: string): BakError {
  return new BakError("BAD_PACK", `damaged pack: ${why}`);
}
