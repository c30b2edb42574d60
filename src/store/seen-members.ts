/**
 * Members that are sent to somebody who may not see all of the store: as they lie where all that is in them may be seen, and
 * else new ones, of what may.
 */
import { codecOfMember } from "../objects/member-codec.js";
import { objectIdLength } from "../objects/object-id.js";
import { maxPackObjects } from "../objects/pack-format.js";
import { canWriteZstd } from "../objects/zstd.js";
import { tarLength } from "../objects/member-tar.js";
import { rangesOf } from "./copy-live.js";
import type { Ingest } from "./ingest.js";
import type { NumberedPack } from "./numbered-packs.js";
import type { FoundObject } from "./object-index.js";
import { lengthInRecord, memberInRecord, recordLength, recordsOffset, type PackIndex } from "./pack-index.js";
import type { Packs } from "./packs.js";
import { RecordSet } from "./record-set.js";
import type { HeldMembers, MemberLocation } from "./store.js";
import type { VisibleObjects } from "./visible-objects.js";

export interface SeenParts {
  readonly packs: Packs;
  readonly ingest: Ingest;
  readonly visible: VisibleObjects;
}

/** What is cut is sent once: it is not worth the time to make it small. */
const cutLevel = 1;

interface SeenMember extends MemberLocation {
  readonly from: NumberedPack;
  /** Its number in the pack. */
  readonly member: number;
}

/** See the top of the file. Memory: a member's place for each, and an eighth of a byte an object of the store. */
export class SeenMembers {
  readonly #parts: SeenParts;
  readonly #members = new Map<number, SeenMember>();
  /** The records that were asked for, in packs that others own: they were seen then. */
  readonly #asked = new RecordSet();

  constructor(parts: SeenParts) {
    this.#parts = parts;
  }

  /** Adds the member of an object that may be seen. */
  add(found: FoundObject): void {
    const { pack, member, record } = found;
    const key = pack.number * maxPackObjects + member;
    if (!this.#parts.visible.isOwn(pack)) this.#asked.add(record);
    if (this.#members.has(key)) return;
    this.#members.set(key, { ...this.#parts.packs.locate(found), from: pack, member });
  }

  /** From now on their packs stay. To be called in the turn in which they were found; nothing is added after that. */
  hold(): HeldMembers {
    const members = [...this.#members.values()].toSorted(compareLocations);
    const release = this.#parts.packs.pin(members.map(({ pack }) => pack));
    return { read: (headroom) => this.#read(members, headroom), release };
  }

  async *#read(all: readonly SeenMember[], headroom: number): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < all.length;) {
      const { from } = all[at] as SeenMember;
      let end = at + 1;
      while (all[end]?.from === from) end += 1;
      const members = all.slice(at, end);
      if (this.#parts.visible.isOwn(from)) {
        for (const member of members) yield await this.#parts.packs.readMember(member, headroom);
      } else yield* this.#readForeign(from, members, headroom);
      at = end;
    }
  }

  /** Members of a pack that somebody else owns. One of them is in memory at a time, and the pack's index. */
  async *#readForeign(
    pack: NumberedPack,
    members: readonly SeenMember[],
    headroom: number,
  ): AsyncGenerator<Buffer, void, undefined> {
    const { packs } = this.#parts;
    const index = await packs.readIndex(pack);
    const seen = this.#seenOrdinals(pack, index, new Set(members.map(({ member }) => member)));
    for (const member of members) {
      const ordinals = seen.get(member.member) ?? [];
      // by length: a second copy of an object has no record
      const seenBytes = ordinals.reduce((sum, ordinal) => sum + tarBytesOf(index, ordinal), 0);
      if (seenBytes === member.inflatedLength) yield await packs.readMember(member, headroom);
      else yield behind(headroom, await this.#cut(await packs.readMember(member), rangesOf(index, ordinals)));
    }
  }

  /** For some members of a pack, by their numbers: the ordinals of those of their records that may be seen. */
  #seenOrdinals(pack: NumberedPack, index: PackIndex, members: ReadonlySet<number>): Map<number, number[]> {
    const ordinals: number[] = [];
    for (let ordinal = 0; ordinal < index.recordCount; ordinal += 1) {
      if (members.has(memberInRecord(index.bytes, recordAt(index, ordinal)))) ordinals.push(ordinal);
    }
    const ids = Buffer.allocUnsafe(ordinals.length * objectIdLength);
    for (const [at, ordinal] of ordinals.entries()) {
      const record = recordAt(index, ordinal);
      index.bytes.copy(ids, at * objectIdLength, record, record + objectIdLength);
    }
    const isSeen = new Uint8Array(ordinals.length);
    const { visible, packs } = this.#parts;
    packs.index.findRecords(ids, (at, record, _, found) => {
      if (visible.of(record, found) === true) isSeen[at] = 1;
    });
    const seen = new Map<number, number[]>();
    for (const [at, ordinal] of ordinals.entries()) {
      if (isSeen[at] === 0 && !this.#asked.has(pack.start + ordinal)) continue;
      const member = memberInRecord(index.bytes, recordAt(index, ordinal));
      const others = seen.get(member);
      if (others === undefined) seen.set(member, [ordinal]);
      else others.push(ordinal);
    }
    return seen;
  }

  #cut(packed: Buffer, ranges: Uint32Array<ArrayBuffer>): Promise<Uint8Array> {
    const codec = codecOfMember(packed) === "zstd" && canWriteZstd() ? "zstd" : "gzip";
    return this.#parts.ingest.cut(packed, { ranges, codec, level: cutLevel });
  }
}

function recordAt(index: PackIndex, ordinal: number): number {
  return recordsOffset(index) + ordinal * recordLength;
}

function tarBytesOf(index: PackIndex, ordinal: number): number {
  return tarLength(lengthInRecord(index.bytes, recordAt(index, ordinal)));
}

function behind(headroom: number, bytes: Uint8Array): Buffer {
  const room = Buffer.allocUnsafe(headroom + bytes.length);
  room.set(bytes, headroom);
  return room;
}

/** In the order in which they lie on disk. */
export function compareLocations(a: MemberLocation, b: MemberLocation): number {
  if (a.pack !== b.pack) return a.pack < b.pack ? -1 : 1;
  return a.offset - b.offset;
}
