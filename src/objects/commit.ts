/**
 * Commits: a folder as it was at one time, and who kept it, where and when.
 *
 *     commit = [1, tree id, root, parent id | nil, project, host, user, path, started, ended, message,
 *               [tag, …], [exclude rule, …], counts, [[uid, name], …], [[gid, name], …], bak's version]
 *     root   = [mode, uid, gid, seconds, nanoseconds, [[name, value], …]]       the folder itself
 *     counts = [files, dirs, bytes, changed, added, removed, unreadable]
 */
import { BakError } from "../errors.js";
import { CanonicalReader } from "./canonical-reader.js";
import { CanonicalWriter } from "./canonical-writer.js";
import type { ByteString } from "./byte-string.js";
import {
  readAttributes,
  readExtendedAttributes,
  writeAttributes,
  writeExtendedAttributes,
  type Attributes,
} from "./entry.js";
import { objectIdBytes, type ObjectId } from "./object-id.js";
import { maxObjectBytes } from "./object-kind.js";
import { isProjectId, type ProjectId } from "./project-id.js";

/** The version of the commit format that this code writes, and the only one it reads. */
export const commitVersion = 1;
export const maxMessageBytes = 1 << 16;
export const maxTags = 256;
export const maxTagBytes = 256;
const maxTextBytes = 1024;
/** The longest name of a user or group. */
export const maxOwnerNameBytes = maxTextBytes;
const maxPathBytes = 1 << 16;
const maxRules = 1 << 16;
const maxRuleBytes = 1 << 14;
/** How many users, and how many groups, a commit names at most. */
export const maxOwners = 1 << 16;
const maxOwnerId = 0xffffffff;

export interface CommitCounts {
  /** Everything that is not a folder. */
  readonly files: number;
  /** Folders, the root itself not among them. */
  readonly dirs: number;
  /** Sum of the files' sizes in bytes. */
  readonly bytes: number;
  /** Against the parent: names whose content or metadata is another. */
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  /** Names that could not be read and are therefore not in the tree. */
  readonly unreadable: number;
}

/** The name of a user or group that entries of the tree belong to. */
export interface OwnerName {
  readonly id: number;
  readonly name: ByteString;
}

export interface Commit {
  readonly tree: ObjectId;
  /** The folder's own mode, owner and mtime, which no entry holds. */
  readonly root: Attributes;
  readonly parent: ObjectId | undefined;
  readonly project: ProjectId;
  readonly host: string;
  readonly user: string;
  /** Absolute path of the folder on that host. */
  readonly path: ByteString;
  /** When the client began to scan, and when it made the commit: milliseconds since 1970, by the client's clock. */
  readonly startedMs: number;
  readonly endedMs: number;
  readonly message: string;
  /** Sorted, each once. */
  readonly tags: readonly string[];
  /** The rules that left names out, as they were written, in their order; bytes, as the names in them are. */
  readonly excludes: readonly ByteString[];
  readonly counts: CommitCounts;
  /** Sorted by id, each once. */
  readonly users: readonly OwnerName[];
  readonly groups: readonly OwnerName[];
  /** The version of bak that made the commit. */
  readonly version: string;
}

const countKeys = ["files", "dirs", "bytes", "changed", "added", "removed", "unreadable"] as const;

