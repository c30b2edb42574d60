/** Restores a commit that is named, and goes on with it over a new connection when one is lost. */
import type { ByteString } from "../objects/byte-string.js";
import type { Commit } from "../objects/commit.js";
import type { ObjectId } from "../objects/object-id.js";
import { findCommit, readCommit } from "./history.js";
import { Reconnects, type Reconnecting } from "./reconnects.js";
import type { Remote } from "./remote.js";
import { restore } from "./restore.js";
import type { RestoreEvent, RestoreOptions, RestoreResult } from "./restore-options.js";

export interface RestoreCommitOptions extends Omit<RestoreOptions, "onEvent"> {
  /** Says hello to the store, again after a connection broke. */
  connect: () => Promise<Remote>;
  /** Names the commit. */
  commit: string;
  /** Told what the commit says, before anything is restored. */
  onCommit: (content: Commit) => void;
  /** After a lost connection, what could not be restored is told once more if that is still so. */
  onEvent: (event: RestoreEvent | Reconnecting) => void;
}

/**
 * Rejects as `restore` does, and where the store has no such commit. What an earlier attempt has restored is right already
 * for the next, which does not fetch it again; that begins with the same commit, whatever the head is by then.
 */
export async function restoreCommit(options: RestoreCommitOptions): Promise<RestoreResult & { commit: ObjectId }> {
  const { progress, signal } = options;
  const reconnects = new Reconnects();
  let found: { id: ObjectId; content: Commit } | undefined;
  const before = { fetched: 0, mended: 0 };
  let [replaced, deleted] = [0, 0];
  /** What was told, and is met again by the next attempt. */
  const told = new Set<ByteString>();
  const onEvent = (event: RestoreEvent | Reconnecting): void => {
    if (event.type === "replaced" || event.type === "skipped") {
      if (told.has(event.path)) return;
      told.add(event.path);
      if (event.type === "replaced") replaced += 1;
    }
    if (event.type === "deleted") deleted += 1;
    options.onEvent(event);
  };
  for (;;) {
    Object.assign(progress, { files: 0, bytes: 0, filesFetched: 0, filesMended: 0 });
    let isConnected = false;
    let remote: Remote | undefined;
    const closeOnAbort = (): void => void remote?.close();
    signal?.addEventListener("abort", closeOnAbort, { once: true });
    try {
      remote = await options.connect();
      isConnected = true;
      if (found === undefined) {
        const id = await findCommit(remote, options.commit);
        found = { id, content: await readCommit(remote, id) };
        options.onCommit(found.content);
      }
      const result = await restore(remote, found, { ...options, onEvent });
      const left = Math.max(result.left - before.fetched - before.mended, 0); // not what we have made right ourselves
      return { ...result, left, changed: result.changed + before.mended, replaced, deleted, commit: found.id };
    } catch (error) {
      signal?.throwIfAborted();
      before.fetched += progress.filesFetched;
      before.mended += progress.filesMended;
      await reconnects.wait({ error, isConnected, hasHeadway: progress.filesFetched > 0 }, { onEvent, signal });
    } finally {
      signal?.removeEventListener("abort", closeOnAbort);
      await remote?.close();
    }
  }
}
