/** What a restore could not set of names that are there: counted by kind, with an example of each. */
import type { ByteString } from "../objects/byte-string.js";
import type { Loss } from "./put-attributes.js";

/**
 * `others`: names that belong to others in the commit, and to whoever restores now, who is not root. `privileged`: names that
 * had attributes which only root sets. `owner`: the owner could not be set. `attributes`: an extended attribute could not.
 */
export type ShortfallKind = "others" | "privileged" | "owner" | "attributes";

export interface Shortfall {
  readonly kind: ShortfallKind;
  /** How many names. */
  readonly count: number;
  /** One of them, within the commit; empty for its root. */
  readonly path: ByteString;
  /** An attribute of it that is missing; empty for all, and where it is none that is. */
  readonly attribute: string;
  /** The errno name; empty where no system call failed. */
  readonly errno: string;
}

/** Whether somebody has to look after it: the rest is what anyone expects who is not root. */
export function isLoss({ kind }: Pick<Shortfall, "kind">): boolean {
  return kind === "owner" || kind === "attributes";
}

export class Shortfalls {
  readonly #found = new Map<string, Shortfall>();

  /** Counts a name. */
  add(kind: ShortfallKind, path: () => ByteString, { attribute, errno } = { attribute: "", errno: "" }): void {
    const key = `${kind} ${errno}`;
    const before = this.#found.get(key);
    const first = before ?? { kind, path: path(), attribute, errno, count: 0 };
    this.#found.set(key, { ...first, count: first.count + 1 });
  }

  /** Counts what one name lacks, once for each way in which it does. */
  addLosses(losses: readonly Loss[], path: () => ByteString): void {
    const counted = new Set<string>();
    for (const { what, attribute, errno } of losses) {
      if (counted.has(`${what} ${errno}`)) continue;
      counted.add(`${what} ${errno}`);
      this.add(what, path, { attribute, errno });
    }
  }

  get all(): Shortfall[] {
    return [...this.#found.values()];
  }
}
