/**
 * Pushes a stream: what comes out of a pipe becomes a commit with one file. It can be read only once, so a connection that
 * is lost ends the push; what the store has acknowledged by then is not sent again by the next.
 */
import { hostname } from "node:os";
import { isBakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { compareTags, encodeCommit, type Commit, type CommitCounts } from "../objects/commit.js";
import { fileHashOf, type Attributes, type Entry, type FileEntry } from "../objects/entry.js";
import type { Codec } from "../objects/member-codec.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { packTargetBytes } from "../objects/pack-format.js";
import { encodeTree } from "../objects/tree.js";
import { isLoss } from "./fetch-rest.js";
import { HeadMoves } from "./head-moves.js";
import { readCommit } from "./history.js";
import { userName } from "./push-attempt.js";
import { PushPipeline } from "./push-pipeline.js";
import { readStream, type StreamedFile } from "./read-stream.js";
import type { Remote } from "./remote.js";
import { compressionFor } from "./taking.js";
import { TreeSource } from "./tree-source.js";
import type { UploadCounts } from "./upload.js";

/** What a commit of a stream has in place of its folder's path. */
export const streamPath = "stdin" as ByteString;

export type PushStreamEvent =
  | { readonly type: "headMoved" }
  /** The project's latest commit is of something else. */
  | { readonly type: "otherFolder"; readonly host: string; readonly path: ByteString };

export interface PushStreamOptions {
  /** Says hello to the store; again, if somebody else pushes meanwhile. */
  connect: () => Promise<Remote>;
  stream: AsyncIterable<Uint8Array>;
  /** Called when the stream has ended; rejects if it is not whole, and nothing is to be committed. */
  confirm: () => Promise<void>;
  /** The file's name. */
  name: ByteString;
  /** Permissions of the file. */
  mode: number;
  message: string;
  tags: readonly string[];
  /** Makes a commit even if the head's file is the same. */
  isEmptyAllowed: boolean;
  compression?: Codec | undefined;
  threads: number;
  version: string;
  onEvent: (event: PushStreamEvent) => void;
  progress: { bytesRead: number; bytesSent: number };
  signal: AbortSignal;
}

export interface PushStreamResult {
  readonly isUpToDate: boolean;
  readonly commit: ObjectId;
  readonly parent: ObjectId | undefined;
  readonly counts: CommitCounts;
  readonly upload: UploadCounts;
}

/** Reads the stream to its end, and commits it. Rejects as the stream does, with nothing committed. */
export async function pushStream(options: PushStreamOptions): Promise<PushStreamResult> {
  const startedMs = Date.now();
  const { progress, signal } = options;
  const remote = await options.connect();
  const closeOnAbort = (): void => void remote.close();
  signal.addEventListener("abort", closeOnAbort, { once: true });
  try {
    const pipeline = openPipeline(remote, options);
    try {
      const { uploader } = pipeline;
      const offer = (object: PackedObject<ObjectId>): Promise<void> | undefined => uploader.offer(object);
      const file = await readStream(options.stream, offer, (count) => {
        signal.throwIfAborted();
        progress.bytesRead += count;
      });
      await options.confirm();
      await uploader.finish();
      const committed = await commitFile(remote, file, { options, startedMs });
      return { ...committed, upload: uploader.counts };
    } finally {
      await pipeline.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", closeOnAbort);
    await remote.close();
  }
}

function openPipeline(remote: Remote, options: PushStreamOptions): PushPipeline {
  return new PushPipeline(remote, {
    threads: options.threads,
    compression: Promise.resolve(compressionFor(remote, options.compression)),
    packBytes: packTargetBytes,
    oldChunks: () => Promise.resolve(undefined),
    onRead: () => undefined,
    onUnderWay: () => undefined,
    onSent: (bytes) => (options.progress.bytesSent += bytes),
    onKept: () => undefined,
  });
}

interface Committing {
  readonly options: PushStreamOptions;
  readonly startedMs: number;
}

/**
 * Commits a file that the store has. If somebody else pushes to the project meanwhile, on top of that: over other
 * connections, while the first one stays, so that nothing that it has sent is deleted.
 */
async function commitFile(
  first: Remote,
  file: StreamedFile,
  { options, startedMs }: Committing,
): Promise<Omit<PushStreamResult, "upload">> {
  const headMoves = new HeadMoves();
  const endedMs = Math.max(Date.now(), startedMs);
  const attributes = attributesOf(options.mode, endedMs);
  const entry: FileEntry = { kind: "file", name: options.name, ...attributes, ...file };
  let remote = first;
  try {
    for (;;) {
      try {
        return await commitOnce(remote, entry, { options, startedMs, endedMs });
      } catch (error) {
        if (!headMoves.mayTryAgain(error)) throw error;
        options.onEvent({ type: "headMoved" });
        await headMoves.wait(options.signal);
      }
      if (remote !== first) await remote.close();
      remote = await options.connect();
    }
  } finally {
    if (remote !== first) await remote.close();
  }
}

async function commitOnce(
  remote: Remote,
  entry: FileEntry,
  { options, startedMs, endedMs }: { options: PushStreamOptions; startedMs: number; endedMs: number },
): Promise<Omit<PushStreamResult, "upload">> {
  const head = await readHeadFile(remote, entry.name);
  const parent = remote.head;
  if (head !== undefined && head.commit.path !== streamPath)
    options.onEvent({ type: "otherFolder", host: head.commit.host, path: head.commit.path });
  const isSame = head?.file !== undefined && fileHashOf(head.file.content) === fileHashOf(entry.content);
  const counts: CommitCounts = {
    files: 1,
    dirs: 0,
    bytes: entry.size,
    changed: head?.file !== undefined && !isSame ? 1 : 0,
    added: head?.file === undefined ? 1 : 0,
    removed: head === undefined ? 0 : head.others,
    unreadable: 0,
  };
  if (isSame && head.others === 0 && parent !== undefined && !options.isEmptyAllowed)
    return { isUpToDate: true, commit: parent, parent, counts };
  const tree = encodeTree({ level: 0, entries: [entry] });
  const commit = encodeCommit({
    tree: objectIdOf(tree),
    root: { ...attributesOf(0o755, endedMs) },
    parent,
    project: remote.project,
    host: hostname(),
    user: userName(),
    path: streamPath,
    startedMs,
    endedMs,
    message: options.message,
    tags: [...new Set(options.tags)].toSorted(compareTags),
    excludes: [],
    counts,
    users: [],
    groups: [],
    version: options.version,
  } satisfies Commit);
  const pipeline = openPipeline(remote, { ...options, threads: 0 });
  try {
    const id = objectIdOf(commit);
    await pipeline.uploader.offer({ kind: "tree", id: objectIdOf(tree), bytes: tree });
    await pipeline.uploader.offer({ kind: "commit", id, bytes: commit });
    await pipeline.uploader.finish();
    await remote.commit(id, parent);
    return { isUpToDate: false, commit: id, parent, counts };
  } finally {
    await pipeline.close();
  }
}

/** What the head has: the file of that name, and how many other names at its root. */
async function readHeadFile(
  remote: Remote,
  name: ByteString,
): Promise<{ commit: Commit; file: FileEntry | undefined; others: number } | undefined> {
  if (remote.head === undefined) return undefined;
  const commit = await readCommit(remote, remote.head);
  const found = await findInRoot(remote, commit, name);
  const file = found?.kind === "file" ? found : undefined;
  const all = commit.counts.files + commit.counts.dirs;
  return { commit, file, others: file === undefined ? all : all - 1 };
}

/** Undefined also where the store has lost it: then there is all the more to be sent. */
async function findInRoot(remote: Remote, commit: Commit, name: ByteString): Promise<Entry | undefined> {
  try {
    return (await new TreeSource(remote).fetchPath(commit, name)).at(-1);
  } catch (error) {
    if (isLoss(error) || isBakError(error, "NO_PATH")) return undefined;
    throw error;
  }
}

function attributesOf(mode: number, mtimeMs: number): Attributes {
  return {
    mode,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    mtimeSeconds: Math.floor(mtimeMs / 1000),
    mtimeNanoseconds: (mtimeMs % 1000) * 1_000_000,
  };
}
