/** Reads an object that has been found, as what it is to be. */
import { unreachable } from "../errors.js";
import { decodeCommit } from "../objects/commit.js";
import { decodeList } from "../objects/list.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ObjectKind } from "../objects/object-kind.js";
import { decodeTree } from "../objects/tree.js";
import type { FoundObject } from "./object-index.js";
import type { Packs } from "./packs.js";

/** See `ObjectSource.readObject`. To be called in the same turn in which the object was found. */
export async function readFound(
  packs: Packs,
  id: ObjectId,
  { found, kind }: { found: FoundObject; kind: ObjectKind | undefined },
): Promise<Uint8Array> {
  const bytes = await packs.readObject(id, found);
  if (kind !== undefined && kind !== found.kind) assertKind(bytes, kind);
  return bytes;
}

/** For bytes that came as another kind: throws BAD_OBJECT unless they can be of this one. */
function assertKind(bytes: Uint8Array, kind: ObjectKind): void {
  switch (kind) {
    case "blob":
      return; // any bytes are a blob
    case "list":
      decodeList(bytes);
      return;
    case "tree":
      decodeTree(bytes);
      return;
    case "commit":
      decodeCommit(bytes);
      return;
    default:
      unreachable(kind);
  }
}
