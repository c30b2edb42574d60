/** The store on disk: one folder, owned by this process from `openStore` to `close`. */
import { BakError } from "../errors.js";
import type { Codec } from "../objects/member-codec.js";
import { objectIdBytes, objectIdLength, type ObjectId } from "../objects/object-id.js";
import { maxPackObjects } from "../objects/pack-format.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { ProjectId } from "../objects/project-id.js";
import { Ballast } from "./ballast.js";
import { StoreCheck } from "./check.js";
import type { ConfigFile } from "./config-file.js";
import { explainDiskError, explained } from "./disk-error.js";
import type { Disk } from "./disk.js";
import { FreeSpace } from "./free-space.js";
import { collectGarbage, type GcParts } from "./gc.js";
import type { IncompleteHeads } from "./incomplete-heads.js";
import type { Ingest } from "./ingest.js";
import type { Layout } from "./layout.js";
import { Leases } from "./leases.js";
import type { LeftOutPack } from "./load-packs.js";
import { DiskPackReceiver, type CheckedPack } from "./pack-receiver.js";
import type { FoundObject } from "./object-index.js";
import type { NumberedPack } from "./numbered-packs.js";
import { packAges } from "./pack-ages.js";
import type { Packs } from "./packs.js";
import { Projects } from "./projects.js";
import { Quotas } from "./quotas.js";
import { readFound } from "./read-found.js";
import { compareLocations } from "./seen-members.js";
import type { StoreLock } from "./store-lock.js";
import { measureStore } from "./measure.js";
import { storeStats } from "./stats.js";
import { StoreView } from "./store-view.js";
import type {
  CheckOptions,
  CheckReport,
  CollectOptions,
  Collected,
  DamagedPack,
  ForgetListener,
  ForgottenLine,
  Lease,
  LogLine,
  MemberLocation,
  PackReceipt,
  PackReceiver,
  PackToVerify,
  ProjectLines,
  Quota,
  ReceiveOptions,
  Sees,
  Store,
  MeasureOptions,
  StoreSizes,
  StoreStats,
  View,
} from "./store.js";
import { Verified } from "./verified.js";
import { verifyPack } from "./verify-pack.js";
import { Views } from "./views.js";
import { removeQuietly } from "./write-file.js";

/** While packs are verified one by one, what is known of all is written down so often. */
const saveVerifiedMs = 5 * 60 * 1000;

/** What `openStore` has found and made ready. */
export interface DiskStoreParts {
  readonly config: ConfigFile;
  readonly disk: Disk;
  readonly layout: Layout;
  readonly lock: StoreLock;
  readonly packs: Packs;
  readonly heads: IncompleteHeads;
  readonly leftOut: LeftOutPack[];
  readonly remadeIndexes: string[];
  readonly ingest: Ingest;
}

