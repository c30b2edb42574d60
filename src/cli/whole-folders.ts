/** Folders that are new, or gone, with all that is in them: told of by themselves, they say the rest. */
import type { ChangeEvent } from "../client/changes.js";

/** Hears of changes in the order in which a walk tells them. */
export class WholeFolders {
  /** What the paths of all that came, or went, with the last such folder begin with. */
  readonly #last: Partial<Record<ChangeEvent["type"], string>> = {};

  /** Whether a change is that of a folder that this was told of; a folder comes before what is in it. */
  has({ type, path, entry }: ChangeEvent): boolean {
    const last = this.#last[type];
    if (last !== undefined && path.startsWith(last)) return true;
    if (type !== "changed" && entry.kind === "dir") this.#last[type] = `${path}/`;
    return false;
  }
}
