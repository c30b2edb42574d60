/** The id of a pack, from its members as they come. */
import { blake3 } from "./hash.js";
import { assertCodec, codecOfMember } from "./member-codec.js";
import type { ObjectId } from "./object-id.js";
import { packTrailers, type PackCodec } from "./pack-format.js";

/** Computes one pack's id: the BLAKE3 of all its members, in their order, and of the trailer that goes with them. */
export class PackHasher {
  readonly #hasher = blake3().createHasher();
  #codec: PackCodec | undefined;

  /** What the first member is, and so all are; undefined as long as there is none. */
  get codec(): PackCodec | undefined {
    return this.#codec;
  }

  /** Takes the next member. Throws BAD_PACK, and takes nothing, where it is of no codec, or of another than the first. */
  add(member: Uint8Array): void {
    assertCodec(member, (this.#codec ??= codecOfMember(member)));
    this.#hasher.update(member);
  }

  /** The pack's id; of one without members it is that of gzip's trailer. May be called once. */
  finish(): ObjectId {
    this.#hasher.update(packTrailers[this.#codec ?? "gzip"]);
    return this.#hasher.digest().toString("hex") as ObjectId;
  }
}
