/**
 * Who is to own what is restored. A user or group that the commit names is looked for by name, as tar and rsync do: the
 * number may be another's here. Only root can give anything to others.
 */
import type { ByteString } from "../objects/byte-string.js";
import type { Commit, OwnerName } from "../objects/commit.js";
import type { Attributes } from "../objects/entry.js";
import { loadGroupNames, loadUserNames, type OwnerNames } from "../platform/owner-names.js";

export interface OwnerMapOptions {
  /** Keeps the numbers, whoever has them here. */
  readonly isNumeric: boolean;
  /** Who restores; undefined where there are no users. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly users?: OwnerNames;
  readonly groups?: OwnerNames;
}

/** What is put on a name of the target, with what whoever restores may give it. */
export interface OwnedAttributes extends Attributes {
  /** Whether owner and group are to be set. */
  readonly isOwned: boolean;
}

const setUserId = 0o4000;
const setGroupId = 0o2000;

export class OwnerMap {
  /** Whether whoever restores may set owners at all. */
  readonly isRoot: boolean;
  readonly #options: OwnerMapOptions;
  readonly #users: IdMap;
  readonly #groups: IdMap;

  constructor(commit: Pick<Commit, "users" | "groups">, options: OwnerMapOptions) {
    this.#options = options;
    this.isRoot = options.uid === 0;
    const { isNumeric } = options;
    this.#users = new IdMap(isNumeric ? [] : commit.users, () => options.users ?? loadUserNames());
    this.#groups = new IdMap(isNumeric ? [] : commit.groups, () => options.groups ?? loadGroupNames());
  }

  /**
   * The same attributes with the owner that they have here. Where that cannot be set, the mode is without what made a file
   * run as its owner, or its group: it must not run as us instead, who own what we restore.
   */
  map(attributes: Attributes): OwnedAttributes {
    const uid = this.#users.map(attributes.uid);
    const gid = this.#groups.map(attributes.gid);
    if (this.isRoot) return owned(attributes, { mode: attributes.mode, uid, gid, isOwned: true });
    const { mode } = attributes;
    const withUser = this.#options.uid === uid ? mode : mode & ~setUserId;
    const withGroup = this.#options.gid === gid ? withUser : withUser & ~setGroupId;
    return owned(attributes, { mode: withGroup, uid, gid, isOwned: false });
  }

  /** Whether mapped attributes are of somebody else than who restores. */
  isOther({ uid, gid }: OwnedAttributes): boolean {
    return uid !== this.#options.uid || gid !== this.#options.gid;
  }
}

/** The attributes alone, of what may be a whole entry. */
function owned(
  { mtimeSeconds, mtimeNanoseconds, extendedAttributes }: Attributes,
  own: Pick<OwnedAttributes, "mode" | "uid" | "gid" | "isOwned">,
): OwnedAttributes {
  const plain = { ...own, mtimeSeconds, mtimeNanoseconds };
  return extendedAttributes === undefined ? plain : { ...plain, extendedAttributes };
}

/** Numbers of the commit, and those that the same names have here. */
class IdMap {
  readonly #names: ReadonlyMap<number, ByteString>;
  readonly #load: () => OwnerNames;
  readonly #known = new Map<number, number>();
  #local: OwnerNames | undefined;

  constructor(owners: readonly OwnerName[], load: () => OwnerNames) {
    this.#names = new Map(owners.map(({ id, name }) => [id, name]));
    this.#load = load;
  }

  map(id: number): number {
    const name = this.#names.get(id);
    if (name === undefined || id === 0) return id; // root is root, whatever it is called
    let known = this.#known.get(id);
    if (known === undefined) {
      this.#local ??= this.#load();
      known = this.#local.idOf(name) ?? id;
      this.#known.set(id, known);
    }
    return known;
  }
}
