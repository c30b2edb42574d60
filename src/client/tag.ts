/** Other tags for commits that are there already: a commit never changes, so another takes its place in the project's log. */
import { BakError } from "../errors.js";
import { compareTags, encodeCommit, maxTagBytes, maxTags, type Commit } from "../objects/commit.js";
import { packMember } from "../objects/member-codec.js";
import { encodeMemberTar } from "../objects/member-tar.js";
import { objectIdOf, type ObjectId } from "../objects/object-id.js";
import { oneLine } from "../objects/one-line.js";
import { memberHeadroomBytes } from "../protocol/message-codec.js";
import { findCommit, readCommit } from "./history.js";
import type { Remote } from "./remote.js";

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

/** Changes the tags of commits, named as `findCommit` takes names, one after the other. */
export async function tagCommits(remote: Remote, names: readonly string[], change: TagChange): Promise<Tagged[]> {
  const found: { id: ObjectId; content: Commit; tags: string[] }[] = [];
  for (const name of names) {
    const id = await findCommit(remote, name);
    if (found.some((each) => each.id === id)) continue;
    const content = await readCommit(remote, id);
    found.push({ id, content, tags: changeTags(content.tags, change) }); // nothing is changed where one can't be
  }
  const tagged: Tagged[] = [];
  for (const { id, content, tags } of found) {
    const bytes = encodeCommit({ ...content, tags });
    const after = objectIdOf(bytes);
    if (after !== id) {
      await upload(remote, { id: after, bytes });
      if (!(await remote.replace(id, after))) {
        throw new BakError("NO_COMMIT", `commit '${id}' is not in the log any more`, {
          hint: "somebody has forgotten or tagged it meanwhile",
        });
      }
    }
    tagged.push({ before: id, after, tags });
  }
  return tagged;
}

/** A pack with one commit. */
async function upload(remote: Remote, { id, bytes }: { id: ObjectId; bytes: Uint8Array }): Promise<void> {
  const member = packMember(await encodeMemberTar([{ kind: "commit", id, bytes }]), "gzip");
  const room = new Uint8Array(memberHeadroomBytes + member.length);
  room.set(member, memberHeadroomBytes);
  const pack = await remote.upload();
  await pack.add(room, () => undefined);
  await pack.finish();
}
