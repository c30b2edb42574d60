/** How a member is compressed: each member says so in its first bytes, and can be read without knowing it beforehand. */
import { inflateMember, inflateMemberNow, compressMember } from "./member-gzip.js";

/** What a writer of packs can choose from; `none` is gzip that stores. */
export const codecs = ["gzip", "none"] as const;
export type Codec = (typeof codecs)[number];

/** A member's bytes as they go into a pack. Blocks while it compresses, so it belongs on a thread of its own. */
export function packMember(tar: Uint8Array, codec: Codec): Buffer {
  return compressMember(tar, { isIncompressible: codec === "none" });
}

/** The tar of one member; throws BAD_PACK unless the bytes are a single member, whole and undamaged. Blocks meanwhile. */
export function unpackMember(packed: Uint8Array): Buffer {
  return inflateMemberNow(packed);
}

/** The same, without blocking: zlib works on a thread of its own. */
export function unpackMemberInBackground(packed: Uint8Array): Promise<Buffer> {
  return inflateMember(packed);
}
