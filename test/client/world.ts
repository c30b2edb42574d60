/** What tests of the client share: a real store behind a real conversation, and snapshots with all that they told. */
import { execFileSync } from "node:child_process";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import type { Batch } from "../../src/client/batch.js";
import { bytesAt, kindAt, packingRoomBytes } from "../../src/client/batch.js";
import { BufferPool } from "../../src/client/buffer-pool.js";
import { FileReader } from "../../src/client/file-reader.js";
import { KeptTrees } from "../../src/client/kept-trees.js";
import { push } from "../../src/client/push.js";
import { noProgress, type PushEvent, type PushOptions, type PushResult } from "../../src/client/push-options.js";
import { createPushPool } from "../../src/client/push-work.js";
import { Remote } from "../../src/client/remote.js";
import { takeSnapshot } from "../../src/client/snapshot.js";
import type {
  Baseline,
  Snapshot,
  SnapshotEvent,
  SnapshotOptions,
  SnapshotProgress,
} from "../../src/client/snapshot-options.js";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { maxChunkBytes, maxWholeFileBytes } from "../../src/objects/chunker.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import type { ProjectId } from "../../src/objects/project-id.js";
import type { Right } from "../../src/objects/rights.js";
import type { Channel } from "../../src/protocol/channel.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { fullAccess } from "../../src/server/access.js";
import { serveSession } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { until } from "../helpers/deadline.js";
import { quietPush } from "../helpers/quiet-push.js";
import { testProject } from "../helpers/small-commit.js";

export const text = byteStringFromText;

export interface StoreWorld {
  readonly store: Store;
  readonly folder: string;
  /** Says hello; the remote is closed when the test ends. */
  connect(options?: ConnectOptions): Promise<Remote>;
}

export interface ConnectOptions {
  have?: ObjectId | undefined;
  wantTrees?: boolean;
  project?: ProjectId;
  /** What the client may do; everything, unless given. */
  rights?: readonly Right[];
  /** Puts something between the client and its channel. */
  wrap?: (channel: Channel) => Channel;
}

/** A store in a folder, and conversations with it inside this process. */
export async function openWorld(t: Test, folder = t.testdir()): Promise<StoreWorld> {
  const store = await openStore(folder, { create: true });
  t.teardown(() => store.close());
  return { store, folder, connect: (options) => connectTo(t, store, options) };
}

async function connectTo(t: Test, store: Store, options: ConnectOptions = {}): Promise<Remote> {
  const { client, server } = openMemoryChannel({ client: "the client", server: "the store" });
  const { rights } = options;
  const access = rights === undefined ? fullAccess : { ...fullAccess, may: (right: Right) => rights.includes(right) };
  serveSession(server, store, { agent: "store/1", authorize: () => Promise.resolve(access) }).catch(() => undefined); // the client is told
  const remote = await Remote.open(options.wrap?.(client) ?? client, {
    project: options.project ?? testProject,
    agent: "test/1",
    have: options.have,
    wantTrees: options.wantTrees ?? false,
  });
  t.teardown(() => remote.close());
  return remote;
}

export interface Pushed {
  readonly result: PushResult;
  readonly events: PushEvent[];
  readonly progress: PushOptions["progress"];
}

