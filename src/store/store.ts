/** What a store promises, whatever it keeps its objects in. */
import type { Codec } from "../objects/member-codec.js";
import type { ObjectId } from "../objects/object-id.js";
import type { ObjectKind } from "../objects/object-kind.js";
import type { ProjectId } from "../objects/project-id.js";

/** Where a member lies on disk. */
export interface MemberLocation {
  readonly pack: ObjectId;
  /** Of its first byte in the pack. */
  readonly offset: number;
  /** Its length in bytes as it lies there, and once inflated. */
  readonly packedLength: number;
  readonly inflatedLength: number;
}

/** One commit of a project, as the store received it. */
export interface LogLine {
  readonly commit: ObjectId;
  /** When the store received it, by its own clock: milliseconds since 1970. */
  readonly receivedMs: number;
}

/** One commit that was taken out of a project's log, and may be brought back. */
export interface ForgottenLine extends LogLine {
  /** When it was forgotten, by the store's own clock: milliseconds since 1970. */
  readonly forgottenMs: number;
}

/** What there is of a project at one moment; no commit is in both. */
export interface ProjectLines {
  /** Oldest first; the last one is the head. */
  readonly log: readonly LogLine[];
  /** In the order of forgetting. */
  readonly forgotten: readonly ForgottenLine[];
}

/** Is told of commits that are about to be taken out of a project's log; must not throw. */
export type ForgetListener = (project: ProjectId, commits: readonly ObjectId[]) => void;

/** A pack that was left out when the store was opened, so that the rest of it can be used. */
export interface DamagedPack {
  readonly path: string;
  /** One line, lower case. */
  readonly why: string;
}

/** One thing that a check has found, or done. */
export interface Finding {
  /**
   * `pack`, `index` and `file`: a file of the store that is not whole; `log`: a line of a project's log; `commit`: a commit
   * that can't be read as a whole; `path`: a path of one; `repaired`: no fault, but what was done about one.
   */
  readonly kind: "pack" | "index" | "file" | "log" | "commit" | "path" | "repaired";
  /** What it is about: a path on disk, `project commit`, or `project commit: path`. */
  readonly subject: string;
  /** One line. */
  readonly why: string;
}

export interface CheckOptions {
  /** How much of the packs' bytes to read, in thousandths: those first that were verified longest ago. 0 for none. */
  readonly readPermille: number;
  /** Sets damaged packs aside, keeps what is intact of them, and makes indexes again. */
  readonly repair: boolean;
  readonly signal: AbortSignal;
  /** Waited for. */
  readonly onFinding: (finding: Finding) => Promise<void>;
  readonly onProgress: (progress: { phase: string; done: number; total: number }) => void;
}

/** What a check has looked at, and what came out. */
export interface CheckReport {
  readonly packs: number;
  /** Packs that were read as a whole, and the bytes of them. */
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly objects: number;
  readonly commits: number;
  /** What was found to be wrong, beyond what was told of too; what was repaired is among it. */
  readonly faults: number;
  /** Packs and indexes that were put in order. */
  readonly repaired: number;
  /** Heads that lack something which the next push of their project sends again. */
  readonly incompleteHeads: number;
}

/** A store in numbers. */
export interface MeasureOptions {
  /** Of so many commits is said what they have added. */
  readonly growth: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { phase: string; done: number; total: number }) => void;
}

/** How large a store is, in bytes: `contentBytes` are of what files hold, each counted once, `storedBytes` of all on the disk. */
export interface StoreSizes {
  /** Sorted. What projects share counts for each. */
  readonly projects: readonly {
    readonly project: ProjectId;
    readonly commits: number;
    /** Files of the latest commit, and of all, as often as they are in them. */
    readonly latestBytes: number;
    readonly allBytes: number;
    readonly contentBytes: number;
    readonly storedBytes: number;
  }[];
  /** What all projects reach. */
  readonly contentBytes: number;
  readonly storedBytes: number;
  /** The commits that have added most to what the store had received before, the largest first. */
  readonly growth: readonly {
    readonly project: ProjectId;
    readonly commit: ObjectId;
    readonly receivedMs: number;
    readonly contentBytes: number;
    readonly storedBytes: number;
  }[];
  /** Something that a commit reaches is missing, and counts nowhere. */
  readonly isIncomplete: boolean;
}

