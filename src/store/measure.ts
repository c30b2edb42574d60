/**
 * How large what commits reach is: as files, with each content counted once, and on the disk; and which commits have added
 * most. All trees are read, twice; memory is some bits an object, and what the logs take.
 */
import { isBakError } from "../errors.js";
import { decodeCommit } from "../objects/commit.js";
import { objectIdBytes, type ObjectId } from "../objects/object-id.js";
import type { ProjectId } from "../objects/project-id.js";
import { LiveObjects } from "./live-objects.js";
import type { Packs } from "./packs.js";
import type { Projects } from "./projects.js";
import { RecordSizes, type Sizes } from "./record-sizes.js";
import type { MeasureOptions, StoreSizes } from "./store.js";

export interface MeasureParts {
  readonly packs: Packs;
  readonly projects: Projects;
}

type ProjectSizes = StoreSizes["projects"][number];
type CommitGrowth = StoreSizes["growth"][number];

interface Line {
  readonly commit: ObjectId;
  readonly receivedMs: number;
}

/** Measures a store of which no pack is removed meanwhile. What is lost is passed over, and said to be missing. */
export async function measureStore(parts: MeasureParts, options: MeasureOptions): Promise<StoreSizes> {
  return new Measurement(parts, options).run();
}

class Measurement {
  readonly #parts: MeasureParts;
  readonly #options: MeasureOptions;
  readonly #records: RecordSizes;
  #isIncomplete = false;

  constructor(parts: MeasureParts, options: MeasureOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#records = new RecordSizes(parts.packs);
  }

  async run(): Promise<StoreSizes> {
    const { onProgress } = this.#options;
    const projects: ProjectSizes[] = [];
    const all: (Line & { readonly project: ProjectId })[] = [];
    const ids = await this.#parts.projects.list();
    for (const [done, project] of ids.entries()) {
      onProgress({ phase: "projects", done, total: ids.length });
      const { lines } = (await this.#parts.projects.audit(project)).log;
      for (const line of lines) all.push({ ...line, project });
      projects.push(await this.#project(project, lines));
    }
    const [total, growth] = await this.#grow(all.toSorted((a, b) => a.receivedMs - b.receivedMs));
    return { projects, growth, ...total, isIncomplete: this.#isIncomplete };
  }

  async #project(project: ProjectId, lines: readonly Line[]): Promise<ProjectSizes> {
    let [latestBytes, allBytes] = [0, 0];
    for (const { commit } of lines) {
      latestBytes = await this.#restoredBytes(commit);
      allBytes += latestBytes;
    }
    const sizes = { contentBytes: 0, storedBytes: 0 };
    const reached = this.#walk(() => sizes);
    for (const { commit } of lines) await this.#add(reached, commit);
    return { project, commits: lines.length, latestBytes, allBytes, ...rounded(sizes) };
  }

  /** What each commit adds to those that came before it, whichever project they are of; and all of it. */
  async #grow(lines: readonly (Line & { readonly project: ProjectId })[]): Promise<[Sizes, CommitGrowth[]]> {
    const total = { contentBytes: 0, storedBytes: 0 };
    let sizes = { contentBytes: 0, storedBytes: 0 };
    const reached = this.#walk(() => sizes);
    let largest: CommitGrowth[] = [];
    for (const [done, line] of lines.entries()) {
      this.#options.onProgress({ phase: "commits", done, total: lines.length });
      sizes = { contentBytes: 0, storedBytes: 0 };
      await this.#add(reached, line.commit);
      total.contentBytes += sizes.contentBytes;
      total.storedBytes += sizes.storedBytes;
      largest.push({ ...line, ...rounded(sizes) });
      if (largest.length > 2 * this.#options.growth) largest = this.#largestOf(largest);
    }
    return [rounded(total), this.#largestOf(largest)];
  }

  #largestOf(growth: readonly CommitGrowth[]): CommitGrowth[] {
    return growth.toSorted((a, b) => b.storedBytes - a.storedBytes).slice(0, this.#options.growth);
  }

  /** Adds what is reached for the first time to the sizes of the moment. */
  #walk(sizes: () => { contentBytes: number; storedBytes: number }): LiveObjects {
    return new LiveObjects(this.#parts.packs, {
      onCount: () => undefined,
      onAdded: (records) => this.#records.addTo(sizes(), records),
    });
  }

  async #add(reached: LiveObjects, commit: ObjectId): Promise<void> {
    if (!(await reached.addWhatIsLeft([commit], this.#options.signal))) this.#isIncomplete = true;
  }

  /** What the commit says of the files in it; 0 for one that is lost. */
  async #restoredBytes(commit: ObjectId): Promise<number> {
    const { packs } = this.#parts;
    const found = packs.index.find(objectIdBytes(commit), 0);
    this.#options.signal.throwIfAborted();
    try {
      return found === undefined ? 0 : decodeCommit(await packs.readObject(commit, found)).counts.bytes;
    } catch (error) {
      if (!isBakError(error, "STORE_DAMAGED", "BAD_OBJECT")) throw error;
      return 0; // which the walk comes to as well
    }
  }
}

function rounded({ contentBytes, storedBytes }: Sizes): Sizes {
  return { contentBytes, storedBytes: Math.round(storedBytes) };
}
