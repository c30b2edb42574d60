/** What of a member somebody may have who may push to a project and not read it: trees, commits and lists. */
import { packMember, unpackMember } from "../objects/member-codec.js";
import { decodeMemberTar, tarLength } from "../objects/member-tar.js";
import { tarBlockBytes } from "../objects/pack-format.js";

/**
 * A member as it lies behind `headroom` bytes, as it is where no content of files is in it, else without that, as gzip;
 * undefined where nothing is left. A client makes members of one kind; one that does not could otherwise read through them.
 */
export async function withoutBlobs(room: Buffer, headroom: number): Promise<Buffer | undefined> {
  const tar = await unpackMember(room.subarray(headroom));
  const objects = decodeMemberTar(tar);
  const kept = objects.filter(({ kind }) => kind !== "blob");
  if (kept.length === objects.length) return room;
  if (kept.length === 0) return undefined;
  const entries = kept.map(({ offset, length }) => {
    const start = offset - tarBlockBytes;
    return tar.subarray(start, start + tarLength(length));
  });
  return Buffer.concat([Buffer.alloc(headroom), packMember(Buffer.concat(entries), "gzip")]);
}
