/**
 * One attempt at a push. Where the client's index is at hand, the folder is compared with that while the connection is
 * still being made: as a rule it is of the head that the store then names.
 */
import { hostname, userInfo } from "node:os";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { compareTags, encodeCommit, type Commit } from "../objects/commit.js";
import { defaultLevels, packCodecOf, type Codec } from "../objects/member-codec.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { chooseCodec } from "./choose-codec.js";
import { isSameAttributes } from "./compare.js";
import { CompressionLevel } from "./compression-level.js";
import { headOfIndex, nothingKnown, readHead, type Head } from "./head.js";
import { PushPipeline } from "./push-pipeline.js";
import { readPushIndex, writePushIndex } from "./push-index.js";
import type { PushEvent, PushOptions, PushProgress, PushResult } from "./push-options.js";
import type { Remote } from "./remote.js";
import type { Compression } from "./upload.js";
import { takeSnapshot, type Snapshot } from "./snapshot.js";
import { isStoreFolder } from "./store-folder.js";

/** What outlives an attempt. */
export interface Attempts {
  /** The store has lost something of the head: nothing is taken from there, and everything offered to it. */
  isDistrusted: boolean;
  /** The commit that was last sent; if the head is that when the connection is back, its acknowledgement was lost. */
  sent: PushResult | undefined;
}

/** Pushes once, on one connection. */
export async function pushOnce(options: PushOptions, attempts: Attempts): Promise<PushResult> {
  const { progress, signal } = options;
  const startedMs = Date.now();
  Object.assign(progress, noProgress);
  const index = attempts.isDistrusted ? undefined : readPushIndex(options.indexFile);
  const connecting = options.connect({ have: index?.commit, wantTrees: !attempts.isDistrusted });
  const guess = index === undefined ? undefined : headOfIndex(index, options.folder);
  const early =
    guess === undefined ? undefined : new Taking(options, { head: guess, remote: connecting, store: guess.store });
  let remote: Remote;
  try {
    remote = await connecting;
  } catch (error) {
    await early?.giveUp(error);
    throw error;
  }
  const closeOnAbort = (): void => void remote.close();
  signal?.addEventListener("abort", closeOnAbort, { once: true });
  let taking = early;
  try {
    if (attempts.sent !== undefined && attempts.sent.commit === remote.head) return attempts.sent;
    if (remote.isHeadIncomplete && !attempts.isDistrusted && !options.isDryRun) throw lossOfHead(remote);
    if (taking === undefined || remote.head !== index?.commit || remote.store !== guess?.store) {
      await taking?.giveUp(new Error("the head is another than the index's"));
      Object.assign(progress, noProgress);
      const head = attempts.isDistrusted ? nothingKnown : await readHead(remote, index, options.folder);
      taking = new Taking(options, { head, remote: connecting, store: remote.store });
    }
    return await finishPush(taking, { options, attempts, remote, startedMs });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", closeOnAbort);
    await Promise.all([taking?.giveUp(new Error("the push has ended")), remote.close()]);
  }
}

function lossOfHead({ peer, head }: Remote): BakError {
  return new BakError("INCOMPLETE_COMMIT", `'${peer}' has lost something of the head '${head}'`);
}

/** What is held of events before the head is known, counted as paths are long; then the walk waits. */
const maxHeldBytes = 4 << 20;
/** What an event takes beside its path. */
const eventBytes = 100;

const noProgress: PushProgress = { files: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesSent: 0 };

/** A snapshot that is being taken, and the pipeline that it feeds. */
class Taking {
  readonly head: Head;
  readonly pipeline: PushPipeline;
  readonly snapshot: Promise<Snapshot>;
  /** Rejected if the store cannot take what was asked for. */
  readonly compression: Promise<Compression>;
  readonly #stop = new AbortController();
  readonly #onEvent: PushOptions["onEvent"];
  /** What there is to be told, until it is certain that the head is the right one. */
  #held: PushEvent[] | undefined = [];
  #heldBytes = 0;
  /** The same for what there is to be sent. */
  #send: () => void = () => undefined;
  #sendNothing: (reason: unknown) => void = () => undefined;

