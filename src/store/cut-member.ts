/** Makes a member of some of another's entries. */
import { BakError } from "../errors.js";
import { packMember, unpackMember, type Codec } from "../objects/member-codec.js";
import { ownBytes } from "../threads/own-bytes.js";

export interface CutJob {
  /** The member as it lies in its pack. */
  readonly packed: Uint8Array<ArrayBuffer>;
  /** Where the entries that stay begin and end in its tar, two numbers each, in their order. */
  readonly ranges: Uint32Array<ArrayBuffer>;
  readonly codec: Codec;
  /** How hard it is compressed, if it is; the codec's usual level unless given. */
  readonly level?: number;
}

/** What was hardly made smaller once would not be the next time. */
const storedShare = 0.98;

/** The member of the entries that stay. Rejects with BAD_PACK where the member does not inflate, or has no such entries. Blocks. */
export async function cutMember({ packed, ranges, codec, level }: CutJob): Promise<Uint8Array<ArrayBuffer>> {
  const tar = await unpackMember(packed);
  const entries: Buffer[] = [];
  for (let at = 0; at < ranges.length; at += 2) {
    const [from, to] = [ranges[at] as number, ranges[at + 1] as number];
    if (to > tar.length) throw new BakError("BAD_PACK", "damaged pack: member without an entry of its index");
    entries.push(tar.subarray(from, to));
  }
  const isStored = packed.length >= tar.length * storedShare;
  return ownBytes(packMember(Buffer.concat(entries), codec, isStored ? 0 : level));
}
