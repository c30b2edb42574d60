/** The chunks that a large file had at the head, so that those that it still has are found without looking for their ends. */
import { BakError } from "../errors.js";
import { decodeList, type List } from "../objects/list.js";
import { objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { fetchObjects } from "./fetch.js";
import type { Remote } from "./remote.js";

/** The chunks of a file, in order: the id of the i-th at 32 i, and its size in bytes. */
export interface OldChunks {
  readonly ids: Uint8Array;
  readonly sizes: Uint32Array;
}

/** A smaller file is cut sooner than its list is fetched, which may come with others in its member. */
export const minPredictedBytes = 64 << 20;
/** Of a file with more chunks, some 40 GB, they are not fetched: they would take more than 10 MB, and 30 to find one. */
const maxOldChunks = 1 << 18;

/**
 * Fetches the chunks that a list names; undefined where there are too many. Rejects with NO_OBJECT if the store does not have
 * one of the lists, and with BAD_OBJECT if it is none.
 */
export async function fetchOldChunks(
  remote: Pick<Remote, "get" | "peer">,
  list: ObjectId,
): Promise<OldChunks | undefined> {
  let ids = [list];
  for (let expected: number | undefined; ;) {
    const lists = new Map<ObjectId, List>();
    await fetchObjects(remote, ids, (id, bytes) => void lists.set(id, decodeList(bytes)));
    const level = ids.map((id) => lists.get(id) as List);
    const depth = level[0]?.level ?? 0;
    if (level.some((each) => each.level !== (expected ?? depth)))
      throw new BakError("BAD_OBJECT", `not a list: one beneath '${list}' has a level that is not the others'`);
    const count = level.reduce((sum, { children }) => sum + children.length, 0);
    if (count > maxOldChunks) return undefined;
    if (depth === 0) return chunksOf(level, count);
    ids = level.flatMap(({ children }) => children.map(({ id }) => id));
    expected = depth - 1;
  }
}

function chunksOf(lists: readonly List[], count: number): OldChunks {
  const ids = new Uint8Array(count * objectIdLength);
  const sizes = new Uint32Array(count);
  let at = 0;
  for (const { children } of lists) {
    for (const { id, size } of children) {
      ids.set(objectIdBytes(id), at * objectIdLength);
      sizes[at] = size;
      at += 1;
    }
  }
  return { ids, sizes };
}
