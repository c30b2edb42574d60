/** Trees: golden bytes, hostile bytes, and how a large directory is cut into pages. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import type { Entry } from "../../src/objects/entry.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import {
  decodeTree,
  emptyTree,
  encodeTree,
  isPaged,
  maxPageBytes,
  maxTreeLevel,
  maxUnpagedBytes,
  maxUnpagedEntries,
  minPageElements,
  nameHash,
  TreeBuilder,
  type Tree,
  maxTreeBytes,
} from "../../src/objects/tree.js";
import { directories, treePages } from "../helpers/arbitraries.js";
import { hexBytes, lengthsNotRefused, misreading, mutationsOf, withBuffers } from "../helpers/arbitrary-bytes.js";
import {
  buildDirectory,
  fifo,
  loaderOf,
  numberedNames,
  type BuiltDirectory,
} from "../helpers/arbitrary-directories.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;
const text = byteStringFromText;

const fifoHex = (name: string): string => `99c40${name.length / 2}${name}03000000000000c0`;

const golden: [string, Tree, string[]][] = [
  ["an empty directory", emptyTree, ["93", "01", "00", "90"]],
  [
    "a directory",
    { level: 0, entries: [fifo(text("B")), fifo(text("a")), fifo(text("ab"))] },
    ["93", "01", "00", "93", fifoHex("42"), fifoHex("61"), fifoHex("6162")],
  ],
  [
    "pages",
    {
      level: 1,
      pages: [
        { firstName: text("a"), id: two },
        { firstName: text("b"), id: one },
      ],
    },
    ["93", "01", "01", "92", `92c40161c420${two}`, `92c40162c420${one}`],
  ],
];

const reencode = (bytes: Uint8Array): Buffer => encodeTree(decodeTree(bytes));

/** Every tree beneath the root, by level, each level in order. */
function levelsOf(built: BuiltDirectory): Tree[][] {
  const load = loaderOf(built);
  const levels: Tree[][] = [[decodeTree(load(built.root))]];
  for (;;) {
    const below = (levels[0] ?? []).flatMap((tree) =>
      isPaged(tree) ? tree.pages.map(({ id }) => decodeTree(load(id))) : [],
    );
    if (below.length === 0) return levels;
    levels.unshift(below);
  }
}

const entriesOf = (tree: Tree): readonly Entry[] => (isPaged(tree) ? [] : tree.entries);

function withAttribute(name: ByteString, valueBytes: number): Entry {
  return { ...fifo(name), extendedAttributes: [{ name: text("user.x"), value: Buffer.alloc(valueBytes, 1) }] };
}

t.test("a tree has its golden bytes", (t) => {
  for (const [what, tree, hex] of golden) {
    t.equal(encodeTree(tree).toString("hex"), hex.join(""), what);
    t.strictSame(decodeTree(hexBytes(...hex)), tree, `${what}, read`);
  }
  t.strictSame([maxUnpagedEntries, maxUnpagedBytes, minPageElements, maxPageBytes], [1024, 262_144, 16, 2_097_152]);
  t.end();
});

t.test("any tree is read as it was written", (t) => {
  const same = (tree: Tree): boolean => isDeepStrictEqual(withBuffers(decodeTree(encodeTree(tree))), withBuffers(tree));
  holds(
    t,
    "directories",
    fc.property(directories(20), (entries) => same({ level: 0, entries })),
  );
  const paged = fc.property(treePages, fc.integer({ min: 1, max: 8 }), (pages, level) => same({ level, pages }));
  holds(t, "pages", paged);
  t.end();
});