/** A store in a folder of this machine. */
export class DiskStore implements Store {
  readonly id: string;
  readonly folder: string;
  readonly #config: ConfigFile;
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #lock: StoreLock;
  readonly #packs: Packs;
  readonly #projects: Projects;
  readonly #ballast: Ballast;
  readonly #space: FreeSpace;
  readonly #ingest: Ingest;
  readonly #receivers = new Set<PackReceiver>();
  readonly #heads: IncompleteHeads;
  readonly #leftOut: LeftOutPack[];
  readonly #remadeIndexes: string[];
  readonly #verified: Verified;
  /** Checks that change nothing, and packs that are being verified. */
  readonly #reading = new Set<Promise<unknown>>();
  readonly #leases: Leases;
  readonly #views: Views;
  readonly #quotas: Quotas;
  readonly #stop = new AbortController();
  #collecting: Promise<unknown> | undefined;
  /** While these are under way, no pack is removed. */
  readonly #measuring = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor({ config, disk, layout, lock, packs, ingest, ...loaded }: DiskStoreParts) {
    this.id = config.config.id;
    this.#config = config;
    this.folder = layout.folder;
    this.#disk = disk;
    this.#layout = layout;
    this.#lock = lock;
    this.#packs = packs;
    this.#ingest = ingest;
    this.#projects = new Projects(disk, layout);
    this.#ballast = new Ballast(disk, layout);
    this.#space = new FreeSpace(layout.folder);
    this.#leases = new Leases(packs.index);
    this.#views = new Views({ packs, projects: this.#projects, signal: this.#stop.signal });
    this.#quotas = new Quotas(() => packs.index.bytesByOwner);
    this.#projects.onForget(this.#views.forgetting);
    this.#projects.onForget((_, commits) => commits.forEach((commit) => this.#leases.needForAll(commit)));
    this.#heads = loaded.heads;
    this.#leftOut = loaded.leftOut;
    this.#remadeIndexes = loaded.remadeIndexes;
    this.#verified = new Verified(disk, layout);
  }

  get damaged(): readonly DamagedPack[] {
    return this.#leftOut;
  }

  get lastMovedMs(): number {
    return this.#packs.lastMovedMs;
  }

  get compression(): Codec {
    return this.#config.config.compression;
  }

  has(id: ObjectId): boolean {
    return this.#now(() => this.#packs.has(objectIdBytes(id), 0));
  }

  lengthsOf(ids: Uint8Array): Float64Array {
    return this.#now(() => this.#packs.lengthsOf(Buffer.from(ids.buffer, ids.byteOffset, ids.length)));
  }

  hasMany(ids: Uint8Array): Uint8Array {
    if (ids.length % objectIdLength !== 0) throw new RangeError(`${ids.length} bytes of ids`);
    return this.#now(() => this.#packs.hasMany(Buffer.from(ids.buffer, ids.byteOffset, ids.length)));
  }

  readObject(id: ObjectId, kind?: ObjectKind): Promise<Uint8Array> {
    return this.#later(async () => {
      return readFound(this.#packs, id, { found: this.#packs.find(id), kind });
    });
  }

  blobsAmong(ids: readonly ObjectId[]): ObjectId[] {
    return this.#now(() => {
      const blobs: ObjectId[] = [];
      this.#packs.findMany(ids, (at, found) => found.kind === "blob" && blobs.push(ids[at] as ObjectId));
      return blobs;
    });
  }

  locateMembers(ids: Iterable<ObjectId>): MemberLocation[] {
    return this.#now(() => {
      const members = new Map<number, FoundObject>();
      this.#packs.findMany([...ids], (_, found) =>
        members.set(found.pack.number * maxPackObjects + found.member, found),
      );
      return Array.from(members.values(), (found) => this.#packs.locate(found)).toSorted(compareLocations);
    });
  }

  readMember(at: MemberLocation, headroom?: number): Promise<Buffer> {
    return this.#later(() => this.#packs.readMember(at, headroom));
  }

  pin(members: readonly MemberLocation[]): () => void {
    return this.#packs.pin(members.map(({ pack }) => pack));
  }

  lease({ sees }: { readonly sees?: Sees | undefined } = {}): Lease {
    const hold = this.#leases.open();
    const needs = (commit: ObjectId): void => this.#now(() => hold.needs(commit));
    if (sees === undefined) {
      const hasMany = (ids: Uint8Array): Uint8Array => this.#now(() => hold.hasMany(ids));
      return { view: undefined, hasMany, needs, release: () => hold.release() };
    }
    const { visible, release } = this.#views.open(sees);
    return {
      view: this.#explainedView(new StoreView({ packs: this.#packs, ingest: this.#ingest, visible })),
      hasMany: (ids) => this.#later(async () => visible.judge((isSeen) => hold.hasMany(ids, isSeen))),
      needs,
      release: () => {
        hold.release();
        release();
      },
    };
  }

  collectGarbage(options: CollectOptions): Promise<Collected> {
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    const collect = (): Promise<Collected> => collectGarbage(this.#gcParts, { ...options, signal });
    return this.#later(() => this.#alone(options.isDryRun ? collect : () => this.#renewViews(collect)));
  }

  receivePack({ mayUseReserve = false, owner, quotas = [] }: ReceiveOptions = {}): PackReceiver {
    this.#assertOpen();
    const onPresent = (ids: Buffer, present: NumberedPack): void => {
      this.#leases.tellAll(ids);
      if (owner !== undefined && owner !== present.owner) this.#views.sent(owner, ids);
    };
    return this.#receive((pack) => this.#packs.keep(pack, onPresent), { mayUseReserve, owner, quotas });
  }

  projects(): Promise<ProjectId[]> {
    return this.#later(() => this.#projects.list());
  }

  head(project: ProjectId): Promise<ObjectId | undefined> {
    return this.#later(async () => (await this.#projects.readLog(project)).at(-1)?.commit);
  }

  readLog(project: ProjectId): Promise<LogLine[]> {
    return this.#later(() => this.#projects.readLog(project));
  }

  appendCommit(project: ProjectId, commit: ObjectId, base: ObjectId | undefined): Promise<LogLine> {
    return this.#later(async () => {
      this.#packs.find(commit);
      this.#leases.needForAll(commit);
      const makeLine = (before: LogLine | undefined): LogLine => ({ commit, receivedMs: nextMs(before) });
      const line = await this.#projects.append(project, { base, makeLine });
      this.#views.committed(project, commit);
      return line;
    });
  }

  replaceCommit(project: ProjectId, commit: ObjectId, by: ObjectId): Promise<number> {
    return this.#later(async () => {
      this.#packs.find(by);
      this.#leases.needForAll(by);
      const count = await this.#projects.replace(project, commit, by);
      if (count > 0) this.#views.committed(project, by);
      return count;
    });
  }

  isIncomplete(head: ObjectId): boolean {
    return this.#heads.has(head);
  }

  check(options: CheckOptions): Promise<CheckReport> {
    const parts = {
      store: this,
      disk: this.#disk,
      layout: this.#layout,
      packs: this.#packs,
      ingest: this.#ingest,
      receivePack: (owner: ProjectId | undefined) => this.receivePack({ mayUseReserve: true, owner }),
      projects: this.#projects,
      verified: this.#verified,
      heads: this.#heads,
      config: this.#config,
      ballast: this.#ballast,
      leftOut: this.#leftOut,
      remadeIndexes: this.#remadeIndexes,
    };
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    const run = (): Promise<CheckReport> => new StoreCheck(parts, { ...options, signal }).run();
    return this.#later(() => (options.repair ? this.#alone(() => this.#renewViews(run)) : this.#read(run)));
  }

  packsToVerify(sinceMs: number): Promise<PackToVerify[]> {
    return this.#later(async () => {
      const ages = await packAges(this.#packs.index.packs, { layout: this.#layout, verified: this.#verified });
      const due = ages.filter(({ verifiedMs }) => verifiedMs < sinceMs);
      return due.map(({ pack, verifiedMs }) => ({ pack: pack.id, bytes: pack.packLength, verifiedMs }));
    });
  }

  verifyPack(
    pack: ObjectId,
    options: { signal: AbortSignal; pace: (bytes: number) => Promise<void> },
  ): Promise<DamagedPack | undefined> {
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    return this.#later(async () => {
      await this.#verified.load();
      const path = this.#layout.pack(pack);
      const known = this.#packs.index.pack(pack);
      if (known === undefined) return undefined;
      const { why } = await this.#read(() => verifyPack(path, pack, { ...options, signal }));
      if (this.#packs.index.pack(pack) !== known) return undefined;
      this.#verified.set(pack, { atMs: Date.now(), isDamaged: why !== undefined });
      const isDue = Date.now() - this.#verified.savedMs > saveVerifiedMs;
      if (isDue || why !== undefined) await this.#saveVerified();
      return why === undefined ? undefined : { path, why };
    });
  }

  stats(): Promise<StoreStats> {
    const parts = { layout: this.#layout, packs: this.#packs, projects: this.#projects, verified: this.#verified };
    return this.#later(() => storeStats({ ...parts, leftOut: this.#leftOut }));
  }

  measure(options: MeasureOptions): Promise<StoreSizes> {
    const parts = { packs: this.#packs, projects: this.#projects };
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    return this.#later(async () => {
      while (this.#collecting !== undefined) await this.#collecting.catch(() => undefined);
      signal.throwIfAborted();
      const measuring = this.#read(() => measureStore(parts, { ...options, signal }));
      this.#measuring.add(measuring);
      return measuring.finally(() => this.#measuring.delete(measuring));
    });
  }

  forget(project: ProjectId, commits: readonly ObjectId[]): Promise<number> {
    return this.#later(() => this.#ballast.help(() => this.#projects.forget(project, commits, Date.now)));
  }

  undoForget(project: ProjectId, commits: readonly ObjectId[]): Promise<number> {
    return this.#later(() => this.#ballast.help(() => this.#projects.undoForget(project, commits)));
  }

  expireForgotten(project: ProjectId, beforeMs: number): Promise<number> {
    return this.#later(() => this.#ballast.help(() => this.#projects.expireForgotten(project, beforeMs)));
  }

  async readForgotten(project: ProjectId): Promise<readonly ForgottenLine[]> {
    return (await this.readLines(project)).forgotten;
  }

  readLines(project: ProjectId): Promise<ProjectLines> {
    return this.#later(() => this.#projects.readLines(project));
  }

  forgottenProjects(): Promise<ProjectId[]> {
    return this.#later(() => this.#projects.listForgotten());
  }

  onForget(listener: ForgetListener): () => void {
    return this.#projects.onForget(listener);
  }

  close(): Promise<void> {
    this.#closing ??= explained(this.folder, async () => {
      this.#stop.abort(new BakError("STORE_FAILED", `store '${this.folder}' is being closed`));
      await Promise.allSettled([this.#collecting, ...this.#reading]);
      await Promise.all([...this.#receivers].map((receiver) => receiver.abort()));
      await this.#ingest.close();
      await this.#projects.idle();
      await this.#ballast.idle();
      await this.#packs.close();
      await this.#saveVerified().catch(() => undefined); // on a full disk: then some packs are read sooner than they need be
      await this.#lock.release();
    });
    return this.#closing;
  }

  async #takeSpace(bytes: number): Promise<void> {
    await this.#space.take(bytes);
    await this.#ballast.make(); // there is room
  }

  /** Work that takes packs out of the store: one piece of it at a time. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#collecting !== undefined) {
      throw new BakError("LIMIT", `store '${this.folder}' is being cleaned or repaired already`, {
        hint: "wait for that to end",
      });
    }
    const working = this.#measuring.size === 0 ? work() : Promise.allSettled(this.#measuring).then(work);
    this.#collecting = working;
    try {
      return await working;
    } finally {
      this.#collecting = undefined;
    }
  }

  /** Work that `close` waits for, and stops. */
  async #read<T>(work: () => Promise<T>): Promise<T> {
    const reading = work();
    this.#reading.add(reading);
    try {
      return await reading;
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Work that may delete objects: who comes later is not told what was known before. */
  async #renewViews<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#views.renew();
    }
  }

  #explainedView(view: StoreView): View {
    return {
      has: (id) => this.#later(async () => view.has(id)),
      lengthsOf: (ids) => this.#later(async () => view.lengthsOf(ids)),
      readObject: (id, kind) => this.#later(() => view.readObject(id, kind)),
      openMembers: (ids) => this.#later(() => view.openMembers(ids)),
    };
  }

  #saveVerified(): Promise<void> {
    return this.#verified.save((id) => this.#packs.index.pack(id) !== undefined);
  }

  get #gcParts(): GcParts {
    return {
      packs: this.#packs,
      projects: this.#projects,
      expireForgotten: (project, beforeMs) =>
        this.#ballast.help(() => this.#projects.expireForgotten(project, beforeMs)),
      leases: this.#leases,
      ingest: this.#ingest,
      compression: this.compression,
      receive: (place, owner) => this.#receive(place, { mayUseReserve: true, owner, quotas: [] }),
    };
  }

  #receive(
    place: (pack: CheckedPack) => Promise<PackReceipt>,
    {
      mayUseReserve,
      owner,
      quotas,
    }: { mayUseReserve: boolean; owner: ProjectId | undefined; quotas: readonly Quota[] },
  ): PackReceiver {
    const coming = this.#quotas.begin({ owner, quotas });
    const receiver: PackReceiver = new DiskPackReceiver({
      disk: this.#disk,
      ingest: this.#ingest,
      folder: this.folder,
      temporary: this.#layout.temporary(),
      owner,
      onBytes: (bytes) => coming.count(bytes),
      takeSpace: mayUseReserve ? () => Promise.resolve() : (bytes) => this.#takeSpace(bytes),
      keep: (pack) => this.#keep(pack, place),
      onEnd: () => {
        coming.end();
        this.#receivers.delete(receiver);
      },
    });
    this.#receivers.add(receiver);
    return receiver;
  }

  async #keep(pack: CheckedPack, place: (pack: CheckedPack) => Promise<PackReceipt>): Promise<PackReceipt> {
    try {
      await this.#config.allow(pack.codec);
    } catch (error) {
      await removeQuietly(this.#disk, pack.temporary);
      throw error;
    }
    return place(pack);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new BakError("STORE_FAILED", `store '${this.folder}' is closed`);
  }

  #now<T>(work: () => T): T {
    this.#assertOpen();
    try {
      return work();
    } catch (error) {
      throw explainDiskError(error, this.folder);
    }
  }

  #later<T>(work: () => Promise<T>): Promise<T> {
    return explained(this.folder, async () => {
      this.#assertOpen();
      return work();
    });
  }
}

/** A clock that was set back by no more than this stands still meanwhile, as far as commits can tell. */
const smallStepMs = 60_000;

/**
 * The time, but later than that of the commit before, unless the clock was wrong by more than a little: what is forgotten
 * finds its place again by the time it was received.
 */
function nextMs(before: LogLine | undefined): number {
  const now = Date.now();
  const stepMs = before === undefined ? -1 : before.receivedMs - now;
  return stepMs >= 0 && stepMs < smallStepMs ? now + stepMs + 1 : now;
}
