/**
 * Which heads lack something since damaged packs were set aside: the file `damaged/heads` of a store, one commit id a line.
 * A push on one of those reads everything again, and so sends what the store has lost. A line `*` stands for all heads: that
 * is so while it is being found out which they are, and after a crash meanwhile.
 */
import { readFile } from "node:fs/promises";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import type { Disk } from "./disk.js";
import { ifThere } from "./if-there.js";
import type { Layout } from "./layout.js";
import { makeFolderDurably, writeFileWhole } from "./write-file.js";

const allHeads = "*";

export class IncompleteHeads {
  readonly #disk: Disk;
  readonly #layout: Layout;
  #heads: ReadonlySet<string>;

  private constructor(disk: Disk, layout: Layout, heads: ReadonlySet<string>) {
    this.#disk = disk;
    this.#layout = layout;
    this.#heads = heads;
  }

  /** Reads the file; one that is not as it should be stands for all heads. */
  static async load(disk: Disk, layout: Layout): Promise<IncompleteHeads> {
    return new IncompleteHeads(
      disk,
      layout,
      parseHeads((await ifThere(readFile(layout.incompleteHeads, "latin1"))) ?? ""),
    );
  }

  /** Whether a head lacks something, as far as that is known. */
  has(head: ObjectId): boolean {
    return this.#heads.has(head) || this.#heads.has(allHeads);
  }

  /** Any head may lack something from now on. Resolves once that is on stable storage. */
  async suspectAll(): Promise<void> {
    await this.#write(new Set([allHeads]));
  }

  /** These do, and no others. Writes nothing where that is known already. */
  async set(heads: Iterable<ObjectId>): Promise<void> {
    const now = new Set<string>(heads);
    const isSame = now.size === this.#heads.size && [...now].every((head) => this.#heads.has(head));
    if (!isSame) await this.#write(now);
  }

  /** All that is left are heads of which `isStill` is true; for when all of them have been looked at. */
  async retain(isStill: (head: string) => boolean): Promise<void> {
    if (this.#heads.has(allHeads)) return;
    await this.set([...this.#heads].filter(isStill) as ObjectId[]);
  }

  async #write(heads: ReadonlySet<string>): Promise<void> {
    const bytes = Buffer.from(
      [...heads]
        .toSorted()
        .map((head) => `${head}\n`)
        .join(""),
      "latin1",
    );
    await makeFolderDurably(this.#disk, this.#layout.damaged);
    await writeFileWhole(this.#disk, this.#layout.incompleteHeads, { bytes, temporary: this.#layout.temporary() });
    this.#heads = heads;
  }
}

/** What the file says. */
export function parseHeads(text: string): ReadonlySet<string> {
  const lines = text.split("\n");
  const isWhole = lines.pop() === "" && lines.every((line) => line === allHeads || isObjectId(line));
  return new Set(isWhole || text === "" ? lines : [allHeads]);
}
