/** Lists: golden bytes, hostile bytes, and where one list ends and the next begins. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { minChunkBytes } from "../../src/objects/chunker.js";
import {
  decodeList,
  encodeList,
  ListBuilder,
  listSize,
  maxListChildren,
  maxListLevel,
  minListChildren,
  type List,
  type ListChild,
} from "../../src/objects/list.js";
import { objectIdAt, objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { lists } from "../helpers/arbitraries.js";
import { hexBytes, lengthsNotRefused, misreading, mutationsOf, seededBytes } from "../helpers/arbitrary-bytes.js";
import { holds } from "../helpers/arbitrary-properties.js";

const one = "11".repeat(32) as ObjectId;
const two = "22".repeat(32) as ObjectId;

const golden: [string, List, string[]][] = [
  ["one chunk", { level: 0, children: [{ id: one, size: 1 }] }, ["93", "01", "00", "91", `92c420${one}01`]],
  [
    "two lists",
    {
      level: 1,
      children: [
        { id: one, size: 0x200000 },
        { id: two, size: 2 ** 52 },
      ],
    },
    ["93", "01", "01", "92", `92c420${one}ce00200000`, `92c420${two}cf0010000000000000`],
  ],
];

const reencode = (bytes: Uint8Array): Buffer => encodeList(decodeList(bytes));

/** Chunks with ids that look random and are always the same for one seed. */
function chunks(seed: number, count: number): ListChild[] {
  const bytes = seededBytes(seed, count * 32);
  return Array.from({ length: count }, (_, index) => ({ id: objectIdAt(bytes, index * 32), size: 1000 + index }));
}

interface Built {
  root: ObjectId;
  made: Map<ObjectId, List>;
}

function build(children: Iterable<ListChild>): Built {
  const made = new Map<ObjectId, List>();
  const builder = new ListBuilder(({ kind, id, bytes }) => {
    if (kind !== "list" || objectIdOf(bytes) !== id) throw new Error("not a list under its own id");
    made.set(id, decodeList(bytes));
  });
  for (const child of children) builder.add(child);
  return { root: builder.finish(), made };
}

/** The chunks beneath a list, each level and size checked on the way. */
function chunksOf({ root, made }: Built, level?: number, size?: number): ListChild[] {
  const list = made.get(root);
  if (list === undefined) throw new Error("a list that was not emitted");
  if (level !== undefined && list.level !== level) throw new Error("a list of another level");
  if (size !== undefined && listSize(list) !== size) throw new Error("a list of another size");
  if (list.level === 0) return [...list.children];
  return list.children.flatMap((child) => chunksOf({ root: child.id, made }, list.level - 1, child.size));
}

t.test("a list has its golden bytes", (t) => {
  for (const [what, list, hex] of golden) {
    t.equal(encodeList(list).toString("hex"), hex.join(""), what);
    t.strictSame(decodeList(hexBytes(...hex)), list, `${what}, read`);
  }
  t.equal(maxListChildren, 4096);
  t.equal(minListChildren, 16);
  t.end();
});

t.test("any list is read as it was written", (t) => {
  const same = fc.property(lists, (list) => isDeepStrictEqual(decodeList(encodeList(list)), list));
  holds(t, "of any level", same, 300);
  t.end();
});

t.test("spoiled bytes are refused, or are those of another list", (t) => {
  for (const [what, , hex] of golden) {
    const wrong = [...mutationsOf(hexBytes(...hex))].filter((bytes) => misreading(bytes, reencode, "BAD_OBJECT"));
    t.strictSame(wrong, [], what);
    t.strictSame(
      lengthsNotRefused(hexBytes(...hex), decodeList, "BAD_OBJECT"),
      [],
      `${what}, and each beginning of it`,
    );
  }
  const random = fc.property(
    fc.uint8Array({ maxLength: 60 }),
    (bytes) => misreading(bytes, reencode, "BAD_OBJECT") === undefined,
  );
  holds(t, "random bytes", random, 2000);
  t.end();
});

t.test("every malformed list is refused", (t) => {
  const child = `92c420${one}01`;
  const malformed: [string, string[]][] = [
    ["no children", ["93", "01", "00", "90"]],
    ["another version", ["93", "02", "00", "91", child]],
    ["version 0", ["93", "00", "00", "91", child]],
    ["two fields", ["92", "01", "00"]],
    ["four fields", ["94", "01", "00", "91", child, "c0"]],
    ["a level beyond any", ["93", "01", "09", "91", child]],
    ["a negative level", ["93", "01", "ff", "91", child]],
    ["a child of no bytes", ["93", "01", "00", "91", `92c420${one}00`]],
    ["a child of negative size", ["93", "01", "00", "91", `92c420${one}ff`]],
    ["a blob of more than 8 MiB", ["93", "01", "00", "91", `92c420${one}ce00800001`]],
    ["a child of 2^53 bytes", ["93", "01", "00", "91", `92c420${one}cf0020000000000000`]],
    ["a child of infinite size", ["93", "01", "00", "91", `92c420${one}cb7ff0000000000000`]],
    ["children of 2^53 bytes together", ["93", "01", "01", "92", `92c420${one}cf001fffffffffffff`, child]],
    ["a child without a size", ["93", "01", "00", "91", `91c420${one}`]],
    ["a child with more", ["93", "01", "00", "91", `93c420${one}01c0`]],
    ["an id of 31 bytes", ["93", "01", "00", "91", `92c41f${"11".repeat(31)}01`]],
    ["bytes after the end", ["93", "01", "00", "91", child, "00"]],
    ["4,097 children", ["93", "01", "00", "dc1001", child.repeat(4097)]],
  ];
  for (const [what, hex] of malformed) t.throws(() => decodeList(hexBytes(...hex)), { code: "BAD_OBJECT" }, what);
  t.doesNotThrow(() => decodeList(hexBytes("93", "01", "00", "dc1000", child.repeat(4096))), "4,096 children are read");
  t.doesNotThrow(
    () => decodeList(hexBytes("93", "01", "01", "92", `92c420${one}cf001ffffffffffffe`, child)),
    "2^53-1 bytes together are read",
  );
  t.end();
});