export interface StoreStats {
  readonly projects: number;
  readonly commits: number;
  readonly packs: number;
  readonly packBytes: number;
  /** Each counted once. */
  readonly objects: number;
  readonly indexBytes: number;
  /** Packs that are known to be damaged, and that have not been repaired. */
  readonly damagedPacks: number;
  /** Files in `damaged/` that were set aside. */
  readonly asidePacks: number;
  /** Packs that came, or were read as a whole, within the last 30 days. */
  readonly verifiedPacks: number;
  /** When the pack was verified of which that is longest ago: milliseconds since 1970, 0 where nobody knows; undefined without packs. */
  readonly oldestVerifiedMs: number | undefined;
}

/** A pack that may be read to see whether it is whole. */
export interface PackToVerify {
  readonly pack: ObjectId;
  readonly bytes: number;
  readonly verifiedMs: number;
}

/** What was kept of a pack. */
export interface PackReceipt {
  readonly pack: ObjectId;
  /** How many objects are in it, each counted once. */
  readonly objects: number;
  /** Length of the pack's file in bytes. */
  readonly bytes: number;
}

/** Takes in one pack. Nothing of the pack is visible in the store before `finish` has resolved. */
export interface PackReceiver {
  /**
   * Takes the next member, as it came, of the same codec as the one before. The receiver owns its bytes from then on, and all of the buffer that they stand in
   * where they fill that to its end: it may be handed to a thread. Resolves when there is room for the next: a few members
   * are in work, of 8 MiB together, if each call waits for the one before. Rejects with BAD_PACK for a member
   * that is not what it claims to be (or that the one before was not), STORE_FULL or STORE_FAILED; the pack is then lost.
   */
  add(member: Uint8Array): Promise<void>;
  /**
   * Ends the pack: `id` is the BLAKE3 of all its members and of their trailer in `packTrailers`, as the sender computed it. Resolves once
   * every object is on stable storage and can be found; rejects with BAD_PACK, STORE_FULL or STORE_FAILED, keeping nothing.
   */
  finish(id: ObjectId): Promise<PackReceipt>;
  /** Gives the pack up; keeps nothing. Does not reject, whatever has failed before; may be called at any time. */
  abort(): Promise<void>;
}

/**
 * Whether somebody may see a project of the store. What it says of a project never changes: who may see others from now on
 * gives another function. All who give the same share what the store knows of what they see.
 */
export type Sees = (project: ProjectId) => boolean;

/** What somebody may rely on who speaks with a store, whatever is deleted meanwhile. It begins with `Store.lease`. */
export interface Lease {
  /** What may be seen of the store; undefined for all of it. */
  readonly view: View | undefined;
  /**
   * As `Store.hasMany`, of what may be seen: what it says is there stays, with all that it names, until the lease is released. So
   * does every pack that has come since the lease began, and every commit that was forgotten since.
   */
  hasMany(ids: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** A commit that will be accepted if all it needs is there: from now on that stays. */
  needs(commit: ObjectId): void;
  /** Ends the lease; may be called again. */
  release(): void;
}

/** What a store is cleaned by. */
export interface CollectOptions {
  /** What is in no commit's use is deleted once it has been in the store for so long, and forgotten commits once they have been forgotten for so long. */
  readonly graceMs: number;
  /** Changes nothing, and gives what would be done. */
  readonly isDryRun: boolean;
  /** What waste is left where it is; sensible limits unless given. */
  readonly limits?: WasteLimits;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: CollectProgress) => void;
}

/** How much of what lies in packs may be of no use; rewriting packs costs more than little waste. */
export interface WasteLimits {
  /** Of any one pack, 0 to 1. */
  readonly ofPack: number;
  /** Of all that is kept, 0 to 1. */
  readonly ofStore: number;
}

export interface CollectProgress {
  readonly phase: "marking" | "counting" | "deleting" | "rewriting";
  readonly done: number;
  /** 0 where nobody knows. */
  readonly total: number;
}

/** What has been done, or would be. All bytes are those of packs' files. */
export interface Collected {
  /** What there was before. */
  readonly packs: number;
  readonly bytes: number;
  readonly objects: number;
  /** Packs of which nothing was needed. */
  readonly packsDeleted: number;
  readonly bytesDeleted: number;
  /** Packs of which something was needed, which is in new packs now. */
  readonly packsRewritten: number;
  readonly bytesRewritten: number;
  readonly packsMade: number;
  readonly bytesMade: number;
  /** Packs that were to be rewritten, for which there was no space. */
  readonly packsSkipped: number;
  /** Packs that are deleted as soon as nobody reads from them any more. */
  readonly packsWaiting: number;
  readonly objectsDropped: number;
  /** Forgotten commits that can't be brought back any more. */
  readonly commitsDropped: number;
}

