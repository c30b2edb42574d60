/**
 * A store's life, the same each time: pushes of two projects, one of them with a large file, commits that are forgotten and
 * brought back, and a gc, over four runs of the store. Tests cut its power, or make its calls fail, and compare what is left with what
 * had been acknowledged.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blake3 } from "../../src/objects/hash.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { parseProjectId, type ProjectId } from "../../src/objects/project-id.js";
import type { Disk } from "../../src/store/disk.js";
import { openStore } from "../../src/store/open-store.js";
import type { Collected, Store } from "../../src/store/store.js";
import { seededBytes } from "./arbitrary-bytes.js";
import { cleanAll } from "./clean-all.js";
import { pictureOf } from "./folder-picture.js";
import { pushTo, restoreFrom } from "./store-client.js";

const photos = parseProjectId("photos");
const notes = parseProjectId("notes");

/** Where an acknowledged commit can be. */
type Place = "log" | "forgotten" | "nowhere";

/** What has been acknowledged: where each commit is to be, which is one of two places while that changes. */
export type Acknowledged = ReadonlyMap<ObjectId, { readonly project: ProjectId; readonly places: readonly Place[] }>;

type Acknowledgement = [ObjectId, { project: ProjectId; places: readonly Place[] }];

export interface LiveOptions {
  /** The store's folder. */
  readonly store: string;
  readonly disk: Disk;
  /** Called when something else is acknowledged than before. */
  readonly onAcknowledged?: () => void;
}

/** One life, and what is known of it as far as it has come. */
export class StoreLife {
  readonly #source: string;
  /** What a folder looked like when its push was begun, whatever came of that. */
  readonly #begun = new Set<string>();
  readonly #pictures = new Map<ObjectId, string>();
  /** Commits, and the packs that they have been restored from: from the same files the same comes. */
  #restored = new Set<string>();
  #runsBegun = 0;
  acknowledged: Acknowledged = new Map();
  /** What the gc at its end did. */
  collected: Collected | undefined;

  /** `source` is made, for the folders that are pushed. */
  constructor(source: string) {
    this.#source = source;
  }

