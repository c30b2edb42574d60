/** Cleans a store while others use it: marks what is needed, plans what to do with each pack, and has it done. */
import { stat } from "node:fs/promises";
import type { ProjectId } from "../objects/project-id.js";
import { executeGc, type ExecuteParts, type GcChanges } from "./execute-gc.js";
import type { Leases } from "./leases.js";
import { NeededObjects } from "./needed-objects.js";
import type { NumberedPack } from "./numbered-packs.js";
import { usePack } from "./pack-use.js";
import { planGc, wasteOf, type GcPlan, type PackUse } from "./plan-gc.js";
import type { Projects } from "./projects.js";
import type { CollectOptions, Collected } from "./store.js";

/** What cleaning needs of a store. */
export interface GcParts extends ExecuteParts {
  readonly projects: Pick<Projects, "list" | "listForgotten" | "readLines">;
  /** Drops what was forgotten of a project before a time, so that it can't be brought back; gives how many commits that are. */
  readonly expireForgotten: (project: ProjectId, beforeMs: number) => Promise<number>;
  readonly leases: Leases;
}

/** Cleans a store; see `Store.collectGarbage`. No two calls are under way at the same time. */
export async function collectGarbage(parts: GcParts, options: CollectOptions): Promise<Collected> {
  const end = parts.leases.beginCleaning();
  try {
    return await new Cleaning(parts, options).run();
  } finally {
    end();
  }
}

class Cleaning {
  readonly #parts: GcParts;
  readonly #options: CollectOptions;
  readonly #needed: NeededObjects;
  /** Commits that were forgotten before, and packs that came before, are not spared. */
  readonly #expiredMs: number;
  /** The packs that there were at the beginning. */
  readonly #packs: readonly NumberedPack[];

  constructor(parts: GcParts, options: CollectOptions) {
    const { packs, leases } = parts;
    const { signal, onProgress, graceMs } = options;
    this.#parts = parts;
    this.#options = options;
    const onMarked = (done: number): void => onProgress({ phase: "marking", done, total: 0 });
    this.#needed = new NeededObjects({ packs, leases, onMarked, signal });
    this.#expiredMs = graceMs === 0 ? Number.POSITIVE_INFINITY : Date.now() - graceMs;
    this.#packs = packs.index.packs;
  }

  async run(): Promise<Collected> {
    const { isDryRun, limits } = this.#options;
    const spared = await this.#spared();
    this.#needed.passOver(this.#packs.filter((pack) => !spared.has(pack)));
    const expired = await this.#markCommits();
    await this.#needed.catchUp();
    this.#needed.addTold();
    const uses = await this.#countUses(spared);
    const plan = planGc(uses, limits);
    const before = {
      packs: uses.length,
      bytes: sum(uses, ({ bytes }) => bytes),
      objects: sum(uses, ({ objects }) => objects),
    };
    if (isDryRun) return { ...before, ...foretell(plan), commitsDropped: expired };
    const commitsDropped = await this.#expire();
    return { ...before, ...(await this.#execute(plan)), commitsDropped };
  }

  /** Packs that stay as they are: those that are young, and those that somebody may rely on. */
  async #spared(): Promise<Set<NumberedPack>> {
    const { packs, leases } = this.#parts;
    const firstHeld = Math.min(...leases.all.map(({ start }) => start));
    const spared = new Set<NumberedPack>();
    for (const pack of this.#packs) {
      this.#options.signal.throwIfAborted();
      const { mtimeMs } = await stat(packs.pathOf(pack.id));
      if (pack.start >= firstHeld || mtimeMs >= this.#expiredMs) spared.add(pack);
    }
    return spared;
  }

  /** Marks what commits reach that are live, or may be brought back; gives how many may not be, any more. */
  async #markCommits(): Promise<number> {
    const { projects } = this.#parts;
    let expired = 0;
    const all = new Set<ProjectId>([...(await projects.list()), ...(await projects.listForgotten())]);
    for (const project of all) {
      const { log, forgotten } = await projects.readLines(project);
      const needed = forgotten.filter(({ forgottenMs }) => forgottenMs >= this.#expiredMs);
      expired += forgotten.length - needed.length;
      await this.#needed.addCommits([...log, ...needed].map(({ commit }) => commit));
    }
    return expired;
  }

  async #countUses(spared: ReadonlySet<NumberedPack>): Promise<PackUse[]> {
    const { packs } = this.#parts;
    const { signal, onProgress } = this.#options;
    const uses: PackUse[] = [];
    for (const pack of this.#packs) {
      signal.throwIfAborted();
      onProgress({ phase: "counting", done: uses.length, total: this.#packs.length });
      uses.push(await usePack(pack, { packs, live: this.#needed.records, isSpared: spared.has(pack) }));
    }
    return uses;
  }

  /**
   * From here on expired commits can't be brought back; gives how many that are. Those that were brought back before were
   * not marked, and are now; so are commits that came meanwhile.
   */
  async #expire(): Promise<number> {
    const { projects, expireForgotten } = this.#parts;
    let expired = 0;
    for (const project of await projects.listForgotten()) {
      expired += await expireForgotten(project, this.#expiredMs);
    }
    await this.#markCommits();
    return expired;
  }

  #execute(plan: GcPlan): Promise<GcChanges> {
    const byId = new Map(this.#packs.map((pack) => [pack.id, pack]));
    const packsOf = (uses: readonly PackUse[]): NumberedPack[] => uses.map(({ id }) => byId.get(id) as NumberedPack);
    const work = { remove: packsOf(plan.remove), rewrite: plan.rewrite.map(packsOf) };
    const { signal, onProgress } = this.#options;
    return executeGc(work, { ...this.#parts, needed: this.#needed, signal, onProgress });
  }
}

/** What a plan will have done, if nothing else comes to be needed. */
function foretell({ remove, rewrite }: GcPlan): GcChanges {
  const rewritten = rewrite.flat();
  return {
    packsDeleted: remove.length,
    bytesDeleted: sum(remove, ({ bytes }) => bytes),
    packsRewritten: rewritten.length,
    bytesRewritten: sum(rewritten, ({ bytes }) => bytes),
    packsMade: rewrite.length,
    bytesMade: sum(rewritten, (use) => use.bytes - wasteOf(use)),
    packsSkipped: 0,
    packsWaiting: 0,
    objectsDropped: sum([...remove, ...rewritten], ({ objects, liveObjects }) => objects - liveObjects),
  };
}

function sum(uses: readonly PackUse[], count: (use: PackUse) => number): number {
  return uses.reduce((total, use) => total + count(use), 0);
}