/**
 * What somebody sees of a store who may see some of its projects: objects in packs that these sent, and what their commits
 * reach, also those that were forgotten and may be brought back. All else is as if it were not there.
 */
export interface View extends ObjectSource {
  /** As `Store.locateMembers` and `Store.pin`; rejects with NO_OBJECT, which names the first id that can't be seen. */
  openMembers(ids: readonly ObjectId[]): HeldMembers | Promise<HeldMembers>;
}

/** Members whose packs stay until `release` is called. */
export interface HeldMembers {
  /**
   * The members, each once, in the order in which they lie on disk, each behind so many bytes: as they lie where all that is in
   * them may be seen, else as new ones of what may. Rejects with STORE_DAMAGED.
   */
  read(headroom: number): AsyncIterable<Buffer>;
  release(): void;
}

/** How much may be kept. */
export interface Quota {
  /** What it is for, as it is called in messages: `project 'photos'`. */
  readonly of: string;
  readonly limitBytes: number;
  /** Whether the packs of a project count. */
  readonly counts: Sees;
}

/** How a pack is received. */
export interface ReceiveOptions {
  /** The project that sends it; nobody owns the pack unless it is given. */
  readonly owner?: ProjectId | undefined;
  /** The pack is refused with LIMIT where one of them would be exceeded: at once, or while its members come. */
  readonly quotas?: readonly Quota[];
  /**
   * Other packs are refused, with STORE_FULL, while less than a twentieth of the disk (64 MiB of a large one) is free. What
   * frees space itself may use all there is.
   */
  readonly mayUseReserve?: boolean;
}

/** What looking at objects needs of a store. */
export interface ObjectSource {
  /** Whether an object is on stable storage. */
  has(id: ObjectId): boolean | Promise<boolean>;
  /** For n ids of 32 bytes each: how many bytes long each object is, and -1 for one that is not there. */
  lengthsOf(ids: Uint8Array): Float64Array | Promise<Float64Array>;
  /**
   * An object's bytes, a copy, after they have been hashed. Rejects with NO_OBJECT where the store has none of that id,
   * STORE_DAMAGED where its bytes are not those of the id. With `kind` given, rejects with BAD_OBJECT unless the bytes
   * are of that kind. (The id is that of the bytes alone: where a file holds the very bytes of a tree, one object is
   * both a blob and a tree.)
   */
  readObject(id: ObjectId, kind?: ObjectKind): Promise<Uint8Array>;
}

/**
 * A store that this process owns. Any method may reject (or throw) with STORE_FAILED where the disk fails. Once a method
 * that changes the store has resolved, its effect is on stable storage.
 */
