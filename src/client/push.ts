/** Push: a folder as it is now becomes the project's next commit, and the store gets what it lacks of it. */
import { hostname, userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isBakError, type BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { compareTags, encodeCommit, type Commit, type CommitCounts } from "../objects/commit.js";
import type { Codec } from "../objects/member-codec.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { chooseCodec } from "./choose-codec.js";
import { isSameAttributes } from "./compare.js";
import { nothingKnown, readHead } from "./head.js";
import { readPushIndex, writePushIndex } from "./push-index.js";
import type { Remote } from "./remote.js";
import {
  takeSnapshot,
  type Snapshot,
  type SnapshotEvent,
  type SnapshotOptions,
  type SnapshotProgress,
} from "./snapshot.js";
import { isStoreFolder } from "./store-folder.js";
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
  /** The store has lost something that the head needs; everything is read again and offered to it. */
  | { readonly type: "lossFound"; readonly error: BakError }
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
  /** What to compress with; what the store asks for, where the user does not say. */
  compression?: Codec | undefined;
  /** bak's own version. */
  version: string;
  /** Folders that are not entered, beside the store itself. */
  isLeftOut: SnapshotOptions["isLeftOut"];
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
  const attempts: Attempts = { isDistrusted: false, sent: undefined };
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
      return await pushOnce({ ...options, connect, onEvent }, attempts);
    } catch (error) {
      if (isBakError(error, "HEAD_MOVED") && headMoves < maxHeadMoves) {
        headMoves += 1;
        options.onEvent({ type: "headMoved" });
        continue;
      }
      const isLoss = isBakError(error, "INCOMPLETE_COMMIT", "NO_OBJECT", "STORE_DAMAGED");
      if (isLoss && !attempts.isDistrusted && !options.isDryRun) {
        attempts.isDistrusted = true;
        options.onEvent({ type: "lossFound", error });
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

/** What outlives an attempt. */
interface Attempts {
  /** The store has lost something of the head: nothing is taken from there, and everything offered to it. */
  isDistrusted: boolean;
  /** The commit that was last sent; if the head is that when the connection is back, its acknowledgement was lost. */
  sent: PushResult | undefined;
}

async function pushOnce(options: PushOptions, attempts: Attempts): Promise<PushResult> {
  const { progress, signal } = options;
  Object.assign(progress, { files: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesSent: 0 } satisfies PushProgress);
  const startedMs = Date.now();
  const index = attempts.isDistrusted ? undefined : readPushIndex(options.indexFile);
  const remote = await options.connect({ have: index?.commit, wantTrees: !attempts.isDistrusted });
  const closeOnAbort = (): void => void remote.close();
  signal?.addEventListener("abort", closeOnAbort, { once: true });
  try {
    if (attempts.sent !== undefined && attempts.sent.commit === remote.head) return attempts.sent;
    const head = attempts.isDistrusted ? nothingKnown : await readHead(remote, index, options.folder);
    if (head.commit !== undefined && !head.baseline.isOfFolder) {
      const { host, path } = head.commit;
      options.onEvent({ type: "otherFolder", host, path });
    }
    const uploader = new Uploader(remote, {
      codec: chooseCodec(remote, options.compression),
      onSent: (bytes) => (progress.bytesSent += bytes),
      onKept: () => options.onEvent({ type: "packKept" }),
    });
    const snapshot = await takeSnapshot({
      folder: options.folder,
      baseline: head.baseline,
      isFull: options.isFull,
      offer: options.isDryRun ? undefined : (object) => uploader.offer(object),
      isLeftOut: (folder) => options.isLeftOut(folder) || isStoreFolder(folder, remote.store),
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
    // a name that could not be read is no change, and yet no longer in the tree
    const isTreeSame = snapshot.tree === undefined ? !snapshot.isChanged : snapshot.tree === head.commit?.tree;
    const isSame = head.commit !== undefined && isTreeSame && isSameAttributes(head.commit.root, snapshot.root);
    if (options.isDryRun || snapshot.tree === undefined) return { ...result, isUpToDate: isSame, commit: remote.head };
    const kept = { store: remote.store, startedMs };
    if (isSame && remote.head !== undefined && !options.isEmptyAllowed) {
      await uploader.finish(); // what was read again and found to be missing in the store
      const isIndexStale = !head.isIndexed || progress.filesRead > 0;
      if (isIndexStale) keepIndex(options, snapshot, { ...kept, commit: remote.head, bytes: head.commitBytes });
      return { ...result, isUpToDate: true, commit: remote.head };
    }
    const bytes = encodeCommit(commitOf(snapshot, snapshot.tree, { remote, startedMs, options }));
    const id = objectIdOf(bytes);
    await uploader.offer({ kind: "commit", id, bytes });
    await uploader.finish();
    attempts.sent = { ...result, isUpToDate: false, commit: id };
    await remote.commit(id, remote.head);
    keepIndex(options, snapshot, { ...kept, commit: id, bytes });
    return attempts.sent;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", closeOnAbort);
    await remote.close();
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
