/** Other tags for commits that are there already: a commit never changes, so another takes its place in the project's log. */
import { BakError } from "../errors.js";
import { compareTags, encodeCommit, maxTagBytes, maxTags } from "../objects/commit.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import type { PackedObject } from "../objects/object-kind.js";
import { oneLine } from "../objects/one-line.js";
import { packTargetBytes } from "../objects/pack-format.js";
import { chooseCodec } from "./choose-codec.js";
import { findCommit, readCommit } from "./history.js";
import { createPushPool } from "./push-work.js";
import type { Remote } from "./remote.js";
import { Uploader } from "./upload.js";

/** What is done to a commit's tags, in this order. */
export interface TagChange {
  /** All that it has from now on. */
  readonly set?: readonly string[] | undefined;
  readonly remove: readonly string[];
  readonly add: readonly string[];
}

export interface Tagged {
  readonly before: ObjectId;
  /** The same where nothing had to be changed. */
  readonly after: ObjectId;
  readonly tags: readonly string[];
}

/** The tags that come of a change; throws USAGE where a commit can't have them. */
export function changeTags(tags: readonly string[], { set, remove, add }: TagChange): string[] {
  const kept = (set ?? tags).filter((tag) => !remove.includes(tag));
  const changed = [...new Set([...kept, ...add])].toSorted(compareTags);
  assertTags(changed);
  return changed;
}

/** Throws USAGE for tags that a commit can't have. */
export function assertTags(tags: readonly string[]): void {
  if (tags.length > maxTags) throw new BakError("USAGE", `more than ${maxTags} tags`);
  for (const tag of tags) {
    const isUsable = tag !== "" && Buffer.byteLength(tag) <= maxTagBytes && oneLine(tag) === tag;
    if (!isUsable)
      throw new BakError("USAGE", `not a tag: '${oneLine(tag.slice(0, 80))}'`, {
        hint: `use 1 to ${maxTagBytes} bytes on one line`,
      });
  }
}

/**
 * Changes the tags of commits, named as `findCommit` takes names, one after the other. Rejects with NO_COMMIT where one of them
 * is not there, or not any more, and with USAGE for tags that one can't have; those before it may have been changed by then.
 */
export async function tagCommits(remote: Remote, names: readonly string[], change: TagChange): Promise<Tagged[]> {
  const found = new Map<ObjectId, Tagged & { readonly bytes: Uint8Array }>();
  for (const name of names) {
    const id = await findCommit(remote, name);
    if (found.has(id)) continue;
    const content = await readCommit(remote, id);
    const tags = changeTags(content.tags, change);
    const bytes = encodeCommit({ ...content, tags });
    found.set(id, { before: id, after: objectIdOf(bytes), tags, bytes });
  }
  const tagged = [...found.values()];
  const changed = tagged.filter(({ before, after }) => before !== after);
  await upload(
    remote,
    changed.map(({ after, bytes }) => ({ kind: "commit", id: after, bytes })),
  );
  for (const { before, after } of changed) {
    if (await remote.replace(before, after)) continue;
    throw new BakError("NO_COMMIT", `commit '${before}' is not in the log any more`, {
      hint: "somebody has forgotten or tagged it meanwhile",
    });
  }
  return tagged.map(({ before, after, tags }) => ({ before, after, tags }));
}

/** Resolves once the store has the commits on stable storage. */
async function upload(remote: Remote, commits: readonly PackedObject<ObjectId>[]): Promise<void> {
  const compression = Promise.resolve({ codec: chooseCodec(remote, undefined), level: undefined });
  const uploader = new Uploader(remote, { pool: createPushPool(0), compression, packBytes: packTargetBytes });
  for (const commit of commits) await uploader.offer(commit);
  await uploader.finish();
}