  /** `remote` may still be connecting: what is found to be new waits to be confirmed, within the pipeline's bounds. */
  constructor(options: PushOptions, from: { head: Head; remote: Promise<Remote>; store: string }) {
    const { progress, signal } = options;
    const { head, remote, store } = from;
    this.head = head;
    this.#onEvent = options.onEvent;
    const confirmed = new Promise<Remote>((resolve, reject) => {
      this.#send = () => resolve(remote);
      this.#sendNothing = reject;
    });
    confirmed.catch(() => undefined); // thrown to whoever has something to send
    const later = {
      hasMany: async (ids: Uint8Array) => (await confirmed).hasMany(ids),
      upload: async () => (await confirmed).upload(),
    };
    this.compression = remote.then((known) => compressionFor(known, options.compression));
    this.compression.catch(() => undefined); // thrown where the push is finished
    this.pipeline = new PushPipeline(later, {
      threads: options.threads,
      compression: this.compression,
      onRead: (bytes) => (progress.bytesRead += bytes),
      onSent: (bytes) => (progress.bytesSent += bytes),
      onKept: () => this.#tell({ type: "packKept" }),
    });
    const { reader, uploader } = this.pipeline;
    this.snapshot = takeSnapshot({
      folder: options.folder,
      baseline: head.baseline,
      isFull: options.isFull,
      sink: options.isDryRun ? undefined : { reader, offer: (tree) => uploader.offer(tree) },
      isLeftOut: (folder) => options.isLeftOut(folder) || isStoreFolder(folder, store),
      onEvent: (event) => this.#tell(event),
      room: () => (this.#heldBytes > maxHeldBytes ? confirmed.then(() => undefined) : undefined),
      progress,
      signal: signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]),
    });
    this.snapshot.catch(() => undefined); // thrown where it is waited for
  }

  /** The head is the right one: tells and sends what was held back, and what comes from now on at once. */
  confirm(): void {
    this.#send();
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    if (this.head.commit !== undefined && !this.head.baseline.isOfFolder) {
      const { host, path } = this.head.commit;
      this.#onEvent({ type: "otherFolder", host, path });
    }
    for (const event of held) this.#onEvent(event);
  }

  /** Stops whatever is still under way. */
  async giveUp(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    this.#sendNothing(reason);
    await this.pipeline.close();
    await this.snapshot.catch(() => undefined);
  }

  #tell(event: PushEvent): void {
    if (this.#held === undefined) return this.#onEvent(event);
    this.#held.push(event);
    this.#heldBytes += eventBytes + ("path" in event ? event.path.length : 0);
  }
}

/** Of a store on this machine, the level stays as it is: the other end needs the very cores that seem idle. */
function compressionFor(remote: Remote, asked: Codec | undefined): Compression {
  const codec = chooseCodec(remote, asked);
  const isFixed = remote.isLocal || codec === "none";
  return { codec, level: isFixed ? undefined : new CompressionLevel(packCodecOf(codec), defaultLevels[codec]) };
}

interface Finishing {
  readonly options: PushOptions;
  readonly attempts: Attempts;
  readonly remote: Remote;
  readonly startedMs: number;
}

/** What there is to do once the head is known: a commit, if there is anything new. */
async function finishPush(taking: Taking, { options, attempts, remote, startedMs }: Finishing): Promise<PushResult> {
  const { head, pipeline } = taking;
  const { progress } = options;
  await taking.compression; // what cannot be is refused before anything else is said
  taking.confirm();
  const snapshot = await taking.snapshot;
  const result = {
    parent: remote.head,
    counts: snapshot.counts,
    filesRead: progress.filesRead,
    bytesRead: progress.bytesRead,
    upload: pipeline.uploader.counts,
  };
  // a name that could not be read is no change, and yet no longer in the tree
  const isTreeSame = snapshot.tree === undefined ? !snapshot.isChanged : snapshot.tree === head.commit?.tree;
  const isSame = head.commit !== undefined && isTreeSame && isSameAttributes(head.commit.root, snapshot.root);
  if (options.isDryRun || snapshot.tree === undefined) return { ...result, isUpToDate: isSame, commit: remote.head };
  const kept = { store: remote.store, startedMs };
  if (isSame && remote.head !== undefined && !options.isEmptyAllowed) {
    await pipeline.uploader.finish(); // what was read again and found to be missing in the store
    const isIndexStale = !head.isIndexed || progress.filesRead > 0;
    if (isIndexStale) keepIndex(options, snapshot, { ...kept, commit: remote.head, bytes: head.commitBytes });
    return { ...result, isUpToDate: true, commit: remote.head };
  }
  const bytes = encodeCommit(commitOf(snapshot, snapshot.tree, { remote, startedMs, options }));
  const id = objectIdOf(bytes);
  await pipeline.uploader.offer({ kind: "commit", id, bytes });
  await pipeline.uploader.finish();
  attempts.sent = { ...result, isUpToDate: false, commit: id };
  await remote.commit(id, remote.head);
  keepIndex(options, snapshot, { ...kept, commit: id, bytes });
  return attempts.sent;
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