t.test("spoiled bytes are refused, or are those of another tree", (t) => {
  for (const [what, , hex] of golden) {
    const wrong = [...mutationsOf(hexBytes(...hex))].filter(
      (bytes) => misreading(bytes, reencode, "BAD_OBJECT") !== undefined,
    );
    t.strictSame(wrong, [], what);
    t.strictSame(
      lengthsNotRefused(hexBytes(...hex), decodeTree, "BAD_OBJECT"),
      [],
      `${what}, and each beginning of it`,
    );
  }
  const spoiled = fc.tuple(directories(4), fc.nat(), fc.nat(255)).map(([entries, at, byte]) => {
    const bytes = encodeTree({ level: 0, entries });
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  const refused = fc.property(spoiled, (bytes) => misreading(bytes, reencode, "BAD_OBJECT") === undefined);
  holds(t, "any directory with any byte replaced", refused, 2000);
  const random = fc.property(
    fc.uint8Array({ maxLength: 60 }),
    (bytes) => misreading(bytes, reencode, "BAD_OBJECT") === undefined,
  );
  holds(t, "random bytes", random, 2000);
  t.end();
});

t.test("every malformed tree is refused", (t) => {
  const [a, b] = [fifoHex("61"), fifoHex("62")];
  const page = (name: string): string => `92c40${name.length / 2}${name}c420${one}`;
  const malformed: [string, string[]][] = [
    ["nothing", [""]],
    ["another version", ["93", "02", "00", "90"]],
    ["version 0", ["93", "00", "00", "90"]],
    ["two fields", ["92", "01", "00"]],
    ["four fields", ["94", "01", "00", "90", "90"]],
    ["a level beyond any", ["93", "01", "09", "91", page("61")]],
    ["a negative level", ["93", "01", "ff", "90"]],
    ["names out of order", ["93", "01", "00", "92", b, a]],
    ["a name twice", ["93", "01", "00", "92", a, a]],
    ["a name that climbs", ["93", "01", "00", "91", fifoHex("2e2e")]],
    ["a name with a slash", ["93", "01", "00", "91", fifoHex("612f62")]],
    ["a name with a NUL", ["93", "01", "00", "91", fifoHex("6100")]],
    ["fewer entries than it says", ["93", "01", "00", "92", a]],
    ["more entries than it says", ["93", "01", "00", "91", a, b]],
    ["very many entries", ["93", "01", "00", "ddffffffff", a]],
    ["no pages", ["93", "01", "01", "90"]],
    ["entries where pages should be", ["93", "01", "01", "91", a]],
    ["pages where entries should be", ["93", "01", "00", "91", page("61")]],
    ["pages out of order", ["93", "01", "01", "92", page("62"), page("61")]],
    ["a page twice", ["93", "01", "01", "92", page("61"), page("61")]],
    ["a page from a name that climbs", ["93", "01", "01", "91", page("2e2e")]],
    ["a page without a name", ["93", "01", "01", "91", page("")]],
    ["a page with a short id", ["93", "01", "01", "91", `92c40161c41f${"11".repeat(31)}`]],
    ["a page with more", ["93", "01", "01", "91", `93c40161c420${one}c0`]],
  ];
  for (const [what, hex] of malformed) t.throws(() => decodeTree(hexBytes(...hex)), { code: "BAD_OBJECT" }, what);
  const tooLong = { code: "BAD_OBJECT", message: /longer than any/ };
  t.throws(() => decodeTree(Buffer.alloc(maxTreeBytes + 1)), tooLong, "more than a full page");
  t.end();
});

t.test("a directory of up to 1,024 entries is one tree, whose bytes are those of its entries", (t) => {
  for (const count of [0, 1, 2, 1023, maxUnpagedEntries]) {
    const entries = numberedNames(count).map(fifo);
    const { root, made } = buildDirectory(entries);
    t.equal(made.size, 1, `${count} entries`);
    t.strictSame(made.get(root), encodeTree({ level: 0, entries }));
  }
  t.equal(buildDirectory([]).root, objectIdOf(encodeTree(emptyTree)));
  t.end();
});

t.test("one entry more makes pages", (t) => {
  const built = buildDirectory(numberedNames(maxUnpagedEntries + 1).map(fifo));
  const [leaves, roots] = levelsOf(built);
  t.equal(roots?.length, 1);
  t.ok((leaves?.length ?? 0) > 1);
  t.equal([...built.made.keys()].at(-1), built.root, "the root is emitted last");
  t.end();
});

t.test("256 KiB of entries are one tree, and a byte more makes pages", (t) => {
  const names = numberedNames(800);
  const sized = (last: number): Entry[] => names.map((name, index) => withAttribute(name, index === 799 ? last : 256));
  const headBytes = 6; // 93 01 00 dc0320
  const bytesOf = (entries: Entry[]): number => encodeTree({ level: 0, entries }).length - headBytes;
  const last = 256 + maxUnpagedBytes - bytesOf(sized(256));
  t.equal(bytesOf(sized(last)), maxUnpagedBytes);
  t.equal(buildDirectory(sized(last)).made.size, 1);
  t.ok(buildDirectory(sized(last + 1)).made.size > 1);
  t.end();
});

t.test("a page ends at a name whose hash says so, from its 16th element on", (t) => {
  const levels = levelsOf(buildDirectory(numberedNames(50_000).map(fifo)));
  t.equal(levels.length, 3);
  const lastOf = (tree: Tree): ByteString => {
    const last = isPaged(tree) ? tree.pages.at(-1)?.firstName : tree.entries.at(-1)?.name;
    return last as ByteString;
  };
  const leaves = levels[0] ?? [];
  const ends = (name: ByteString, bits: number): boolean => (nameHash(name) & (2 ** bits - 1)) === 0;
  for (const [index, leaf] of leaves.entries()) {
    const entries = entriesOf(leaf);
    const isRight = index === leaves.length - 1 || (entries.length >= minPageElements && ends(lastOf(leaf), 7));
    if (!isRight) t.fail(`page ${index} of ${entries.length} names ends with another name`);
    if (entries.slice(minPageElements - 1, -1).some(({ name }) => ends(name, 7)))
      t.fail(`page ${index} goes on too long`);
  }
  t.ok(leaves.length > 250 && leaves.length < 500, `${leaves.length} pages of about 144 names`);
  t.strictSame(
    leaves.flatMap((leaf) => entriesOf(leaf).map(({ name }) => name)),
    numberedNames(50_000),
  );
  t.end();
});

t.test("the hash of a name is FNV-1a with a finalizer, and keeps its values", (t) => {
  // computed with a Python of the two published algorithms
  const known: [string, number][] = [
    ["", 0xab3e7c0b],
    ["a", 0x1a80b1b3],
    ["foobar", 0x0c0da6dc],
    ["file-0000001", 0x48149703],
  ];
  for (const [name, hash] of known) t.equal(nameHash(text(name)), hash, name);
  t.end();
});

t.test("equal entries make equal trees, whatever was built before", (t) => {
  const entries = numberedNames(3000).map(fifo);
  t.strictSame(buildDirectory(entries), buildDirectory(entries));
  const without = buildDirectory(entries.toSpliced(1500, 1));
  t.not(without.root, buildDirectory(entries).root);
  t.end();
});

t.test("one name more among 200,000 rewrites fewer than five trees", (t) => {
  const entries = numberedNames(200_000).map(fifo);
  const { made } = buildDirectory(entries);
  for (const name of ["a", "file-0000000x", "file-0077777x", "file-0100000x", "file-0199999x", "z"]) {
    const entry = fifo(text(name));
    const at = entries.findIndex((each) => each.name > entry.name);
    const after = buildDirectory(at < 0 ? [...entries, entry] : entries.toSpliced(at, 0, entry));
    const rewritten = [...after.made].filter(([id]) => !made.has(id));
    const bytes = rewritten.reduce((sum, [, each]) => sum + each.length, 0);
    t.ok(rewritten.length >= 2 && rewritten.length < 5, `'${name}': ${rewritten.length} trees, ${bytes} bytes`);
  }
  t.end();
});

t.test("removing or changing any one of 3,000 entries rewrites few trees", (t) => {
  const entries = numberedNames(3000).map(fifo);
  const { made } = buildDirectory(entries);
  let most = 0;
  for (let at = 0; at < entries.length; at += 37) {
    const changed = entries.with(at, { ...fifo((entries[at] as Entry).name), mode: 1 });
    for (const after of [entries.toSpliced(at, 1), changed]) {
      const rewritten = [...buildDirectory(after).made.keys()].filter((id) => !made.has(id)).length;
      most = Math.max(most, rewritten);
    }
  }
  t.ok(most >= 2 && most <= 4, `${most} at most`);
  t.end();
});

t.test("large attributes make pages by their bytes, none of them beyond 2 MiB", (t) => {
  const entries = numberedNames(40).map((name) => withAttribute(name, 1_000_000));
  const levels = levelsOf(buildDirectory(entries));
  t.equal(levels.length, 2);
  t.equal(levels[0]?.length, 20, "two to a page");
  const sizes = (levels[0] ?? []).map((leaf) => encodeTree(leaf).length);
  t.ok(Math.max(...sizes) <= maxPageBytes + 16);
  t.ok(isDeepStrictEqual((levels[0] ?? []).flatMap(entriesOf), entries));
  t.end();
});

t.test("names that all end a page make 16 to a page, not a level for every doubling", (t) => {
  const chosen = namesOfHashZero();
  t.ok(chosen.length > 600 && chosen.every((name) => nameHash(name) === 0), `${chosen.length} names`);
  const names = [...chosen, ...numberedNames(1000)].toSorted((a, b) => (a < b ? -1 : 1));
  const levels = levelsOf(buildDirectory(names.map(fifo)));
  t.ok(levels.length <= 4, `${levels.length} levels`);
  t.strictSame(
    levels[0]?.flatMap((leaf) => entriesOf(leaf).map(({ name }) => name)),
    names,
  );
  t.ok((levels[0] ?? []).slice(0, -1).every((leaf) => entriesOf(leaf).length >= 16));
  t.ok(16 ** maxTreeLevel > 2 ** 31, "so that no directory is too large");
  t.end();
});

/**
 * Hundreds of names of eight chars that end a page of every level, as somebody might choose them: the hash can be
 * computed backward, so half of a name is tried from its beginning and half from its end.
 */
function namesOfHashZero(): ByteString[] {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  const count = alphabet.length ** 4;
  const prime = 0x01000193;
  let inverse = 1;
  for (let step = 0; step < 5; step += 1) inverse = Math.imul(inverse, 2 - Math.imul(prime, inverse));
  const half = (index: number): string => {
    const chars = [1, 38, 38 ** 2, 38 ** 3].map((place) => alphabet[Math.floor(index / place) % 38]);
    return chars.join("");
  };
  const codes = Int32Array.from(alphabet, (char) => char.charCodeAt(0));
  const states = new Int32Array(count);
  const buckets = new Int32Array(1 << 22).fill(-1);
  for (let index = 0; index < count; index += 1) {
    let hash = 0x811c9dc5;
    for (let place = 0, rest = index; place < 4; place += 1, rest = Math.floor(rest / 38)) {
      hash = Math.imul(hash ^ (codes[rest % 38] as number), prime);
    }
    states[index] = hash;
    buckets[hash & 0x3fffff] = index;
  }
  const names: ByteString[] = [];
  for (let index = 0; index < count; index += 1) {
    let hash = 0;
    for (let place = 3; place >= 0; place -= 1) {
      hash = Math.imul(hash, inverse) ^ (codes[Math.floor(index / 38 ** place) % 38] as number);
    }
    const prefix = buckets[hash & 0x3fffff] as number;
    if (prefix >= 0 && states[prefix] === hash) names.push(text(half(prefix) + half(index)));
  }
  return names;
}

t.test("entries out of order, or twice, are a bug", (t) => {
  const builder = new TreeBuilder(() => undefined);
  builder.add(fifo(text("b")));
  t.throws(() => builder.add(fifo(text("a"))), /out of order/);
  t.throws(() => builder.add(fifo(text("b"))), /out of order/);
  t.end();
});

t.test("an entry that is refused leaves nothing behind, before pages and among them", (t) => {
  const cases: [count: number, refusedAt: number[]][] = [
    [10, [9]],
    [10, [0, 5, 9]],
    [3000, [2999]],
    [3000, [0, 500, 1023, 1024, 1025, 2999]],
  ];
  for (const [count, refusedAt] of cases) {
    const entries = numberedNames(count).map(fifo);
    const made = new Map<ObjectId, Uint8Array>();
    const builder = new TreeBuilder(({ id, bytes }) => void made.set(id, bytes));
    for (const [index, entry] of entries.entries()) {
      builder.add(entry);
      if (!refusedAt.includes(index)) continue;
      const name = text(`${entry.name}x`);
      t.throws(() => builder.add(withAttribute(name, 1 << 20)), { code: "LIMIT" });
    }
    t.equal(builder.count, count);
    t.strictSame(
      { root: builder.finish(), made },
      buildDirectory(entries),
      `${count} entries, refused after ${refusedAt.join()}`,
    );
  }
  t.end();
});
