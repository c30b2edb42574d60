/** Fetching what a store has of many objects, though it has lost some, or has them damaged. */
import { isBakError } from "../errors.js";
import { unpackMember } from "../objects/member-codec.js";
import { decodeMemberTar, type MemberObject } from "../objects/member-tar.js";
import { encodeObjectIds, objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { Remote } from "./remote.js";

/** Whether an error is about some of the objects that were asked for, and not about all of them. */
export function isLoss(error: unknown): boolean {
  return isBakError(error, "NO_OBJECT", "BAD_PACK", "STORE_DAMAGED");
}

/**
 * The members that hold the objects, 65,536 at most, as `remote.get` gives them, passing over those that the store does not
 * have or cannot read: it is asked for the rest of them again, in halves. `isLeft` says what has still to come.
 */
export async function* getRest(
  remote: Pick<Remote, "get" | "hasMany">,
  ids: readonly ObjectId[],
  isLeft: (id: ObjectId) => boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* remote.get(ids);
  } catch (error) {
    if (!isLoss(error)) throw error;
    const left = await presentIn(
      remote,
      ids.filter((id) => isLeft(id)),
    );
    if (left.length === ids.length && ids.length > 1) {
      const middle = ids.length >> 1;
      for (const half of [ids.slice(0, middle), ids.slice(middle)]) yield* getRest(remote, half, isLeft);
    } else if (left.length < ids.length && left.length > 0) yield* getRest(remote, left, isLeft);
  }
}

/** What is in a member. */
export interface OpenedMember {
  readonly tar: Buffer;
  readonly objects: readonly MemberObject[];
}

/**
 * What is in a member; undefined where it cannot be read. What it holds may be other bytes than its ids say. With
 * `isBorrowed`, its bytes are good until something else runs; a promise comes only where a decoder has to be loaded first.
 */
export function openMember(
  member: Uint8Array,
  { isBorrowed = false } = {},
): OpenedMember | undefined | Promise<OpenedMember | undefined> {
  try {
    const tar = unpackMember(member, { anyChecksum: true, isBorrowed });
    return tar instanceof Promise ? tar.then(objectsIn).catch(nothingInDamage) : objectsIn(tar);
  } catch (error) {
    return nothingInDamage(error);
  }
}

function objectsIn(tar: Buffer): OpenedMember {
  return { tar, objects: decodeMemberTar(tar) };
}

function nothingInDamage(error: unknown): undefined {
  if (!isBakError(error, "BAD_PACK")) throw error;
}

/** The objects themselves that the store still has of these, each once; `isLeft` as above. */
export async function* readRest(
  remote: Pick<Remote, "get" | "hasMany">,
  ids: readonly ObjectId[],
  isLeft: (id: ObjectId) => boolean,
): AsyncGenerator<{ id: ObjectId; bytes: Buffer }, void, undefined> {
  for await (const member of getRest(remote, ids, isLeft)) {
    const opened = await openMember(member);
    for (const { id, offset, length } of opened?.objects ?? []) {
      const bytes = opened?.tar.subarray(offset, offset + length) as Buffer;
      if (isLeft(id) && objectIdOf(bytes) === id) yield { id, bytes };
    }
  }
}

/** Those of the objects that the store may have; it tells only those who may push, and others have to ask for each. */
async function presentIn(remote: Pick<Remote, "hasMany">, ids: readonly ObjectId[]): Promise<readonly ObjectId[]> {
  if (ids.length === 0) return [];
  try {
    const has = await remote.hasMany(encodeObjectIds(ids));
    return ids.filter((_, index) => has(index));
  } catch (error) {
    if (isBakError(error, "NOT_ALLOWED")) return ids;
    throw error;
  }
}
