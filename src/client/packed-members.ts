/** Where the members of a batch lie: in the batch's own buffer, over objects that are packed, as far as there is room. */
import { ownCopy } from "../objects/own-copy.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import { countGarbage } from "../threads/collect-garbage.js";

export interface PackedMember {
  /** `memberHeadroomBytes` bytes and the member; in the batch's buffer, if it fits in there. */
  readonly room: Uint8Array<ArrayBuffer>;
  /** How many objects are in it. */
  readonly objects: number;
}

/** A member in its room, or one that waits for room. */
type Placed = PackedMember | { readonly waiting: Buffer; readonly objects: number };

export class PackedMembers {
  readonly #buffer: ArrayBuffer;
  readonly #placed: Placed[] = [];
  /** How much of the buffer is members. */
  #end = 0;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
  }

  /** Takes a member, whose bytes are not needed afterwards; nothing from `limit` on may be written over yet. */
  add(bytes: Uint8Array, objects: number, limit: number): void {
    const room = this.#place(bytes, limit);
    if (room !== undefined) {
      this.#placed.push({ room, objects });
      return;
    }
    countGarbage(bytes.length);
    this.#placed.push({ waiting: ownCopy(bytes), objects });
  }

  /** All members, in their order. Nothing of the buffer is needed any more but these. */
  finish(): PackedMember[] {
    return this.#placed.map((each) => {
      if ("room" in each) return each;
      const { waiting, objects } = each;
      const room = this.#place(waiting, this.#buffer.byteLength) ?? withHeadroom(waiting);
      return { room, objects };
    });
  }

  #place(bytes: Uint8Array, limit: number): Uint8Array<ArrayBuffer> | undefined {
    const length = memberHeadroomBytes + bytes.length;
    if (this.#end + length > limit) return undefined;
    const room = new Uint8Array(this.#buffer, this.#end, length);
    room.set(bytes, memberHeadroomBytes);
    this.#end += length;
    return room;
  }
}

function withHeadroom(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const room = new Uint8Array(memberHeadroomBytes + bytes.length);
  room.set(bytes, memberHeadroomBytes);
  return room;
}