export interface Store extends ObjectSource {
  /** What tells this store from all others, for good. */
  readonly id: string;
  /** Absolute path. */
  readonly folder: string;
  /** What clients are asked to compress with. */
  readonly compression: Codec;
  /** Packs whose objects the store does not find, since they are not whole. */
  readonly damaged: readonly DamagedPack[];
  /** When something was last read for a client, or came from one: milliseconds since 1970. */
  readonly lastMovedMs: number;
  has(id: ObjectId): boolean;
  lengthsOf(ids: Uint8Array): Float64Array;
  /** For n ids of 32 bytes each: n bits, lowest of each byte first; 1 where the store has the object. */
  hasMany(ids: Uint8Array): Uint8Array;
  /** Those of the objects that came as content of files, as far as the store knows. Throws NO_OBJECT as `locateMembers` does. */
  blobsAmong(ids: readonly ObjectId[]): ObjectId[];
  /**
   * The members that hold the objects, each once, in the order in which they lie on disk. Throws NO_OBJECT, which names
   * the first id that the store does not have.
   */
  locateMembers(ids: Iterable<ObjectId>): MemberLocation[];
  /**
   * A member's bytes as they lie on disk, not looked at, behind `headroom` bytes for whatever is to stand before them; none
   * unless given. Rejects with STORE_DAMAGED where the pack is too short for it.
   */
  readMember(at: MemberLocation, headroom?: number): Promise<Buffer>;
  /**
   * Keeps the packs in which members lie until what this gives is called. To be called in the same turn as `locateMembers`
   * by whoever reads those members later.
   */
  pin(members: readonly MemberLocation[]): () => void;
  /** For somebody who begins to speak with the store, and may see the projects of which `sees` says so; all of it unless given. */
  lease(options?: { readonly sees?: Sees | undefined }): Lease;
  /**
   * Deletes what no commit reaches, while others go on to read and write. What a lease is for stays, and so does whatever is
   * younger than the grace. A signal that is aborted leaves the store as right as it was. Rejects with STORE_DAMAGED, having
   * deleted nothing, where something that a commit reaches is missing; with LIMIT while another call is under way.
   */
  collectGarbage(options: CollectOptions): Promise<Collected>;
  /** Begins to take in a pack; any number may be received side by side. Throws LIMIT where a quota is used up. */
  receivePack(options?: ReceiveOptions): PackReceiver;
  /** The projects that have a commit, sorted. */
  projects(): Promise<ProjectId[]>;
  /** A project's latest commit; undefined where it has none. */
  head(project: ProjectId): Promise<ObjectId | undefined>;
  /** A project's commits, oldest first; none for a project that there is not. Rejects with STORE_DAMAGED. */
  readLog(project: ProjectId): Promise<LogLine[]>;
  /**
   * Makes a commit the project's head, and makes the project with its first commit. Rejects with HEAD_MOVED unless the
   * head is `base`, and with NO_OBJECT where the store does not have the commit; that all is there that the commit needs is
   * for the caller to see to (`assertComplete`). After any rejection the head is what it was.
   */
  appendCommit(project: ProjectId, commit: ObjectId, base: ObjectId | undefined): Promise<LogLine>;
  /** Whether a project's head is known to lack something, since damaged packs were set aside. */
  isIncomplete(head: ObjectId): boolean;
  /**
   * Looks at every file of the store, and at all that every commit reaches; goes on after whatever is wrong. Checks run one
   * after the other, beside everything else.
   */
  check(options: CheckOptions): Promise<CheckReport>;
  /** The packs that have not been read as a whole since then, those first for which that is longest ago. */
  packsToVerify(sinceMs: number): Promise<PackToVerify[]>;
  /**
   * Reads a pack as a whole; gives what is wrong with it, or undefined if nothing is, or it is not there any more. `pace`
   * is waited for after each piece.
   */
  verifyPack(
    pack: ObjectId,
    options: { signal: AbortSignal; pace: (bytes: number) => Promise<void> },
  ): Promise<DamagedPack | undefined>;
  stats(): Promise<StoreStats>;
  /** Reads all trees that commits reach, to say how large that is. Waits for cleaning and repairing to end, which then wait for it. */
  measure(options: MeasureOptions): Promise<StoreSizes>;
  /**
   * Takes commits out of a project's log, all at once, and remembers them for `undoForget`; gives how many lines of the log
   * that were. Those that are not in it are passed over. The latest one that is left becomes the head; a project that has
   * none left is as one that there never was. After a rejection all of them are in the log, or none. Rejects with STORE_DAMAGED.
   */
  forget(project: ProjectId, commits: readonly ObjectId[]): Promise<number>;
  /**
   * Puts forgotten commits back into the log, all at once, in the order in which commits were received; gives how many lines
   * that were. Those that are not forgotten are passed over. Otherwise as `forget`.
   */
  undoForget(project: ProjectId, commits: readonly ObjectId[]): Promise<number>;
  /**
   * Drops what was forgotten before a time, so that it can't be brought back; gives how many lines that were. To be done,
   * and to have resolved, before what those commits reach may be deleted.
   */
  expireForgotten(project: ProjectId, beforeMs: number): Promise<number>;
  /** What could be brought back, in the order of forgetting. Rejects with STORE_DAMAGED. */
  readForgotten(project: ProjectId): Promise<readonly ForgottenLine[]>;
  /**
   * Puts a commit in the place of another in the log, which keeps the time at which it was received; gives how many lines of the log that
   * were. Rejects with STORE_DAMAGED, and with NO_OBJECT where the store has not got the commit.
   */
  replaceCommit(project: ProjectId, commit: ObjectId, by: ObjectId): Promise<number>;
  /** The log and what was forgotten of it, with no change between the one and the other. Rejects with STORE_DAMAGED. */
  readLines(project: ProjectId): Promise<ProjectLines>;
  /** The projects of which something may have been forgotten, sorted; also those that have no commit left. */
  forgottenProjects(): Promise<ProjectId[]>;
  /** From now on tells the listener of commits before `forget` takes them out of a log. Gives what ends that. */
  onForget(listener: ForgetListener): () => void;
  /** Gives up packs that are being received, waits for what is being written, and lets another process own the store. */
  close(): Promise<void>;
}
