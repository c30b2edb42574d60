/**
 * Packs in which nothing is found any more, and whose files are to be deleted. The index goes first, and that is on stable
 * storage before the pack goes: a crash in between leaves a whole pack, whose index is made again. The other way round it
 * would leave an index without its pack, which could not be told from a pack that was lost.
 */
import type { ObjectId } from "../objects/object-id.js";
import type { Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";

/** What deleting packs needs of those who read them. */
export interface DoomedOptions {
  readonly disk: Disk;
  readonly layout: Layout;
  /** Whether a pack is being read from. */
  readonly isPinned: (pack: ObjectId) => boolean;
  /** Lets go of a pack's file, which takes its space for as long as it is open. */
  readonly closeFile: (path: string) => Promise<void>;
}

export class DoomedPacks {
  readonly #options: DoomedOptions;
  readonly #doomed = new Set<ObjectId>();

  constructor(options: DoomedOptions) {
    this.#options = options;
  }

  /** How many are still there. */
  get count(): number {
    return this.#doomed.size;
  }

  add(pack: ObjectId): void {
    this.#doomed.add(pack);
  }

  /** For a pack that has come again: it stays. */
  spare(pack: ObjectId): void {
    this.#doomed.delete(pack);
  }

  /**
   * Deletes those that nobody reads from; resolves once that is on stable storage. What a rejection leaves is deleted by the
   * next call. No two calls are under way at the same time, and no pack comes meanwhile.
   */
  async removeFree(): Promise<void> {
    const { layout, isPinned } = this.#options;
    const byFolder = new Map<string, ObjectId[]>();
    for (const pack of this.#doomed) {
      if (isPinned(pack)) continue;
      const folder = layout.packFolder(pack);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), pack]);
    }
    for (const [folder, packs] of byFolder) await this.#removeIn(folder, packs);
  }

  async #removeIn(folder: string, packs: readonly ObjectId[]): Promise<void> {
    const { disk, layout, closeFile } = this.#options;
    // a try before this one may have got so far
    for (const pack of packs) await ifThere(disk.remove(layout.index(pack)));
    await disk.syncFolder(folder);
    for (const pack of packs) {
      const path = layout.pack(pack);
      await closeFile(path);
      await ifThere(disk.remove(path));
    }
    await disk.syncFolder(folder);
    for (const pack of packs) {
      this.#doomed.delete(pack);
      layout.setCodec(pack, "gzip"); // of which nothing has to be remembered
    }
  }
}