  /** One that has come as far, and goes on with a copy of the store and of the folders that are pushed. */
  copy(source: string): StoreLife {
    const copy = new StoreLife(source);
    for (const picture of this.#begun) copy.#begun.add(picture);
    for (const [commit, picture] of this.#pictures) copy.#pictures.set(commit, picture);
    copy.#restored = this.#restored;
    copy.#runsBegun = this.#runsBegun;
    copy.acknowledged = this.acknowledged;
    return copy;
  }

  get isOver(): boolean {
    return this.#runsBegun === this.#runs.length;
  }

  /** Lives what is left of it. Rejects with what the first step fails with that does; the store is then closed. */
  async live(options: LiveOptions): Promise<void> {
    while (!this.isOver) await this.liveRun(options);
  }

  /** Lives the next run of the store, as `live` does. */
  async liveRun(options: LiveOptions): Promise<void> {
    const run = this.#runs[this.#runsBegun];
    this.#runsBegun += 1;
    if (run === undefined) throw new Error("this life is over");
    await inRun(options, (store) => run(store, options));
  }

  readonly #runs: ((store: Store, options: LiveOptions) => Promise<void>)[] = [
    async (store, options) => {
      makeFolders(this.#source);
      await this.#push(store, photos, options);
      await this.#push(store, notes, options);
      writeFileSync(join(this.#source, photos, "b.jpg"), seededBytes(20, 9000));
      rmSync(join(this.#source, photos, "a.jpg"));
      await this.#push(store, photos, options);
    },
    async (store, options) => {
      const large = Buffer.concat([seededBytes(9, 700_000), seededBytes(5, 700_000)]);
      writeFileSync(join(this.#source, notes, "large"), large);
      const commit = await this.#push(store, notes, options);
      await this.#move([commit], options, "forgotten", () => store.forget(notes, [commit])); // the head
    },
    async (store, options) => {
      const all = (await store.readLog(photos)).map(({ commit }) => commit);
      await this.#move(all, options, "forgotten", () => store.forget(photos, all));
      await this.#move(all, options, "log", () => store.undoForget(photos, all));
      writeFileSync(join(this.#source, notes, "large"), "no longer");
      await this.#push(store, notes, options);
    },
    async (store, options) => {
      const [first] = this.acknowledged.keys();
      await this.#move([first as ObjectId], options, "forgotten", () => store.forget(photos, [first as ObjectId]));
      const goes = [...this.acknowledged].filter(([, { places }]) => places.includes("forgotten")).map(([id]) => id);
      await this.#move(goes, options, "nowhere", async () => {
        this.collected = await store.collectGarbage(cleanAll);
      });
    },
  ];

  /**
   * What is wrong with what is left in a folder: the store opens, holds what had been acknowledged and nothing half, and
   * takes the next push.
   */
  async findWrong(folder: string, acknowledged: Acknowledged): Promise<string[]> {
    const wrong: string[] = [];
    const store = await openStore(join(folder, "store"), { create: true, threads: 0 });
    try {
      if (store.damaged.length > 0) wrong.push(`damaged: ${JSON.stringify(store.damaged)}`);
      if (readdirSync(join(folder, "store", "incoming")).length > 0) wrong.push("something is left in incoming");
      const logs = new Set<ObjectId>();
      const packs = hashOfFiles(join(folder, "store", "packs"));
      for (const project of await store.projects()) {
        for (const { commit } of await store.readLog(project)) {
          logs.add(commit);
          if (this.#restored.has(`${commit} ${packs}`)) continue;
          const target = join(folder, `restored-${commit}`);
          await restoreFrom(store, project, { commit, target });
          this.#restored.add(`${commit} ${packs}`);
          if (!this.#isRight(commit, pictureOf(target))) wrong.push(`commit '${commit}' comes back otherwise`);
        }
      }
      for (const [commit, { project, places }] of acknowledged) {
        const isForgotten = (await store.readForgotten(project)).some((line) => line.commit === commit);
        const found = logs.has(commit) ? "log" : isForgotten ? "forgotten" : "nowhere";
        if (!places.includes(found)) wrong.push(`commit '${commit}': ${found} instead of ${places.join(" or ")}`);
      }
      await store.check({
        readPermille: 1000,
        repair: false,
        signal: new AbortController().signal,
        onProgress: () => undefined,
        onFinding: async ({ kind, subject, why }) => void wrong.push(`check: ${kind} ${subject}: ${why}`),
      });
      wrong.push(...(await this.#pushNext(store, folder)));
    } finally {
      await store.close();
    }
    return wrong;
  }

  async #push(store: Store, project: ProjectId, options: LiveOptions): Promise<ObjectId> {
    const folder = join(this.#source, project);
    const picture = pictureOf(folder);
    this.#begun.add(picture);
    const { commit } = await pushTo(store, project, { folder, indexFile: `${folder}.index` });
    if (commit === undefined) throw new Error("nothing was pushed");
    this.#pictures.set(commit, picture);
    this.#acknowledge([[commit, { project, places: ["log"] }]], options);
    return commit;
  }

  /** Commits go from where they are to another place. */
  async #move(
    commits: readonly ObjectId[],
    options: LiveOptions,
    place: Place,
    work: () => Promise<unknown>,
  ): Promise<void> {
    const known = commits.map((commit) => [commit, this.acknowledged.get(commit)] as const);
    const going = known.map(([commit, at]) => [commit, { ...at, places: [...(at?.places ?? []), place] }]);
    this.#acknowledge(going as Acknowledgement[], options);
    await work();
    this.#acknowledge(known.map(([commit, at]) => [commit, { ...at, places: [place] }]) as Acknowledgement[], options);
  }

  #acknowledge(changes: readonly Acknowledgement[], { onAcknowledged }: LiveOptions): void {
    this.acknowledged = new Map([...this.acknowledged, ...changes]);
    onAcknowledged?.();
  }

  /** A commit whose push has failed may be there or not, but not be half. */
  #isRight(commit: ObjectId, picture: string): boolean {
    const expected = this.#pictures.get(commit);
    return expected === undefined ? this.#begun.has(picture) : picture === expected;
  }

  async #pushNext(store: Store, folder: string): Promise<string[]> {
    const source = join(folder, "next");
    mkdirSync(source);
    writeFileSync(join(source, "b.jpg"), seededBytes(20, 9000));
    writeFileSync(join(source, "new.jpg"), seededBytes(40, 3000));
    const { commit } = await pushTo(store, photos, { folder: source, indexFile: join(folder, "index") });
    const target = join(folder, "restored-next");
    await restoreFrom(store, photos, { commit: commit as ObjectId, target });
    return pictureOf(target) === pictureOf(source) ? [] : ["the next push comes back otherwise"];
  }
}

async function inRun({ store, disk }: LiveOptions, work: (store: Store) => Promise<void>): Promise<void> {
  const opened = await openStore(store, { create: true, disk, threads: 0 });
  try {
    await work(opened);
  } finally {
    await opened.close().catch(() => undefined); // the work has told of a disk that fails
  }
}

/** The names and bytes of all files beneath a folder. */
function hashOfFiles(folder: string): string {
  const hasher = blake3().createHasher();
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()) {
    const full = join(folder, path);
    hasher.update(Buffer.from(`${path}\n`));
    if (statSync(full).isFile()) hasher.update(readFileSync(full));
  }
  return hasher.digest().toString("hex");
}

function makeFolders(source: string): void {
  mkdirSync(join(source, photos, "empty"), { recursive: true });
  for (const [at, name] of ["a", "b", "d", "e"].entries())
    writeFileSync(join(source, photos, `${name}.jpg`), seededBytes(at, 5000));
  mkdirSync(join(source, notes, "deep", "deeper"), { recursive: true });
  writeFileSync(join(source, notes, "deep", "deeper", "note.txt"), "a note\n".repeat(50));
  writeFileSync(join(source, notes, "copy of a.jpg"), seededBytes(0, 5000));
  chmodSync(join(source, notes, "copy of a.jpg"), 0o600);
  symlinkSync("deep", join(source, notes, "link"));
  writeFileSync(join(source, notes, "large"), seededBytes(5, 1_100_000));
}
