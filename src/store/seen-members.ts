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

/** See the top of the file. They are held from the beginning. */
export class SeenMembers implements HeldMembers {
  readonly #parts: SeenParts;
  readonly #members: readonly SeenMember[];
  /** The records that were asked for: they were seen then. */
  readonly #asked = new RecordSet();
  readonly release: () => void;

  constructor(found: readonly FoundObject[], parts: SeenParts) {
    this.#parts = parts;
    const { packs, visible } = parts;
    const members = new Map<number, SeenMember>();
    for (const each of found) {
      const key = each.pack.number * maxPackObjects + each.member;
      if (!visible.isOwn(each.pack)) this.#asked.add(each.record);
      if (!members.has(key)) members.set(key, { ...packs.locate(each), from: each.pack, member: each.member });
    }
    this.#members = [...members.values()].toSorted(compareLocations);
    this.release = packs.pin(this.#members.map(({ pack }) => pack));
  }

  async *read(headroom: number): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < this.#members.length;) {
      const { from } = this.#members[at] as SeenMember;
      let end = at + 1;
      while (this.#members[end]?.from === from) end += 1;
      const members = this.#members.slice(at, end);
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
