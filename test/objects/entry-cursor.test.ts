/** The cursor against `readDirectory`: the same entries of any directory, in the same order. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { readDirectory } from "../../src/objects/directory.js";
import { EntryCursor } from "../../src/objects/entry-cursor.js";
import type { Entry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { directories, entries as anyEntries } from "../helpers/arbitraries.js";
import { buildDirectory, fifo, loaderOf, numberedNames, seededNames } from "../helpers/arbitrary-directories.js";
import { holds } from "../helpers/arbitrary-properties.js";

/** What a cursor shows of an entry. */
interface Shown {
  readonly attributes: readonly number[];
  readonly name: ByteString;
  readonly kind: string;
  readonly hasExtras: boolean;
  readonly target: ByteString | undefined;
  readonly tree: ObjectId | undefined;
}

function shownBy(entry: Entry): Shown {
  const { name, kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = entry;
  const target = kind === "symlink" ? entry.target : undefined;
  const size = kind === "file" ? entry.size : (target?.length ?? 0);
  return {
    attributes: [mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size],
    name,
    kind,
    hasExtras: entry.extendedAttributes !== undefined || entry.hardLinkGroup !== undefined,
    target,
    tree: kind === "dir" ? entry.tree : undefined,
  };
}

function* shownIn(cursor: EntryCursor): Generator<Shown> {
  while (cursor.next()) {
    const { name, kind, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size, hasExtras } = cursor;
    yield {
      attributes: [mode, uid, gid, mtimeSeconds, mtimeNanoseconds, size],
      name,
      kind,
      hasExtras,
      target: kind === "symlink" ? cursor.target() : undefined,
      tree: kind === "dir" ? cursor.tree() : undefined,
    };
  }
}

function agrees(entries: readonly Entry[]): boolean {
  const built = buildDirectory(entries);
  const load = loaderOf(built);
  const cursor = new EntryCursor(built.root, load);
  const isSame = isDeepStrictEqual([...shownIn(cursor)], [...readDirectory(built.root, load)].map(shownBy));
  return isSame && !cursor.next();
}

t.test("any directory is shown as it is read", (t) => {
  holds(t, "small ones", fc.property(directories(12), agrees), 500);
  const repeated = fc.property(fc.array(anyEntries, { minLength: 1, maxLength: 5 }), fc.nat(), (some, seed) =>
    agrees(seededNames(seed, 1300).map((name, index): Entry => ({ ...(some[index % some.length] as Entry), name }))),
  );
  holds(t, "ones that are cut into pages", repeated, 10);
  t.end();
});

t.test("directories of any size are shown as they are read", (t) => {
  for (const count of [0, 1, 15, 16, 1024, 1025, 30_000]) {
    t.ok(agrees(numberedNames(count).map(fifo)), `${count} entries`);
    t.ok(agrees(seededNames(count, count).map(fifo)), `${count} entries of any bytes`);
  }
  t.end();
});

t.test("numbers of every length are shown as they are", (t) => {
  const numbers = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    2 ** 32,
    2 ** 53 - 1,
  ];
  const negative = [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1];
  const content = { list: "ab".repeat(32) as ObjectId, fileHash: "cd".repeat(32) as ObjectId };
  const entries = [...numbers, ...negative].map((number, index): Entry => ({
    ...fifo(byteStringFromText(`n-${100 + index}`)),
    mtimeSeconds: number,
    ...(number < 0 ? { kind: "fifo" } : { kind: "file", size: number, content }),
  }));
  const built = buildDirectory(entries);
  const shown = [...shownIn(new EntryCursor(built.root, loaderOf(built)))];
  t.strictSame(shown, entries.map(shownBy));
  t.end();
});

t.test("a tree that cannot be loaded is told of when its entries are come to", (t) => {
  const names = numberedNames(5000);
  const { root, made } = buildDirectory(names.map(fifo));
  const [first] = made.keys();
  const load = (id: ObjectId): Uint8Array => {
    if (id === first) throw new Error("lost");
    return made.get(id) as Uint8Array;
  };
  t.throws(() => new EntryCursor(root, load).next(), { message: "lost" });
  t.throws(() => new EntryCursor("ef".repeat(32) as ObjectId, loaderOf({ made })).next(), { message: /no tree/ });
  t.end();
});
