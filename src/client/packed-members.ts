/** Where the members of a batch lie: in the batch's own buffer, over objects that are packed, as far as there is room. */
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import { countGarbage } from "../threads/collect-garbage.js";

export interface PackedMember {
  /** `memberHeadroomBytes` bytes and the member; in the batch's buffer, if it fits in there. */
  readonly room: Uint8Array<ArrayBuffer>;
  /** How many objects are in it. */
  readonly objects: number;
}

export class PackedMembers {
  readonly #buffer: ArrayBuffer;
  readonly #members: PackedMember[] = [];
  /** How much of the buffer is members. */
  #end = 0;

  constructor(buffer: ArrayBuffer) {
    this.#buffer = buffer;
  }

  /** Takes a member, whose bytes are not needed afterwards; nothing from `limit` on may be written over yet. */
  add(bytes: Uint8Array, objects: number, limit: number): void {
    const room = this.#place(bytes, limit) ?? withHeadroom(bytes);
    if (room.buffer !== this.#buffer) countGarbage(bytes.length);
    this.#members.push({ room, objects });
  }

  /** All members, in their order. Nothing of the buffer is needed any more but these, so others may find room there now. */
  finish(): PackedMember[] {
    return this.#members.map((member) => {
      const { room, objects } = member;
      if (room.buffer === this.#buffer) return member;
      const bytes = room.subarray(memberHeadroomBytes);
      return { room: this.#place(bytes, this.#buffer.byteLength) ?? room, objects };
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