t.test("a builder gives back the chunks that it was given, in their order", (t) => {
  for (const count of [1, 2, 15, 16, 17, 500, 5000, 20_000]) {
    const given = chunks(count, count);
    const built = build(given);
    t.ok(isDeepStrictEqual(chunksOf(built), given), `${count} chunks`);
    t.strictSame(build(given), built, "and the same lists for the same chunks");
  }
  t.end();
});

t.test("a file of one chunk has one list, and one without chunks is a bug", (t) => {
  const { root, made } = build(chunks(1, 1));
  t.strictSame([...made.keys()], [root]);
  t.equal(made.get(root)?.level, 0);
  t.throws(() => new ListBuilder(() => t.fail("nothing to emit")).finish(), /without chunks/);
  t.end();
});

t.test("the list of a whole file never names a single list", (t) => {
  const boundary = "ff".repeat(30) + "0000";
  const children = (count: number): ListChild[] => [
    ...chunks(9, count - 1).map(({ size }, index) => ({
      id: ("ee".repeat(30) + (0xf001 + 2 * index).toString(16)) as ObjectId,
      size,
    })),
    { id: boundary as ObjectId, size: 5 },
  ];
  for (const count of [16, 17, 100]) {
    const built = build(children(count));
    t.equal(built.made.size, 1, `${count} chunks, the last of which ends a list`);
    t.strictSame(chunksOf(built), children(count));
  }
  t.end();
});

t.test("a list ends at an id that ends in nine zero bits, and has 16 to 4,096 children", (t) => {
  const { root, made } = build(chunks(3, 100_000));
  t.equal(made.get(root)?.level, 1, "100,000 chunks take two levels");
  const leaves = made.get(root)?.children.map(({ id }) => made.get(id)?.children ?? []) ?? [];
  const isBoundary = (id: ObjectId): boolean => (Number.parseInt(id.slice(-4), 16) & 0x1ff) === 0;
  for (const [index, children] of leaves.entries()) {
    const last = children.at(-1) as ListChild;
    if (index < leaves.length - 1) t.ok(children.length >= 16 && (isBoundary(last.id) || children.length === 4096));
    t.notOk(
      children.slice(15, -1).some(({ id }) => isBoundary(id)),
      "none but the last ends it",
    );
  }
  t.ok(leaves.length > 130 && leaves.length < 260, `${leaves.length} lists of about 528 children`);
  t.end();
});

t.test("one chunk that never ends a list fills lists of 4,096", (t) => {
  const zeros = { id: one, size: 4 << 20 };
  const built = build(Array.from({ length: 10_000 }, () => zeros));
  const root = built.made.get(built.root);
  t.equal(root?.level, 1);
  t.strictSame(
    root?.children.map(({ size }) => size / zeros.size),
    [4096, 4096, 1808],
  );
  t.equal(chunksOf(built).length, 10_000);
  t.end();
});

t.test("ids that all end a list make 16 children to a list, not a level for every doubling", (t) => {
  const id = `${"ab".repeat(30)}0000` as ObjectId;
  const built = build(Array.from({ length: 40_000 }, () => ({ id, size: 131_072 })));
  t.ok((built.made.get(built.root)?.level ?? 99) <= 4);
  t.equal(chunksOf(built).length, 40_000);
  t.ok(
    minListChildren ** (maxListLevel + 1) * minChunkBytes >= 2 ** 51,
    "so that no file is too large of what is under 2 PiB",
  );
  t.end();
});

t.test("a changed, added or removed chunk among 100,000 rewrites a few lists", (t) => {
  const before = chunks(7, 100_000);
  const { made } = build(before);
  const [other] = chunks(8, 1) as [ListChild];
  for (const at of [0, 1, 31_415, 50_000, 99_999]) {
    const edits = {
      changed: before.with(at, other),
      added: before.toSpliced(at, 0, other),
      removed: before.toSpliced(at, 1),
    };
    for (const [what, after] of Object.entries(edits)) {
      const rewritten = [...build(after).made.keys()].filter((id) => !made.has(id));
      t.ok(rewritten.length >= 2 && rewritten.length <= 5, `${what} at ${at}: ${rewritten.length} lists`);
    }
  }
  t.end();
});
