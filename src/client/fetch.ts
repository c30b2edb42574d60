/** Objects out of a pack stream: every one is checked against its id before anybody sees it. */
import { BakError } from "../errors.js";
import { decodeMemberTar } from "../objects/member-tar.js";
import { unpackMemberInBackground } from "../objects/member-codec.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { ObjectKind, PackedObject } from "../objects/object-kind.js";
import { lookahead } from "./lookahead.js";
import { maxIdsPerCall, type Remote } from "./remote.js";

const membersAhead = 3;

/**
 * The objects in the members that `isWanted` asks for, their bytes as views of the inflated member. Throws BAD_PACK for
 * bytes that are not what their id says.
 */
export async function* readObjects(
  members: AsyncGenerator<Uint8Array, void, undefined>,
  isWanted: (id: ObjectId, kind: ObjectKind) => boolean,
): AsyncGenerator<PackedObject<ObjectId>, void, undefined> {
  for await (const tar of lookahead(members, membersAhead, unpackMemberInBackground)) {
    for (const { kind, id, offset, length } of decodeMemberTar(tar)) {
      if (!isWanted(id, kind)) continue;
      const bytes = tar.subarray(offset, offset + length);
      if (objectIdOf(bytes) !== id)
        throw new BakError("BAD_PACK", `damaged pack: '${kind}/${id}' holds other bytes than its id says`);
      yield { kind, id, bytes };
    }
  }
}

/**
 * Fetches objects, any number of them; `take` is given each id once. Rejects with NO_OBJECT if the store did not send one
 * of them. What kind an object was packed as is not looked at: where a file holds the very bytes of a tree, one object is
 * both, and lies in the store as whichever came first.
 */
export async function fetchObjects(
  remote: Pick<Remote, "get" | "peer">,
  ids: Iterable<ObjectId>,
  take: (id: ObjectId, bytes: Uint8Array) => void,
): Promise<void> {
  const wanted = [...new Set(ids)];
  for (let at = 0; at < wanted.length; at += maxIdsPerCall) {
    const missing = new Set(wanted.slice(at, at + maxIdsPerCall));
    for await (const { id, bytes } of readObjects(remote.get([...missing]), (each) => missing.has(each))) {
      missing.delete(id);
      take(id, bytes);
    }
    for (const id of missing) throw new BakError("NO_OBJECT", `'${remote.peer}' did not send object '${id}'`);
  }
}

/** Fetches one object. */
export async function fetchObject(remote: Pick<Remote, "get" | "peer">, id: ObjectId): Promise<Uint8Array> {
  let found: Uint8Array | undefined;
  await fetchObjects(remote, [id], (_, bytes) => (found = bytes));
  return found as Uint8Array;
}
