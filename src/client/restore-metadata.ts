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
    const { extendedAttributes, ...plain } = mapped;
    const own = extendedAttributes?.filter(({ name }) => !isForRoot(name)) ?? [];
    if (own.length < (extendedAttributes?.length ?? 0)) {
      const attribute = extendedAttributes?.find(({ name }) => isForRoot(name))?.name ?? "";
      this.#shortfalls.add("privileged", path, { attribute, errno: "" });
    }
    return own.length === 0 ? plain : { ...plain, extendedAttributes: own };
  }

  /** A name is there without these. */
  lost(losses: readonly Loss[], path: () => ByteString): void {
    this.#shortfalls.addLosses(losses, path);
  }

  get shortfalls(): Shortfall[] {
    return this.#shortfalls.all;
  }
}

/** Capabilities and labels, and what the system keeps for root alone. */
function isForRoot(name: ByteString): boolean {
  return name.startsWith("security.") || name.startsWith("trusted.");
}
