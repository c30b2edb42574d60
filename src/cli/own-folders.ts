/** Folders of bak's own that a push does not enter: a store that kept itself would grow with every push. */
import { statSync } from "node:fs";

/** A set of folders, known by device and inode, so that no other way to write a path gets around it. */
export class ExclusionByIdentity {
  readonly #identities = new Set<string>();

  /** Paths that do not exist are no folders yet, and are passed over. */
  constructor(folders: readonly (string | undefined)[]) {
    for (const folder of folders) {
      const stats = folder === undefined ? undefined : statSync(folder, { bigint: true, throwIfNoEntry: false });
      if (stats !== undefined) this.#identities.add(`${stats.dev}:${stats.ino}`);
    }
  }

  has(folder: { readonly dev: bigint; readonly ino: bigint }): boolean {
    return this.#identities.has(`${folder.dev}:${folder.ino}`);
  }
}
