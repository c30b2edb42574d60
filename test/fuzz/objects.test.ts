/** Trees, lists and commits from outside: each either is refused, or encodes to the same bytes again. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { isBakError } from "../../src/errors.js";
import type { ByteString } from "../../src/objects/byte-string.js";
import { decodeCommit, encodeCommit } from "../../src/objects/commit.js";
import { EntryCursor } from "../../src/objects/entry-cursor.js";
import { decodeList, encodeList } from "../../src/objects/list.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { isPagedOutline, outlineTree, type EntriesOutline } from "../../src/objects/tree-outline.js";
import { decodeTree, encodeTree, isPaged, type Tree } from "../../src/objects/tree.js";
import { commits, directories, lists, treePages } from "../helpers/arbitraries.js";
import { fifo, numberedNames } from "../helpers/arbitrary-directories.js";
import { fuzz } from "../helpers/fuzz.js";
import { messagePack } from "../helpers/messagepack-shape.js";

const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] => fc.sample(arbitrary, { seed: 1, numRuns });
const codes = ["BAD_OBJECT"] as const;

const differs = (bytes: Buffer, again: Uint8Array): string | undefined =>
  bytes.equals(again) ? undefined : `read as ${Buffer.from(again).toString("hex")}`;

const treeSeeds = [
  ...sample(directories(12), 60).map((entries) => encodeTree({ level: 0, entries })),
  ...sample(fc.tuple(fc.integer({ min: 1, max: 8 }), treePages), 20).map(([level, pages]) =>
    encodeTree({ level, pages }),
  ),
  encodeTree({ level: 0, entries: numberedNames(100).map(fifo) }),
];

t.test("trees", (t) =>
  fuzz(t, "decodeTree", {
    seeds: treeSeeds,
    shape: messagePack,
    codes,
    judge: (bytes) => differs(bytes, encodeTree(decodeTree(bytes))),
    count: 120_000,
  }),
);

/** What `outlineTree` should make of a tree. */
function outlineOf(tree: Tree): unknown {
  if (isPaged(tree)) return tree;
  const dirs = tree.entries.flatMap((each) => (each.kind === "dir" ? [{ name: each.name, tree: each.tree }] : []));
  const files = tree.entries.flatMap((each) => (each.kind === "file" ? [each] : []));
  return {
    level: 0,
    firstName: tree.entries[0]?.name,
    lastName: tree.entries.at(-1)?.name,
    dirs,
    lists: files.flatMap(({ content, size }) => ("list" in content ? [{ list: content.list, size }] : [])),
    blobs: files.flatMap(({ content, size }) => ("blob" in content ? [[content.blob, size]] : [])),
  };
}

function plainOutline(outline: EntriesOutline): unknown {
  const { count, ids, sizes } = outline.blobs;
  const hex = Buffer.from(ids).toString("hex");
  const blobs = Array.from({ length: count }, (_, at) => [hex.slice(at * 64, at * 64 + 64), sizes[at]]);
  return { ...outline, blobs };
}

t.test("the outlines of trees: what is accepted is what decodeTree accepts, and says the same", (t) =>
  fuzz(t, "outlineTree", {
    seeds: treeSeeds,
    shape: messagePack,
    codes,
    judge: (bytes) => {
      let outline;
      try {
        outline = outlineTree(bytes);
      } catch (error) {
        if (isBakError(error, "BAD_OBJECT")) decodeTree(bytes); // which has to throw, too
        throw error;
      }
      const plain = isPagedOutline(outline) ? outline : plainOutline(outline);
      return isDeepStrictEqual(plain, outlineOf(decodeTree(bytes)))
        ? undefined
        : `outlined as ${JSON.stringify(plain)}`;
    },
    count: 70_000,
  }),
);

/** Each entry as an EntryCursor tells of it. */
function* walk(cursor: EntryCursor): Generator<Record<string, unknown>> {
  while (cursor.next()) {
    const { name, kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, hasExtras } = cursor;
    const more = kind === "symlink" ? { target: cursor.target() } : kind === "dir" ? { tree: cursor.tree() } : {};
    yield { name, kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, hasExtras, ...more };
  }
}

const root = "ab".repeat(32) as ObjectId;

t.test("a cursor goes through whatever decodeTree accepts, and finds the same", (t) =>
  fuzz(t, "EntryCursor", {
    seeds: treeSeeds,
    shape: messagePack,
    codes,
    judge: (bytes) => {
      const tree = decodeTree(bytes);
      if (isPaged(tree)) return undefined;
      const found = [...walk(new EntryCursor(root, () => bytes))];
      const expected = tree.entries.map((entry) => {
        const { kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, extendedAttributes, hardLinkGroup } = entry;
        const size = kind === "file" ? entry.size : kind === "symlink" ? entry.target.length : 0;
        const hasExtras = extendedAttributes !== undefined || hardLinkGroup !== undefined;
        const more: { target?: ByteString; tree?: ObjectId } =
          kind === "symlink" ? { target: entry.target } : kind === "dir" ? { tree: entry.tree } : {};
        return { name: entry.name, kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, hasExtras, ...more };
      });
      return isDeepStrictEqual(found, expected) ? undefined : `walked as ${JSON.stringify(found)}`;
    },
    count: 70_000,
  }),
);

t.test("lists", (t) =>
  fuzz(t, "decodeList", {
    seeds: sample(lists, 60).map(encodeList),
    shape: messagePack,
    codes,
    judge: (bytes) => differs(bytes, encodeList(decodeList(bytes))),
    count: 70_000,
  }),
);

t.test("commits", (t) =>
  fuzz(t, "decodeCommit", {
    seeds: sample(commits, 60).map(encodeCommit),
    shape: messagePack,
    codes,
    judge: (bytes) => differs(bytes, encodeCommit(decodeCommit(bytes))),
    count: 70_000,
  }),
);
