/** What a push is given, what it tells, and what comes of it. */
import type { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import type { Codec } from "../objects/member-codec.js";
import type { ObjectId } from "../objects/object-id.js";
import type { LeaveOut } from "./leave-out.js";
import type { Reconnecting } from "./reconnects.js";
import type { Remote } from "./remote.js";
import type { Snapshot, SnapshotEvent, SnapshotOptions, SnapshotProgress } from "./snapshot-options.js";
import type { UploadCounts } from "./upload.js";

export type PushEvent =
  | SnapshotEvent
  | Reconnecting
  /** The project's latest commit is of another folder than this push. */
  | { readonly type: "otherFolder"; readonly host: string; readonly path: ByteString }
  /** The store has lost something that the head needs; everything is read again and offered to it. */
  | { readonly type: "lossFound"; readonly error: BakError }
  | { readonly type: "headMoved" }
  | { readonly type: "packKept" }
  /** The client's index, or its journal, could not be written. */
  | { readonly type: "indexNotKept" | "journalNotKept"; readonly why: string };

/** Counters for whoever shows progress; they begin again when a push does. */
export interface PushProgress extends SnapshotProgress {
  /** What was read of large files that are not among the files yet. */
  bytesUnderWay: number;
  /** Bytes of packs sent. */
  bytesSent: number;
}

export function noProgress(): PushProgress {
  return { files: 0, bytes: 0, filesRead: 0, bytesRead: 0, bytesUnderWay: 0, bytesSent: 0 };
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
  /** Threads that read, hash and compress; with none it is all done on this one. */
  threads: number;
  /** bak's own version. */
  version: string;
  /** Folders that are not entered, beside the store itself. */
  isLeftOut: SnapshotOptions["isLeftOut"];
  /** What else is left out, beside what the folder's own rules say. */
  leaveOut?: LeaveOut | undefined;
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
  /** How many names rules have left out; a folder counts as one. */
  readonly ruledOut: number;
  /** How many names something happened to while the push was at them. */
  readonly moved: Snapshot["moved"];
  /** Names that are kept without their extended attributes, which could not be read. */
  readonly unreadAttributes: number;
  readonly filesRead: number;
  readonly bytesRead: number;
  readonly upload: UploadCounts;
}
