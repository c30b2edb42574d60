/** What tests of the client share: a real store behind a real conversation, and snapshots with all that they told. */
import { execFileSync } from "node:child_process";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { push, type PushEvent, type PushOptions, type PushResult } from "../../src/client/push.js";
import { Remote } from "../../src/client/remote.js";
import {
  takeSnapshot,
  type Baseline,
  type Snapshot,
  type SnapshotEvent,
  type SnapshotOptions,
  type SnapshotProgress,
} from "../../src/client/snapshot.js";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import type { ProjectId } from "../../src/objects/project-id.js";
import type { Channel } from "../../src/protocol/channel.js";
import { openMemoryChannel } from "../../src/protocol/memory-channel.js";
import { serveSession } from "../../src/server/session.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { until } from "../helpers/deadline.js";
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
  serveSession(server, store, { agent: "store/1" }).catch(() => undefined); // the client is told
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
  const progress = { files: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesSent: 0 };
  const result = await push({
    connect: (hello) => world.connect(hello),
    folder: text(folder),
    indexFile: `${folder}.index`,
    message: "",
    tags: [],
    isFull: false,
    isEmptyAllowed: false,
    isDryRun: false,
    version: "0",
    isLeftOut: () => false,
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
  readonly snapshot: Snapshot;
  readonly events: SnapshotEvent[];
  readonly progress: SnapshotProgress;
  /** What was offered, in order. */
  readonly offered: PackedObject<ObjectId>[];
}

/** A snapshot of a folder, and what it told. The objects are kept as copies of what was offered. */
export async function take(folder: string, options: Partial<SnapshotOptions> = {}): Promise<Taken> {
  const events: SnapshotEvent[] = [];
  const offered: PackedObject<ObjectId>[] = [];
  const progress = { files: 0, bytes: 0, filesRead: 0, bytesRead: 0 };
  const snapshot = await takeSnapshot({
    folder: text(folder),
    baseline: noBaseline,
    isFull: false,
    isLeftOut: () => false,
    offer: (object) => {
      offered.push({ ...object, bytes: Buffer.from(object.bytes) });
      return undefined;
    },
    progress,
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { snapshot, events, progress, offered };
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
