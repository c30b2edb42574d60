/** Push: a folder as it is now becomes the project's next commit, and the store gets what it lacks of it. */
import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { BakError, isBakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { compareTags, decodeCommit, encodeCommit, type Commit, type CommitCounts } from "../objects/commit.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { isSameAttributes } from "./compare.js";
import { fetchObject, readObjects } from "./fetch.js";
import { readPushIndex, writePushIndex, type PushIndex } from "./push-index.js";
import type { Remote } from "./remote.js";
import {
  takeSnapshot,
  type Baseline,
  type Snapshot,
  type SnapshotEvent,
  type SnapshotOptions,
  type SnapshotProgress,
} from "./snapshot.js";
import type { SourceStat } from "./source-stat.js";
import { MissingTree } from "./tree-source.js";
import { Uploader, type UploadCounts } from "./upload.js";

/** How often a push is begun again after its connection broke, and how long it waits before: 1 s, then twice as long each time. */
const maxReconnects = 8;
const firstWaitMs = 1000;
const maxWaitMs = 30_000;
/** How often a push is begun again because somebody else's was faster. */
const maxHeadMoves = 10;

export type PushEvent =
  | SnapshotEvent
  | { readonly type: "reconnecting"; readonly error: BakError; readonly waitMs: number }
  /** The project's latest commit is of another folder than this push. */
  | { readonly type: "otherFolder"; readonly host: string; readonly path: ByteString }
  | { readonly type: "headMoved" }
  | { readonly type: "packKept" }
  | { readonly type: "indexNotKept"; readonly why: string };

/** Counters for whoever shows progress; they begin again when a push does. */
export interface PushProgress extends SnapshotProgress {
  /** Bytes of packs sent. */
  bytesSent: number;
}

export interface PushOptions {
  /** Says hello to the store, again after a connection broke. */
  connect: (hello: { have: ObjectId | undefined; wantTrees: boolean }) => Promise<Remote>;
  /** Absolute path of the folder. */
  folder: ByteString;
  /** Where the client's index of this project and store is kept. */
  indexFile: string;
  message: string;
  tags: readonly string[];
  /** Reads every file, whatever its size and times say. */
  isFull: boolean;
  /** Makes a commit even if nothing has changed. */
  isEmptyAllowed: boolean;
  /** Compares and tells, but sends nothing. */
  isDryRun: boolean;
  /** bak's own version. */
  version: string;
  isLeftOut: (stat: SourceStat) => boolean;
  onEvent: (event: PushEvent) => void;
  progress: PushProgress;
  signal?: AbortSignal | undefined;
}

export interface PushResult {
  /** Nothing has changed since the head; no commit was made. */
  readonly isUpToDate: boolean;
  /** The new commit, or the head where nothing has changed; undefined after a dry run of a project without commits. */
  readonly commit: ObjectId | undefined;
  readonly parent: ObjectId | undefined;
  readonly counts: CommitCounts;
  readonly filesRead: number;
  readonly bytesRead: number;
  readonly upload: UploadCounts;
}

/** Pushes the folder. A broken connection is tried again; packs that the store has acknowledged are not sent twice. */
export async function push(options: PushOptions): Promise<PushResult> {
  let reconnects = 0;
  let headMoves = 0;
  for (;;) {
    let kept = 0;
    let isConnected = false;
    const connect: PushOptions["connect"] = async (hello) => {
      const remote = await options.connect(hello);
      isConnected = true;
      return remote;
    };
    const onEvent = (event: PushEvent): void => {
      if (event.type === "packKept") kept += 1;
      options.onEvent(event);
    };
    try {
      return await pushOnce({ ...options, connect, onEvent });
    } catch (error) {
      if (isBakError(error, "HEAD_MOVED") && headMoves < maxHeadMoves) {
        headMoves += 1;
        options.onEvent({ type: "headMoved" });
        continue;
      }
      if (kept > 0) reconnects = 0; // there was headway
      const mayReturn = isConnected || reconnects > 0;
      if (!mayReturn || !isBakError(error, "CONNECTION_LOST", "NO_SERVER") || reconnects >= maxReconnects) throw error;
      const waitMs = Math.min(firstWaitMs * 2 ** reconnects, maxWaitMs);
      reconnects += 1;
      options.onEvent({ type: "reconnecting", error, waitMs });
      await sleep(waitMs, undefined, { signal: options.signal });
    }
  }
}

async function pushOnce(options: PushOptions): Promise<PushResult> {
  const { progress, signal } = options;
  Object.assign(progress, { files: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesSent: 0 } satisfies PushProgress);
  const startedMs = Date.now();
  const index = readPushIndex(options.indexFile);
  const remote = await options.connect({ have: index?.commit, wantTrees: true });
  const closeOnAbort = (): void => void remote.close();
  signal?.addEventListener("abort", closeOnAbort, { once: true });
  try {
    const head = await readHead(remote, index);
    if (head.commit !== undefined && !isOfFolder(head.commit, options.folder)) {
      const { host, path } = head.commit;
      options.onEvent({ type: "otherFolder", host, path });
    }
    const uploader = new Uploader(remote, {
      onSent: (bytes) => (progress.bytesSent += bytes),
      onKept: () => options.onEvent({ type: "packKept" }),
    });
    const snapshot = await takeWholeSnapshot(remote, head, {
      folder: options.folder,
      baseline: head.baseline,
      isFull: options.isFull,
      offer: options.isDryRun ? undefined : (object) => uploader.offer(object),
      isLeftOut: options.isLeftOut,
      onEvent: options.onEvent,
      progress,
      signal,
    });
    const result = {
      parent: remote.head,
      counts: snapshot.counts,
      filesRead: progress.filesRead,
      bytesRead: progress.bytesRead,
      upload: uploader.counts,
    };
    if (options.isDryRun || snapshot.tree === undefined) {
      const { added, changed, removed } = snapshot.counts;
      return { ...result, isUpToDate: added + changed + removed === 0, commit: remote.head };
    }
    const kept = { store: remote.store, startedMs };
    const isSame =
      head.commit !== undefined &&
      head.commit.tree === snapshot.tree &&
      isSameAttributes(head.commit.root, snapshot.root);
    if (isSame && remote.head !== undefined && !options.isEmptyAllowed) {
      const isIndexStale = !head.isIndexed || progress.filesRead > 0;
      if (isIndexStale) keepIndex(options, snapshot, { ...kept, commit: remote.head, bytes: head.commitBytes });
      return { ...result, isUpToDate: true, commit: remote.head };
    }
    const bytes = encodeCommit(commitOf(snapshot, snapshot.tree, { remote, startedMs, options }));
    const id = objectIdOf(bytes);
    await uploader.offer({ kind: "commit", id, bytes });
    await uploader.finish();
    await remote.commit(id, remote.head);
    keepIndex(options, snapshot, { ...kept, commit: id, bytes });
    return { ...result, isUpToDate: false, commit: id };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", closeOnAbort);
    await remote.close();
  }
}

function isOfFolder(commit: Commit, folder: ByteString): boolean {
  return commit.host === hostname() && commit.path === folder;
}

interface Head {
  readonly commit: Commit | undefined;
  readonly commitBytes: Uint8Array;
  readonly baseline: Baseline;
  /** The objects of the baseline. */
  readonly objects: Map<ObjectId, Uint8Array>;
  /** Whether the client's index is of this very head. */
  readonly isIndexed: boolean;
}

/** The head's commit and trees: from the client's index, as far as it has them, and from the store. */
async function readHead(remote: Remote, index: PushIndex | undefined): Promise<Head> {
  const usable = index?.store === remote.store ? index : undefined;
  const objects = new Map<ObjectId, Uint8Array>(usable?.objects);
  const received = new Set<ObjectId>();
  // a store that has our commit but is not the one that the index is of had no reason to send its trees
  const isOther = usable === undefined && remote.head !== undefined && remote.head === index?.commit;
  const members = remote.takeHeadTrees() ?? (isOther ? remote.trees(index.commit) : undefined);
  if (members !== undefined) {
    const isWanted = (id: ObjectId, kind: string): boolean =>
      (kind === "tree" || id === remote.head) && !objects.has(id);
    // a copy, or a few trees would keep the whole member in memory
    for await (const { id, bytes } of readObjects(members, isWanted)) {
      objects.set(id, Buffer.from(bytes));
      received.add(id);
    }
  }
  const commitBytes = remote.head === undefined ? undefined : objects.get(remote.head);
  if (remote.head !== undefined && commitBytes === undefined) {
    throw new BakError("NO_OBJECT", `'${remote.peer}' did not send the head's commit '${remote.head}'`);
  }
  const commit = commitBytes === undefined ? undefined : decodeCommit(commitBytes);
  const isIndexed = usable !== undefined && usable.commit === remote.head;
  return {
    commit,
    commitBytes: commitBytes ?? Buffer.alloc(0),
    isIndexed,
    objects,
    baseline: {
      tree: commit?.tree,
      objects,
      // the index may be of a commit that the store, put back from an older copy, no longer has
      isStored: (id) => (isIndexed ? objects.has(id) : received.has(id)),
      folders: usable?.folders ?? new Map(),
      // folders that the index has may lie beside others that it has not: the earlier scan holds for both
      scanStartedMs: isIndexed ? usable.startedMs : Math.min(usable?.startedMs ?? Infinity, commit?.startedMs ?? 0),
    },
  };
}

/**
 * A tree of the head that lies in the store as another kind of object, because a file had its very bytes, does not come
 * along with the trees: it is asked for by its id.
 */
async function takeWholeSnapshot(remote: Remote, head: Head, options: SnapshotOptions): Promise<Snapshot> {
  for (;;) {
    try {
      return await takeSnapshot(options);
    } catch (error) {
      if (!(error instanceof MissingTree)) throw error;
      head.objects.set(error.id, Buffer.from(await fetchObject(remote, error.id)));
    }
  }
}

function commitOf(
  snapshot: Snapshot,
  tree: ObjectId,
  from: { remote: Remote; startedMs: number; options: PushOptions },
): Commit {
  const { options } = from;
  return {
    tree,
    root: snapshot.root,
    parent: from.remote.head,
    project: from.remote.project,
    host: hostname(),
    user: userName(),
    path: options.folder,
    startedMs: from.startedMs,
    endedMs: Math.max(Date.now(), from.startedMs),
    message: options.message,
    tags: [...new Set(options.tags)].toSorted(compareTags),
    excludes: snapshot.leftOut.map((path) => `/${path}` as ByteString),
    counts: snapshot.counts,
    users: [],
    groups: [],
    version: options.version,
  };
}

/** Who pushes; by number where the system has no name for it, as in a container that runs with any user id. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

/** The commit is safe already: an index that cannot be written costs time, and no data. */
function keepIndex(
  options: PushOptions,
  snapshot: Snapshot,
  from: { store: string; commit: ObjectId; bytes: Uint8Array; startedMs: number },
): void {
  const { bytes, ...head } = from;
  const objects = new Map(snapshot.objects).set(head.commit, bytes);
  try {
    writePushIndex(options.indexFile, { ...head, folders: snapshot.folders, objects });
  } catch (error) {
    options.onEvent({ type: "indexNotKept", why: error instanceof Error ? error.message : String(error) });
  }
}
