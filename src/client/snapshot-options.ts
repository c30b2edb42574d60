/** What a snapshot is asked for, tells while it is made, and comes to. */
import type { ByteString } from "../objects/byte-string.js";
import type { CommitCounts } from "../objects/commit.js";
import type { Attributes } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import type { ChangeEvent } from "./changes.js";
import type { FileReader } from "./file-reader.js";
import type { KeptTrees } from "./kept-trees.js";
import type { LeaveOut } from "./leave-out.js";
import type { LeavingEvent } from "./leaving-out.js";
import type { NameLooker } from "./name-looker.js";
import type { FolderStats } from "./push-index.js";
import type { Unsteadiness } from "./read-file.js";
import type { SourceStat } from "./source-stat.js";

/** What the folder was at the head, as far as it is known here. */
export interface Baseline {
  /** The head's tree; undefined for a project without a commit. */
  readonly tree: ObjectId | undefined;
  /** Bytes of every tree beneath it, and perhaps of others. */
  readonly objects: ReadonlyMap<ObjectId, Uint8Array>;
  /** Whether the store is known to have a tree, so that it need not be offered. */
  readonly isStored: (id: ObjectId) => boolean;
  /** From the client's own index; none where that is missing, or of another commit. */
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
  /** When the scan that made it began. */
  readonly scanStartedMs: number;
  /** Whether it is of this very folder: what another folder's file looked like proves nothing of ours. */
  readonly isOfFolder: boolean;
}

/** What happened to a name since the head, or with it in this walk. */
export type SnapshotEvent =
  | ChangeEvent
  | LeavingEvent
  | { readonly type: "unreadable"; readonly path: ByteString; readonly why: string }
  | { readonly type: "moved"; readonly path: ByteString; readonly how: Movement }
  /** The name is kept, but not its extended attributes. */
  | { readonly type: "attributesUnread"; readonly path: ByteString; readonly why: string }
  /** From this name on extended attributes are not kept: this machine does not give them. */
  | { readonly type: "leftOut" | "attributesUnsupported"; readonly path: ByteString };

/**
 * What became of a file while it was read, which is kept as it was read; or of a name that was there a moment ago: it is gone,
 * or something else, which has been taken in its stead.
 */
export type Movement = Unsteadiness | "replaced" | "vanished";

/** How far the walk is; the numbers only grow. */
export interface SnapshotProgress {
  /** Names seen that are no folders. */
  files: number;
  /** Sum of the sizes of files seen. */
  bytes: number;
  filesRead: number;
  bytesRead: number;
}

/** Where a snapshot has files read, and brings its trees. */
export interface SnapshotSink {
  readonly reader: Pick<FileReader, "read" | "finish">;
  /** Takes a tree. What it returns is waited for, sooner or later; what it throws or rejects with stops the walk. */
  readonly offer: (tree: PackedObject<ObjectId>) => Promise<void> | undefined;
  /** Keeps all trees, new or not, for the client's next index. */
  readonly kept: Pick<KeptTrees, "keep" | "add">;
}

export interface SnapshotOptions {
  /** Absolute path of the folder. */
  folder: ByteString;
  baseline: Baseline;
  /** Reads every file, whatever its size and times say, and offers every tree. */
  isFull: boolean;
  /** Takes what is new; undefined for a walk that only compares, reads no file and makes no trees. */
  sink: SnapshotSink | undefined;
  /** Folders that are not entered, such as the store itself; told by path, what is in it, and stat. */
  isLeftOut: (folder: FolderPlace) => boolean;
  /** What else is left out, beside what the folder's own rules say. */
  leaveOut?: LeaveOut | undefined;
  /** Looks at names; is closed at the end. Made by the walk, unless given. */
  looker?: NameLooker | undefined;
  onEvent: (event: SnapshotEvent) => void;
  /** Asked between two names: what the walk is to wait for, where whoever is told of things has to hold too many of them. */
  room?: () => Promise<void> | undefined;
  progress: SnapshotProgress;
  signal?: AbortSignal | undefined;
}

export interface Snapshot {
  /** Undefined after a walk that only compares. */
  readonly tree: ObjectId | undefined;
  readonly root: Attributes;
  readonly counts: CommitCounts;
  /** How many names are kept without their extended attributes. */
  readonly unreadAttributes: number;
  /** Whom the names belong to, sorted. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  /** Whether the next index proves names that the last did not. */
  readonly isMoreProven: boolean;
  /** Whether anything beneath the folder is another than at the head. */
  readonly isChanged: boolean;
  /** Paths of the folders that were left out, being bak's own. */
  readonly leftOut: readonly ByteString[];
  /** How many names rules have left out; a folder counts as one. */
  readonly ruledOut: number;
  /** How many names something happened to while the walk was at them. */
  readonly moved: Readonly<Record<Movement, number>>;
  /** What the client's next index holds, beside the trees. */
  readonly folders: ReadonlyMap<ByteString, FolderStats>;
}

/** A folder that may be left out. */
export interface FolderPlace {
  /** Absolute; not the path of its own, where that is longer than the system takes. */
  readonly path: ByteString;
  readonly names: readonly ByteString[];
  readonly stat: SourceStat;
}