/** Pushes a folder; the index is kept beside it unless another file is named. */
export async function pushFolder(
  world: StoreWorld,
  folder: string,
  options: Partial<PushOptions> = {},
): Promise<Pushed> {
  const events: PushEvent[] = [];
  const progress = noProgress();
  const result = await push({
    connect: (hello) => world.connect(hello),
    folder: text(folder),
    indexFile: `${folder}.index`,
    ...quietPush,
    progress,
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { result, events, progress };
}

export const noBaseline: Baseline = {
  tree: undefined,
  objects: new Map(),
  isStored: () => false,
  folders: new Map(),
  scanStartedMs: 0,
  isOfFolder: true,
};

export interface Taken {
  /** With the trees that are kept for the next index. */
  readonly snapshot: Snapshot & { readonly objects: ReadonlyMap<ObjectId, Uint8Array> };
  readonly events: SnapshotEvent[];
  readonly progress: SnapshotProgress;
  /** What was offered, in order. */
  readonly offered: PackedObject<ObjectId>[];
}

type Offer = (object: PackedObject<ObjectId>) => Promise<void> | undefined;

export interface TakeOptions extends Partial<Omit<SnapshotOptions, "sink">> {
  /**
   * Is given every object in turn; the buffer of a batch goes back once what it returned for the last has resolved. What it
   * fails with is the store's failure. Undefined for a walk that only compares.
   */
  offer?: Offer | undefined;
  /** How many buffers small files are read into. */
  smallBuffers?: number;
}

/** A snapshot of a folder, and what it told. The objects are kept as copies of what was offered. */
export async function take(folder: string, options: TakeOptions = {}): Promise<Taken> {
  const { offer = (): undefined => undefined, smallBuffers = 4, ...rest } = options;
  const isDry = "offer" in options && options.offer === undefined;
  const events: SnapshotEvent[] = [];
  const offered: PackedObject<ObjectId>[] = [];
  const progress = { files: 0, bytes: 0, filesRead: 0, bytesRead: 0 };
  const files = readFiles(
    (object) => {
      offered.push({ ...object, bytes: Buffer.from(object.bytes) });
      return offer(object);
    },
    { smallBuffers, onBytes: (count) => (progress.bytesRead += count) },
  );
  const kept = new KeptTrees(`${folder}.index`);
  const taking = takeSnapshot({
    folder: text(folder),
    baseline: noBaseline,
    isFull: false,
    isLeftOut: () => false,
    sink: isDry ? undefined : { ...files, kept },
    progress,
    ...rest,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  try {
    const snapshot = await taking;
    await files.allTaken();
    return { snapshot: { ...snapshot, objects: new Map(kept) }, events, progress, offered };
  } finally {
    kept.close();
    await files.close();
  }
}

/** The reading side of a push, on this thread, with a store at its end that is a function. */
function readFiles(
  offer: Offer,
  options: { smallBuffers: number; onBytes: (count: number) => void },
): { reader: FileReader; offer: Offer; allTaken: () => Promise<void>; close: () => Promise<void> } {
  const pool = createPushPool(0);
  const small = new BufferPool(maxWholeFileBytes + packingRoomBytes, options.smallBuffers);
  const large = new BufferPool(maxChunkBytes + packingRoomBytes, 1);
  let failure: { reason: unknown } | undefined;
  const stop = (reason: unknown): void => {
    failure ??= { reason };
    small.fail(reason);
    large.fail(reason);
  };
  let taken: Promise<void> = Promise.resolve();
  const offerBatch = async (batch: Batch): Promise<void> => {
    for (let index = 0; index < batch.kinds.length; index += 1) {
      const id = objectIdAt(batch.ids, index * 32);
      await offer({ kind: kindAt(batch, index), id, bytes: bytesAt(batch, index) });
    }
    (batch.buffer.byteLength === large.sizeBytes ? large : small).give(batch.buffer);
  };
  const reader = new FileReader({
    pool,
    smallBuffers: small,
    largeBuffers: large,
    take: (batch) => {
      taken = Promise.all([taken, offerBatch(batch).catch(stop)]).then(() => undefined);
    },
    onBytes: options.onBytes,
    onUnderWay: () => undefined,
  });
  return {
    reader,
    offer,
    allTaken: async () => {
      await taken;
      if (failure !== undefined) throw failure.reason;
    },
    close: async () => {
      stop(new Error("the snapshot has ended"));
      await reader.abandon();
      await pool.close();
    },
  };
}

/** The snapshot as the head of another, whose scan began so late that no time in it is doubted. */
export function baselineOf({ snapshot }: Taken, changes: Partial<Baseline> = {}): Baseline {
  return {
    tree: snapshot.tree,
    objects: snapshot.objects,
    isStored: (id) => snapshot.objects.has(id),
    folders: snapshot.folders,
    scanStartedMs: Date.now() + 60_000,
    isOfFolder: true,
    ...changes,
  };
}

/** Events as `what path`, in order. */
export function told(events: readonly { type: string; path?: ByteString }[]): string[] {
  return events.map(({ type, path }) => (path === undefined ? type : `${type} ${path}`));
}

/** Makes a fifo. */
export function makeFifo(path: string): void {
  execFileSync("mkfifo", [path]);
}

/** Resolves once the files' ctimes are so old that a scan that begins now does not doubt them. */
export async function untilOld(...paths: string[]): Promise<void> {
  const latest = Math.max(...paths.map((path) => lstatSync(path).ctimeMs));
  await until(() => Date.now() > latest + 50, "a later time");
}

/** All paths beneath a folder, as text, sorted. */
export function pathsIn(folder: string): string[] {
  return execFileSync("find", [".", "-mindepth", "1"], { cwd: folder, encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.slice(2))
    .toSorted();
}

/** What `rsync` says differs between two folders: nothing, if they are the same in content, modes, times and links. */
export function differences(a: string, b: string): string {
  return execFileSync("rsync", ["-rlptgoDHXnic", "--checksum", "--delete", join(a, "/"), join(b, "/")], {
    encoding: "utf8",
  });
}
