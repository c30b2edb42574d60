/** Counts what of each pack is needed. */
import { tarLength } from "../objects/member-tar.js";
import type { NumberedPack } from "./numbered-packs.js";
import { lengthInRecord, memberAt, memberInRecord, recordLength, recordsOffset, type PackIndex } from "./pack-index.js";
import type { Packs } from "./packs.js";
import type { PackUse } from "./plan-gc.js";
import type { RecordSet } from "./record-set.js";

/** What counting needs to know. */
export interface UseOptions {
  readonly packs: Packs;
  /** Records of the objects that are needed. */
  readonly live: RecordSet;
  /** Whether the pack stays as it is. */
  readonly isSpared: boolean;
}

/** What is needed of one pack. Reads its index only where something of it is needed, and something is not. */
export async function usePack(pack: NumberedPack, { packs, live, isSpared }: UseOptions): Promise<PackUse> {
  const liveObjects = live.count(pack.start, pack.end);
  return {
    id: pack.id,
    codec: packs.codecOf(pack.id),
    owner: pack.owner,
    bytes: pack.packLength,
    liveBytes: await liveBytesOf(pack, liveObjects, { packs, live }),
    objects: pack.recordCount,
    liveObjects,
    isSpared,
  };
}

async function liveBytesOf(
  pack: NumberedPack,
  liveObjects: number,
  { packs, live }: { packs: Packs; live: RecordSet },
): Promise<number> {
  if (liveObjects === 0) return 0;
  if (liveObjects === pack.recordCount) return pack.packLength;
  const index = await packs.readIndex(pack);
  const liveTars = liveTarBytes(index, (ordinal) => live.has(pack.start + ordinal));
  let bytes = 0;
  for (const [member, tarBytes] of liveTars.entries()) {
    const { packedLength, inflatedLength } = memberAt(index, member);
    bytes += packedLength * Math.min(tarBytes / inflatedLength, 1);
  }
  return Math.min(Math.ceil(bytes), pack.packLength - 1); // what is dead takes something, however little
}

/** For each member, how many bytes of its tar are of objects that are needed. */
export function liveTarBytes(index: PackIndex, isLive: (ordinal: number) => boolean): Float64Array {
  const bytes = new Float64Array(index.memberCount);
  const start = recordsOffset(index);
  for (let ordinal = 0; ordinal < index.recordCount; ordinal += 1) {
    if (!isLive(ordinal)) continue;
    const at = start + ordinal * recordLength;
    const member = memberInRecord(index.bytes, at);
    bytes[member] = (bytes[member] as number) + tarLength(lengthInRecord(index.bytes, at));
  }
  return bytes;
}
