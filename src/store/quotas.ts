/**
 * Holds projects to how much they may keep: what their packs take of the disk, each with its index, and what is coming in.
 * Files are counted in blocks, so that many tiny packs count as what they take.
 */
import { BakError } from "../errors.js";
import { formatBytes } from "../objects/format-bytes.js";
import type { ProjectId } from "../objects/project-id.js";
import { packIndexLength, type PackIndexHeader } from "./pack-index.js";
import type { Quota, ReceiveOptions } from "./store.js";

/** What file systems give a file at a time, as a rule. */
const blockBytes = 4096;
/** Of any pack, however small: a block for itself, and one for its index. */
const leastPackBytes = 2 * blockBytes;

/** How many bytes of a disk a pack takes, with its index. */
export function diskBytesOf(pack: PackIndexHeader): number {
  return inBlocks(pack.packLength) + inBlocks(packIndexLength(pack));
}

function inBlocks(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

/** How much each project sends at the moment, beside what it has sent. */
export class Quotas {
  readonly #kept: () => ReadonlyMap<ProjectId, number>;
  readonly #coming = new Map<ProjectId, number>();

  /** `kept` gives how many bytes each project's packs take of the disk. */
  constructor(kept: () => ReadonlyMap<ProjectId, number>) {
    this.#kept = kept;
  }

  /** For a pack that begins to come. Throws LIMIT where there is no room for any. */
  begin({ owner, quotas = [] }: Pick<ReceiveOptions, "owner" | "quotas">): Coming {
    let bytes = 0;
    let isCounted = true;
    const count = (more: number): void => {
      for (const quota of quotas) this.#assertRoom(quota, more);
      bytes += more;
      this.#add(owner, more);
    };
    const end = (): void => {
      if (isCounted) this.#add(owner, -bytes);
      isCounted = false;
    };
    count(leastPackBytes);
    return { count, end };
  }

  #assertRoom({ of, limitBytes, counts }: Quota, more: number): void {
    const used = sumOf(this.#kept(), counts) + sumOf(this.#coming, counts);
    if (used + more <= limitBytes) return;
    throw new BakError(
      "LIMIT",
      `${of} has no room for that: ${formatBytes(used)} of its quota of ${formatBytes(limitBytes)} are taken`,
      {
        hint: "'bak forget' and then 'bak gc' make room; or ask whoever runs the server for more",
      },
    );
  }

  #add(owner: ProjectId | undefined, bytes: number): void {
    if (owner === undefined) return;
    const sum = (this.#coming.get(owner) ?? 0) + bytes;
    if (sum > 0) this.#coming.set(owner, sum);
    else this.#coming.delete(owner);
  }
}

/** A pack that is coming in. */
export interface Coming {
  /** Called with so many bytes of it before they are taken; throws LIMIT. What its index takes beyond a block is counted later. */
  count(bytes: number): void;
  /** It is kept, or given up. May be called again. */
  end(): void;
}

function sumOf(bytes: ReadonlyMap<ProjectId, number>, counts: Quota["counts"]): number {
  let sum = 0;
  for (const [project, each] of bytes) if (counts(project)) sum += each;
  return sum;
}
