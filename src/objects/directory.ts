/** Directories as the sequence of their entries, whether they are one tree or many pages. */
import { BakError } from "../errors.js";
import type { ByteString } from "./byte-string.js";
import type { Entry } from "./entry.js";
import type { ObjectId } from "./object-id.js";
import { decodeTree, isPaged, type Tree, type TreePage } from "./tree.js";

/** Gives the bytes of a tree; throws where it has none of that id. */
export type TreeLoader = (id: ObjectId) => Uint8Array;

/**
 * The entries of a directory in byte order of their names. Throws BAD_OBJECT where its pages are not those of one
 * directory: of another level than they should be, or out of order. With `passOver`, which is given what `load` threw for a
 * page and may throw it again, the other pages are read all the same.
 */
export function* readDirectory(
  id: ObjectId,
  load: TreeLoader,
  passOver?: (error: unknown) => void,
): Generator<Entry, void, undefined> {
  const tree = decodeTree(load(id));
  let last: ByteString | undefined;
  for (const entry of readPages(tree, load, passOver ?? rethrow)) {
    if (last !== undefined && entry.name <= last)
      throw new BakError("BAD_OBJECT", "malformed tree: pages out of order");
    last = entry.name;
    yield entry;
  }
}

/** The entry of one name, found without reading the pages that cannot hold it; undefined if the directory has none. */
export function findEntry(id: ObjectId, name: ByteString, load: TreeLoader): Entry | undefined {
  let tree = decodeTree(load(id));
  while (isPaged(tree)) {
    const page = tree.pages.findLast((each) => each.firstName <= name);
    if (page === undefined) return undefined;
    tree = loadPage(page, tree.level - 1, load);
  }
  return tree.entries.find((entry) => entry.name === name);
}

/** The ids of trees that a tree names itself: pages where it has pages, else folders. */
export function* treesIn(tree: Tree): Generator<ObjectId, void, undefined> {
  if (isPaged(tree)) {
    for (const page of tree.pages) yield page.id;
  } else {
    for (const entry of tree.entries) if (entry.kind === "dir") yield entry.tree;
  }
}

function* readPages(
  tree: Tree,
  load: TreeLoader,
  passOver: (error: unknown) => void,
): Generator<Entry, void, undefined> {
  if (!isPaged(tree)) {
    yield* tree.entries;
    return;
  }
  for (const page of tree.pages) {
    let below: Tree;
    try {
      below = loadPage(page, tree.level - 1, load);
    } catch (error) {
      passOver(error);
      continue;
    }
    yield* readPages(below, load, passOver);
  }
}

function rethrow(error: unknown): never {
  throw error;
}

/** One level less at every step, so pages that name each other in a circle end too. */
function loadPage(page: TreePage, level: number, load: TreeLoader): Tree {
  const tree = decodeTree(load(page.id));
  if (tree.level !== level) {
    throw new BakError("BAD_OBJECT", `malformed tree: page of level ${tree.level}, not ${level}`);
  }
  const firstName = isPaged(tree) ? tree.pages[0]?.firstName : tree.entries[0]?.name;
  if (firstName !== page.firstName) throw new BakError("BAD_OBJECT", "malformed tree: page with another first name");
  return tree;
}
