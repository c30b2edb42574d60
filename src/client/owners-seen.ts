/** Which users and groups the names of a folder belong to, and what these are called. */
import type { ByteString } from "../objects/byte-string.js";
import { maxOwnerNameBytes, maxOwners, type OwnerName } from "../objects/commit.js";
import type { OwnerNames } from "../platform/owner-names.js";

export class OwnersSeen {
  readonly #users = new Set<number>();
  readonly #groups = new Set<number>();
  #uid = -1;
  #gid = -1;

  /** Takes the owner of a name; as a rule it is that of the one before. */
  see(uid: number, gid: number): void {
    if (uid === this.#uid && gid === this.#gid) return;
    this.#uid = uid;
    this.#gid = gid;
    this.#users.add(uid);
    this.#groups.add(gid);
  }

  /** Sorted by number. */
  get users(): number[] {
    return sorted(this.#users);
  }

  get groups(): number[] {
    return sorted(this.#groups);
  }
}

/** What those are called that have a name; no more than a commit holds. */
export function namesOfOwners(ids: readonly number[], names: OwnerNames): OwnerName[] {
  const found: OwnerName[] = [];
  for (const id of ids) {
    const name = names.nameOf(id);
    if (name !== undefined && name.length <= maxOwnerNameBytes) found.push({ id, name: name as ByteString });
    if (found.length === maxOwners) break;
  }
  return found;
}

function sorted(ids: ReadonlySet<number>): number[] {
  return [...ids].toSorted((a, b) => a - b);
}
