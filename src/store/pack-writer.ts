/** Puts members together to packs of a store's own, as a client does, and has the store check and keep them. */
import { codecOfMember } from "../objects/member-codec.js";
import {
  maxPackBytes,
  maxPackedMemberBytes,
  maxPackObjects,
  packTrailers,
  type PackCodec,
} from "../objects/pack-format.js";
import { PackHasher } from "../objects/pack-hasher.js";
import type { PackReceiver } from "./store.js";

/** A pack is ended where the next member might take it beyond what a pack may be. */
const endBytes = maxPackBytes - maxPackedMemberBytes - packTrailers.gzip.length;

/** A pack that is being written. */
interface OpenPack {
  readonly receiver: PackReceiver;
  readonly hasher: PackHasher;
  bytes: number;
  objects: number;
}

/** Writes one pack of each codec at a time. */
export class PackWriter {
  readonly #begin: () => PackReceiver;
  readonly #open = new Map<PackCodec, OpenPack>();

  constructor(begin: () => PackReceiver) {
    this.#begin = begin;
  }

  /** Adds a member with so many objects, whose buffer is the store's from then on. Rejects as `PackReceiver` does. */
  async add(member: Uint8Array, objects: number): Promise<void> {
    const codec = codecOfMember(member);
    let pack = this.#open.get(codec);
    if (pack !== undefined && (pack.bytes > endBytes || pack.objects + objects > maxPackObjects)) {
      await this.#finish(codec, pack);
      pack = undefined;
    }
    if (pack === undefined) {
      pack = { receiver: this.#begin(), hasher: new PackHasher(), bytes: 0, objects: 0 };
      this.#open.set(codec, pack);
    }
    pack.hasher.add(member);
    pack.bytes += member.length;
    pack.objects += objects;
    await pack.receiver.add(member);
  }

  /** Resolves once every member is on stable storage. */
  async finish(): Promise<void> {
    for (const [codec, pack] of this.#open) await this.#finish(codec, pack);
  }

  /** Gives up what has not been finished. Does not reject. */
  async abort(): Promise<void> {
    for (const { receiver } of this.#open.values()) await receiver.abort();
    this.#open.clear();
  }

  async #finish(codec: PackCodec, { receiver, hasher }: OpenPack): Promise<void> {
    this.#open.delete(codec);
    await receiver.finish(hasher.finish());
  }
}
