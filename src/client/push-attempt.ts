/**
 * One attempt at a push. Where the client's index is at hand, the folder is compared with that while the connection is
 * still being made: as a rule it is of the head that the store then names.
 */
import { hostname, userInfo } from "node:os";
import { BakError } from "../errors.js";
import type { ByteString } from "../objects/byte-string.js";
import { compareTags, encodeCommit, type Commit } from "../objects/commit.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { loadGroupNames, loadUserNames } from "../platform/owner-names.js";
import { isSameAttributes } from "./compare.js";
import { headOfIndex, nothingKnown, readHead } from "./head.js";
import { leaveNothingOut, rulesAsWritten } from "./leave-out.js";
import { forgetJournal, NextIndex } from "./next-index.js";
import { readPushIndex, type PushIndex } from "./push-index.js";
import { noProgress, type PushOptions, type PushResult } from "./push-options.js";
import type { Remote } from "./remote.js";
import { namesOfOwners } from "./owners-seen.js";
import { attributeSight } from "./source-attributes.js";
import type { Snapshot } from "./snapshot-options.js";
import { Taking } from "./taking.js";

/** What outlives an attempt. */
export interface Attempts {
  /** The store has lost something of the head: nothing is taken from there, and everything offered to it. */
  isDistrusted: boolean;
  /** The commit that was last sent; if the head is that when the connection is back, its acknowledgement was lost. */
  sent: PushResult | undefined;
  /** Packs are ended at so many bytes: fewer, where the connection does not last long enough for more. */
  packBytes: number;
}

/** Pushes once, on one connection. */
export async function pushOnce(options: PushOptions, attempts: Attempts): Promise<PushResult> {
  const { progress, signal } = options;
  const startedMs = Date.now();
  Object.assign(progress, noProgress());
  if (attempts.isDistrusted) forgetJournal(options); // it takes a list in the store for all that the list names
  const index = attempts.isDistrusted ? undefined : usableIndex(options);
  const connecting = options.connect({ have: index?.commit, wantTrees: !attempts.isDistrusted });
  const guess = index === undefined ? undefined : headOfIndex(index, options.folder);
  const isJournaled = !options.isFull && !options.isDryRun && !attempts.isDistrusted;
  const { packBytes } = attempts;
  const from = { remote: connecting, isJournaled, packBytes };
  const early = guess === undefined ? undefined : new Taking(options, { ...from, head: guess, store: guess.store });
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
      Object.assign(progress, noProgress());
      const head = attempts.isDistrusted ? nothingKnown : await readHead(remote, index, options.folder);
      taking = new Taking(options, { ...from, head, store: remote.store });
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

/** An index that was made with other eyes proves nothing of what is seen now. */
function usableIndex({ indexFile }: PushOptions): PushIndex | undefined {
  const index = readPushIndex(indexFile);
  return index?.attributes === attributeSight() ? index : undefined;
}

function lossOfHead({ peer, head }: Remote): BakError {
  return new BakError("INCOMPLETE_COMMIT", `'${peer}' has lost something of the head '${head}'`);
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
    ruledOut: snapshot.ruledOut,
    moved: snapshot.moved,
    unreadAttributes: snapshot.unreadAttributes,
    filesRead: progress.filesRead,
    bytesRead: progress.bytesRead,
    upload: pipeline.uploader.counts,
  };
  // a name that could not be read is no change, and yet no longer in the tree
  const isTreeSame = snapshot.tree === undefined ? !snapshot.isChanged : snapshot.tree === head.commit?.tree;
  const isSame = head.commit !== undefined && isTreeSame && isSameAttributes(head.commit.root, snapshot.root);
  if (options.isDryRun || snapshot.tree === undefined) return { ...result, isUpToDate: isSame, commit: remote.head };
  const nextIndex = (commit: ObjectId, commitBytes: Uint8Array): NextIndex => {
    taking.kept.add(commit, commitBytes);
    const { folders } = snapshot;
    const attributes = attributeSight();
    return new NextIndex(options, {
      store: remote.store,
      commit,
      startedMs,
      attributes,
      folders,
      objects: taking.kept,
    });
  };
  const endJournal = (): void => taking.journal?.end();
  if (isSame && remote.head !== undefined && !options.isEmptyAllowed) {
    await pipeline.uploader.finish(); // what was read again and found to be missing in the store
    endJournal();
    const isIndexStale = !head.isIndexed || progress.filesRead > 0 || snapshot.isMoreProven;
    if (isIndexStale) nextIndex(remote.head, head.commitBytes).put();
    else forgetJournal(options);
    return { ...result, isUpToDate: true, commit: remote.head };
  }
  const bytes = encodeCommit(commitOf(snapshot, snapshot.tree, { remote, startedMs, options }));
  const id = objectIdOf(bytes);
  await pipeline.uploader.offer({ kind: "commit", id, bytes });
  await pipeline.uploader.finish();
  attempts.sent = { ...result, isUpToDate: false, commit: id };
  const committing = remote.commit(id, remote.head);
  committing.catch(() => undefined); // thrown below
  await new Promise((resolve) => setImmediate(resolve)); // it is on its way, and the store has to look through it
  const index = nextIndex(id, bytes);
  try {
    await committing;
  } catch (error) {
    index.discard();
    throw error;
  }
  endJournal();
  index.put();
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
    excludes: [
      ...rulesAsWritten(options.leaveOut ?? leaveNothingOut),
      ...snapshot.leftOut.map((path) => `/${path}` as ByteString),
    ],
    counts: snapshot.counts,
    users: namesOfOwners(snapshot.users, loadUserNames()),
    groups: namesOfOwners(snapshot.groups, loadGroupNames()),
    version: options.version,
  };
}

/** Who pushes; by number where the system has no name for it, as in a container that runs with any user id. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}
