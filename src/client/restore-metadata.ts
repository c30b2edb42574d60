/** What is put on restored names beside their content, by whoever restores; and what of it could not be. */
import type { ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { Attributes } from "../objects/entry.js";
import { OwnerMap, type OwnedAttributes } from "./owner-map.js";
import type { Loss } from "./put-attributes.js";
import { Shortfalls, type Shortfall } from "./shortfalls.js";

export class RestoreMetadata {
  readonly #owners: OwnerMap;
  readonly #shortfalls = new Shortfalls();

  constructor(commit: Pick<Commit, "users" | "groups">, options: { isNumericOwner: boolean }) {
    const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
    this.#owners = new OwnerMap(commit, { isNumeric: options.isNumericOwner, uid, gid });
  }

  /** What a name is to be given; what cannot be given by us is counted. To be asked for once a name. */
  of(attributes: Attributes, path: () => ByteString): OwnedAttributes {
    const mapped = this.#owners.map(attributes);
    if (mapped.isOwned) return mapped;
    if (this.#owners.isOther(mapped)) this.#shortfalls.add("others", path);
    const attribute = mapped.extendedAttributes?.find(({ name }) => isForRoot(name))?.name;
    if (attribute !== undefined) this.#shortfalls.add("privileged", path, { attribute, errno: "" });
    return withoutThoseForRoot(mapped);
  }

  /** The same for a name that has been counted. */
  ofCounted(attributes: Attributes): OwnedAttributes {
    const mapped = this.#owners.map(attributes);
    return mapped.isOwned ? mapped : withoutThoseForRoot(mapped);
  }

  /** A name is there without these. */
  lost(losses: readonly Loss[], path: () => ByteString): void {
    this.#shortfalls.addLosses(losses, path);
  }

  get shortfalls(): Shortfall[] {
    return this.#shortfalls.all;
  }
}

function withoutThoseForRoot({ extendedAttributes, ...plain }: OwnedAttributes): OwnedAttributes {
  const own = extendedAttributes?.filter(({ name }) => !isForRoot(name)) ?? [];
  return own.length === 0 ? plain : { ...plain, extendedAttributes: own };
}

/** Capabilities and labels, and what the system keeps for root alone. */
function isForRoot(name: ByteString): boolean {
  return name.startsWith("security.") || name.startsWith("trusted.");
}
