/** Finds the objects of one pack in the others: a copy that another pack has can take its place. */
import { open } from "node:fs/promises";
import { objectIdLength } from "../objects/object-id.js";
import { ifThere } from "./if-there.js";
import type { NumberedPack } from "./numbered-packs.js";
import { recordLength, recordsOffset } from "./pack-index.js";

/** So many records are read at once: a little less than 1 MiB. */
const recordsAtOnce = 23_000;

export interface OtherPlacesOptions {
  /** The packs to look into; the pack itself is passed over. */
  readonly packs: readonly NumberedPack[];
  /** Whether a record may stand for its object; one that is damaged may not. */
  readonly isUsable: (record: number) => boolean;
}

/**
 * For each record of `pack`, whose sorted records `records` are, the number of a record of the same object in another pack,
 * and -1 where there is none. Every index is read once, in its order. Memory: 1 MiB, and 12 bytes for each record of the
 * pack.
 */
export async function otherPlaces(
  pack: NumberedPack,
  records: Buffer,
  { packs, isUsable }: OtherPlacesOptions,
): Promise<Float64Array> {
  const places = new Float64Array(pack.recordCount).fill(-1);
  const prefixes = Uint32Array.from({ length: pack.recordCount }, (_, at) => records.readUInt32BE(at * recordLength));
  const room = Buffer.allocUnsafe(recordsAtOnce * recordLength);
  for (const other of packs) {
    if (other === pack) continue;
    let own = 0; // both are sorted: one pass over each
    await readRecords(other, room, (read, first) => {
      for (let at = 0; at < read.length; at += recordLength) {
        const prefix = read.readUInt32BE(at);
        while (own < prefixes.length && (prefixes[own] as number) < prefix) own += 1;
        for (let same = own; prefixes[same] === prefix; same += 1) {
          const record = first + at / recordLength;
          if (places[same] === -1 && isEqualId(records, same * recordLength, read, at) && isUsable(record))
            places[same] = record;
        }
      }
    });
  }
  return places;
}

function isEqualId(a: Buffer, atA: number, b: Buffer, atB: number): boolean {
  return a.compare(b, atB, atB + objectIdLength, atA, atA + objectIdLength) === 0;
}

/** Calls back with the records of a pack's index in their order, some at a time, and the number of the first of these. */
async function readRecords(
  pack: NumberedPack,
  room: Buffer,
  visit: (records: Buffer, first: number) => void,
): Promise<void> {
  const from = recordsOffset(pack);
  const length = pack.recordCount * recordLength;
  if (pack.bytes !== undefined) return visit(pack.bytes.subarray(from, from + length), pack.start);
  const handle = await ifThere(open(pack.indexPath, "r"));
  if (handle === undefined) return; // what it held can't be found, here or elsewhere
  try {
    for (let at = 0; at < length;) {
      const wanted = Math.min(room.length, length - at);
      const { bytesRead } = await handle.read(room, 0, wanted, from + at);
      const whole = bytesRead - (bytesRead % recordLength);
      if (whole === 0) return;
      visit(room.subarray(0, whole), pack.start + at / recordLength);
      at += whole;
    }
  } finally {
    await handle.close();
  }
}
