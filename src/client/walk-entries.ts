/** All that lies beneath a tree, one entry after the other: in byte order, each folder before what is in it. */
import { joinPath, type ByteString } from "../objects/byte-string.js";
import type { Entry } from "../objects/entry.js";
import type { ObjectId } from "../objects/object-id.js";
import type { TreeSource } from "./tree-source.js";

/** An entry and where it is. */
export interface WalkedEntry {
  /** Within the commit. */
  readonly path: ByteString;
  readonly entry: Entry;
}

/** Walks beneath the folder at `path`, whose tree is given; fetches trees as they are needed, where they are not there. */
export async function* walkEntries(
  trees: Pick<TreeSource, "openFolder">,
  tree: ObjectId,
  path: ByteString,
): AsyncGenerator<WalkedEntry, void, undefined> {
  const open = [{ path, entries: (await trees.openFolder(tree))[Symbol.iterator]() }];
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const next = at.entries.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const entry = next.value;
    const its = joinPath(at.path, entry.name);
    yield { path: its, entry };
    if (entry.kind === "dir")
      open.push({ path: its, entries: (await trees.openFolder(entry.tree))[Symbol.iterator]() });
  }
}