/** The canonical bytes of a commit. Throws BAD_OBJECT for one that `decodeCommit` would refuse: too long, or out of order. */
export function encodeCommit(commit: Commit): Buffer {
  const writer = new CanonicalWriter(512);
  writer.array(17);
  writer.integer(commitVersion);
  writer.binary(objectIdBytes(commit.tree));
  writer.array(6);
  writeAttributes(writer, commit.root);
  writeExtendedAttributes(writer, commit.root.extendedAttributes ?? []);
  if (commit.parent === undefined) writer.nil();
  else writer.binary(objectIdBytes(commit.parent));
  writer.text(commit.project);
  writer.text(commit.host);
  writer.text(commit.user);
  writer.name(commit.path);
  writer.integer(commit.startedMs);
  writer.integer(commit.endedMs);
  writer.text(commit.message);
  writer.array(commit.tags.length);
  for (const tag of commit.tags) writer.text(tag);
  writer.array(commit.excludes.length);
  for (const rule of commit.excludes) writer.name(rule);
  writer.array(countKeys.length);
  for (const key of countKeys) writer.integer(commit.counts[key]);
  for (const owners of [commit.users, commit.groups]) {
    writer.array(owners.length);
    for (const owner of owners) {
      writer.array(2);
      writer.integer(owner.id);
      writer.name(owner.name);
    }
  }
  writer.text(commit.version);
  const bytes = writer.finish();
  decodeCommit(bytes); // a commit is made once a push: better refused here than by the store, or at a restore
  return bytes;
}

/** The commit that the bytes are; throws BAD_OBJECT for any bytes that `encodeCommit` does not make. */
export function decodeCommit(bytes: Uint8Array): Commit {
  if (bytes.length > maxObjectBytes) throw new BakError("BAD_OBJECT", "malformed commit: beyond 8 MiB");
  const reader = new CanonicalReader(bytes, "commit");
  reader.versioned(commitVersion, 17);
  const commit: Commit = {
    tree: reader.objectId(),
    root: readRoot(reader),
    parent: reader.nil() ? undefined : reader.objectId(),
    project: readProject(reader),
    host: reader.text(maxTextBytes),
    user: reader.text(maxTextBytes),
    path: reader.name(0, maxPathBytes),
    startedMs: reader.unsigned(),
    endedMs: reader.unsigned(),
    message: reader.text(maxMessageBytes),
    tags: readTags(reader),
    excludes: readRules(reader),
    counts: readCounts(reader),
    users: readOwners(reader),
    groups: readOwners(reader),
    version: reader.text(maxTextBytes),
  };
  reader.end();
  return commit;
}

function readRoot(reader: CanonicalReader): Attributes {
  reader.array(6, 6);
  const attributes = readAttributes(reader);
  const extended = readExtendedAttributes(reader, 0);
  return extended.length === 0 ? attributes : { ...attributes, extendedAttributes: extended };
}

function readProject(reader: CanonicalReader): ProjectId {
  const text = reader.text(128);
  if (!isProjectId(text)) throw reader.refuse("not a project id");
  return text;
}

function readRules(reader: CanonicalReader): ByteString[] {
  const count = reader.array(0, maxRules);
  return Array.from({ length: count }, () => reader.name(1, maxRuleBytes));
}

/** Sorted as their UTF-8 bytes are, which is not how JavaScript compares texts. */
function readTags(reader: CanonicalReader): string[] {
  const count = reader.array(0, maxTags);
  const tags = Array.from({ length: count }, () => reader.text(maxTagBytes));
  const inOrder = tags.every((tag, index) => index === 0 || compareTags(tags[index - 1] as string, tag) < 0);
  if (!inOrder) throw reader.refuse("tags out of order");
  return tags;
}

/** The order of tags in a commit: that of their bytes. */
export function compareTags(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function readCounts(reader: CanonicalReader): CommitCounts {
  reader.array(countKeys.length, countKeys.length);
  return {
    files: reader.unsigned(),
    dirs: reader.unsigned(),
    bytes: reader.unsigned(),
    changed: reader.unsigned(),
    added: reader.unsigned(),
    removed: reader.unsigned(),
    unreadable: reader.unsigned(),
  };
}

function readOwners(reader: CanonicalReader): OwnerName[] {
  const count = reader.array(0, maxOwners);
  const owners: OwnerName[] = [];
  for (let index = 0; index < count; index += 1) {
    reader.array(2, 2);
    const id = reader.unsigned(maxOwnerId);
    if (index > 0 && id <= (owners[index - 1] as OwnerName).id) throw reader.refuse("owners out of order");
    owners.push({ id, name: reader.name(1, maxOwnerNameBytes) });
  }
  return owners;
}
