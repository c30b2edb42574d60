/** The objects of a folder, made by hand. */
import { byteStringFromText } from "../../src/objects/byte-string.js";
import { encodeCommit, type Commit } from "../../src/objects/commit.js";
import type { Entry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import type { PackedObject } from "../../src/objects/object-kind.js";
import { parseProjectId } from "../../src/objects/project-id.js";
import { encodeTree } from "../../src/objects/tree.js";
import { blob, object } from "./store-pack.js";

export type Made = PackedObject<ObjectId>;

export const testProject = parseProjectId("laptop");

export const plainAttributes = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1_600_000_000, mtimeNanoseconds: 5 };

/** A file's entry. */
export function fileEntry(name: string, content: Made): Entry {
  return {
    name: byteStringFromText(name),
    ...plainAttributes,
    kind: "file",
    size: content.bytes.length,
    content: { blob: content.id },
  };
}

/** A folder's entry. */
export function dirEntry(name: string, tree: Made | ObjectId): Entry {
  const id = typeof tree === "string" ? tree : tree.id;
  return { name: byteStringFromText(name), ...plainAttributes, mode: 0o755, kind: "dir", tree: id };
}

/** A tree of entries that stand in order. */
export function treeOf(...entries: Entry[]): Made {
  return object("tree", encodeTree({ level: 0, entries }));
}

/** A commit of a tree. */
export function commitOf(tree: Made | ObjectId, changes: Partial<Commit> = {}): Made {
  const commit: Commit = {
    tree: typeof tree === "string" ? tree : tree.id,
    root: { ...plainAttributes, mode: 0o755 },
    parent: undefined,
    project: testProject,
    host: "host",
    user: "user",
    path: byteStringFromText("/home/user"),
    startedMs: 1000,
    endedMs: 2000,
    message: "",
    tags: [],
    excludes: [],
    counts: { files: 1, dirs: 0, bytes: 1, changed: 0, added: 1, removed: 0, unreadable: 0 },
    users: [],
    groups: [],
    version: "0",
    ...changes,
  };
  return object("commit", encodeCommit(commit));
}

/** A folder with one file of the text: its blob, tree and commit. */
export function oneFile(text: string, changes: Partial<Commit> = {}): { blob: Made; tree: Made; commit: Made } {
  const content = blob(text);
  const tree = treeOf(fileEntry("file", content));
  return { blob: content, tree, commit: commitOf(tree, changes) };
}
