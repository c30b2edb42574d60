/** Outlines of trees: the same as what `decodeTree` finds, of every tree, and of none that it refuses. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteStringFromText } from "../../src/objects/byte-string.js";
import type { Entry } from "../../src/objects/entry.js";
import { objectIdAt, type ObjectId } from "../../src/objects/object-id.js";
import { isPagedOutline, outlineTree } from "../../src/objects/tree-outline.js";
import { decodeTree, encodeTree, isPaged, maxTreeBytes, type Tree } from "../../src/objects/tree.js";
import { directories, treePages } from "../helpers/arbitraries.js";
import { mutationsOf } from "../helpers/arbitrary-bytes.js";
import { fifo, numberedNames } from "../helpers/arbitrary-directories.js";
import { holds } from "../helpers/arbitrary-properties.js";

/** What an outline should say, from the decoded tree. */
function expected(tree: Tree): unknown {
  if (isPaged(tree)) return tree;
  const { entries } = tree;
  const files = entries.filter((entry) => entry.kind === "file");
  return {
    level: 0,
    firstName: entries[0]?.name,
    lastName: entries.at(-1)?.name,
    dirs: entries.flatMap((each) => (each.kind === "dir" ? [{ name: each.name, tree: each.tree }] : [])),
    lists: files.flatMap(({ content, size }) => ("list" in content ? [{ list: content.list, size }] : [])),
    blobs: files.flatMap(({ content, size }) => ("blob" in content ? [{ blob: content.blob, size }] : [])),
  };
}

function outlined(bytes: Uint8Array): unknown {
  const outline = outlineTree(bytes);
  if (isPagedOutline(outline)) return outline;
  const { count, ids, sizes } = outline.blobs;
  const blobs = Array.from({ length: count }, (_, at) => ({ blob: objectIdAt(ids, at * 32), size: sizes[at] }));
  return { ...outline, blobs };
}

function resultOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return String(error);
  }
}

const isTheSame = (bytes: Uint8Array): boolean =>
  isDeepStrictEqual(
    resultOf(() => outlined(bytes)),
    resultOf(() => expected(decodeTree(bytes))),
  );

t.test("the outline of a tree is what its entries name", (t) => {
  const entries = directories(40);
  holds(
    t,
    "of entries",
    fc.property(entries, (entries) => isTheSame(encodeTree({ level: 0, entries }))),
    500,
  );
  const pages = fc.property(treePages, (pages) => isTheSame(encodeTree({ level: 2, pages })));
  holds(t, "of pages", pages);
  t.end();
});

const id = "5a".repeat(32) as ObjectId;
const attributes = { mode: 0o644, uid: 1000, gid: 70_000, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 200 };
const base = (name: string) => ({ name: byteStringFromText(name), ...attributes });
const extendedAttributes = [{ name: byteStringFromText("user.x"), value: new Uint8Array(3) }];

/** Every form of an entry, the common ones and the rare ones. */
const forms: Entry[] = [
  { ...base("a"), kind: "file", size: 300, content: { blob: id } },
  { ...base("a2"), kind: "file", size: 8 << 20, content: { blob: id }, extendedAttributes },
  { ...base("b"), kind: "file", size: 2 ** 40, content: { list: id, fileHash: id } },
  { ...base("b2"), kind: "file", size: 70_000, content: { list: id, fileHash: id }, hardLinkGroup: 1 },
  { ...base("c"), mtimeSeconds: -1, kind: "dir", tree: id },
  { ...base("d"), kind: "dir", tree: id },
  { ...base("e"), kind: "symlink", target: byteStringFromText("d") },
  { ...base("f"), kind: "char", major: 1, minor: 3 },
  fifo(byteStringFromText("g".repeat(300))),
  { ...base("h".repeat(255)), kind: "file", size: 0, content: { blob: id } },
];

t.test("a tree with any byte changed, added or taken has an outline where it decodes, and none where not", (t) => {
  const trees = [[], forms, ...forms.map((form) => [form])].map((entries) => encodeTree({ level: 0, entries }));
  const wrong: string[] = [];
  for (const tree of trees) {
    t.ok(isTheSame(tree));
    for (const bytes of mutationsOf(tree)) if (!isTheSame(bytes)) wrong.push(bytes.toString("hex"));
  }
  t.strictSame(wrong, []);
  t.end();
});

t.test("names that are unsafe, out of order, or there twice are refused", (t) => {
  const good = encodeTree({
    level: 0,
    entries: [base("ab"), base("b")].map((each) => ({ ...each, kind: "dir", tree: id })),
  });
  const at = [good.indexOf("ab"), good.lastIndexOf(Buffer.from([0xc4, 1, 0x62])) + 2] as const;
  for (const [where, text] of [
    [0, ".."],
    [0, "a/"],
    [0, "a\0"],
    [1, "."],
    [1, "a"],
    [0, "bb"],
  ] as const) {
    const bytes = Buffer.from(good);
    bytes.write(text, at[where], "latin1");
    t.throws(() => outlineTree(bytes), { code: "BAD_OBJECT" }, text);
    t.ok(isTheSame(bytes));
  }
  t.end();
});

t.test("trees of many entries, and too long ones", (t) => {
  for (const count of [15, 16, 0xffff, 0x10000]) {
    const entries = numberedNames(count).map((name) => fifo(name));
    t.ok(isTheSame(encodeTree({ level: 0, entries })), `${count}`);
  }
  t.ok(isTheSame(Buffer.alloc(maxTreeBytes + 1, encodeTree({ level: 0, entries: [] }))));
  t.end();
});
