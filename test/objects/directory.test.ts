/** Directories read through their trees, whole and one name at a time, also where somebody made the trees up. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import t from "tap";
import { byteString, byteStringFromText, type ByteString } from "../../src/objects/byte-string.js";
import { findEntry, readDirectory, treesIn } from "../../src/objects/directory.js";
import type { Entry } from "../../src/objects/entry.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { decodeTree, emptyTree, encodeTree, isPaged, type Tree } from "../../src/objects/tree.js";
import { directories } from "../helpers/arbitraries.js";
import { withBuffers } from "../helpers/arbitrary-bytes.js";
import { buildDirectory, fifo, loaderOf, numberedNames, seededNames } from "../helpers/arbitrary-directories.js";
import { holds } from "../helpers/arbitrary-properties.js";

const text = byteStringFromText;

/** A place to put trees that no builder would make. */
class Forgery {
  readonly made = new Map<ObjectId, Uint8Array>();
  readonly load = loaderOf(this);

  add(tree: Tree): ObjectId {
    const bytes = encodeTree(tree);
    const id = objectIdOf(bytes);
    this.made.set(id, bytes);
    return id;
  }

  leaf(...names: string[]): ObjectId {
    return this.add({ level: 0, entries: names.map((name) => fifo(text(name))) });
  }

  page(level: number, ...pages: [string, ObjectId][]): ObjectId {
    return this.add({ level, pages: pages.map(([firstName, id]) => ({ firstName: text(firstName), id })) });
  }
}

t.test("reading gives exactly the entries that were added, and finding agrees", (t) => {
  for (const count of [0, 1, 2, 1024, 1025, 5000, 30_000]) {
    const entries = seededNames(count, count).map(fifo);
    const built = buildDirectory(entries);
    const load = loaderOf(built);
    t.ok(isDeepStrictEqual([...readDirectory(built.root, load)], entries), `${count} entries`);
    const step = Math.ceil(count / 500) || 1;
    const some = entries.filter((_, index) => index % step === 0 || index === count - 1);
    t.ok(
      some.every((entry) => isDeepStrictEqual(findEntry(built.root, entry.name, load), entry)),
      "each is found",
    );
    const names = new Set(entries.map(({ name }) => name));
    const others = seededNames(count + 1, 300).filter((name) => !names.has(name));
    const near = some
      .flatMap(({ name }) => [`${name}\x01`, name.slice(0, -1)] as ByteString[])
      .filter((name) => !names.has(name));
    t.ok(
      [...others, ...near].every((name) => findEntry(built.root, name, load) === undefined),
      "and no other",
    );
  }
  t.end();
});

t.test("any small directory is read as it was added", (t) => {
  const same = fc.property(directories(12), (entries) => {
    const built = buildDirectory(entries);
    return isDeepStrictEqual(withBuffers([...readDirectory(built.root, loaderOf(built))]), withBuffers(entries));
  });
  holds(t, "entries of every kind", same);
  t.end();
});

t.test("a directory with large attributes is read as it was added", (t) => {
  const entries = numberedNames(30).map((name, index): Entry => ({
    ...fifo(name),
    extendedAttributes: [{ name: text("user.x"), value: Buffer.alloc(index * 30_000, index) }],
  }));
  const built = buildDirectory(entries);
  t.ok(built.made.size > 3);
  t.ok(isDeepStrictEqual([...readDirectory(built.root, loaderOf(built))], entries));
  t.end();
});

t.test("one name is found with one tree a level", (t) => {
  const built = buildDirectory(numberedNames(50_000).map(fifo));
  let loads = 0;
  const load = (id: ObjectId): Uint8Array => {
    loads += 1;
    return loaderOf(built)(id);
  };
  t.equal(findEntry(built.root, text("file-0031415"), load)?.name, "file-0031415");
  t.equal(loads, 3);
  loads = 0;
  t.equal(findEntry(built.root, text("a"), load), undefined, "a name before all others");
  t.equal(loads, 1);
  t.end();
});

t.test("reading can stop early, and loads no more than it gave", (t) => {
  const built = buildDirectory(numberedNames(50_000).map(fifo));
  let loads = 0;
  const load = (id: ObjectId): Uint8Array => {
    loads += 1;
    return loaderOf(built)(id);
  };
  for (const entry of readDirectory(built.root, load)) if (entry.name === "file-0000005") break;
  t.equal(loads, 3);
  t.end();
});

t.test("a tree names its pages, or the trees of its folders", (t) => {
  const [one, two] = ["11".repeat(32), "22".repeat(32)] as [ObjectId, ObjectId];
  const dir = (name: string, tree: ObjectId): Entry => ({ ...fifo(text(name)), kind: "dir", tree });
  t.strictSame([...treesIn({ level: 0, entries: [dir("a", two), fifo(text("b")), dir("c", one)] })], [two, one]);
  t.strictSame([...treesIn(emptyTree)], []);
  t.strictSame([...treesIn({ level: 1, pages: [{ firstName: text("a"), id: one }] })], [one]);
  const built = buildDirectory(numberedNames(50_000).map(fifo));
  const reached = new Set([built.root]);
  for (const id of reached) for (const each of treesIn(decodeTree(loaderOf(built)(id)))) reached.add(each);
  t.strictSame([...reached].toSorted(), [...built.made.keys()].toSorted(), "all trees of a directory are reached");
  t.end();
});

t.test("pages that are not those of one directory are refused", (t) => {
  const forge = new Forgery();
  const [ab, cd, bc, empty] = [forge.leaf("a", "b"), forge.leaf("c", "d"), forge.leaf("b", "c"), forge.add(emptyTree)];
  const good = forge.page(1, ["a", ab], ["c", cd]);
  t.strictSame(
    [...readDirectory(forge.page(2, ["a", good]), forge.load)].map(({ name }) => name),
    ["a", "b", "c", "d"],
    "while good ones are read",
  );
  const hostile: [string, ObjectId, string][] = [
    ["a leaf two levels below", forge.page(2, ["a", ab]), "a"],
    ["a page of the same level", forge.page(1, ["a", good]), "a"],
    ["a page of a higher level", forge.page(1, ["a", forge.page(2, ["a", good])]), "a"],
    ["a leaf with another first name", forge.page(1, ["a", cd]), "c"],
    ["an inner page with another first name", forge.page(2, ["b", good]), "b"],
    ["an empty leaf", forge.page(1, ["a", empty]), "a"],
    ["an empty leaf among others", forge.page(1, ["a", ab], ["c", empty]), "c"],
    ["the same page twice", forge.page(1, ["a", ab], ["b", ab]), "b"],
  ];
  for (const [what, id, name] of hostile) {
    t.throws(() => [...readDirectory(id, forge.load)], { code: "BAD_OBJECT" }, what);
    t.throws(() => findEntry(id, text(name), forge.load), { code: "BAD_OBJECT" }, `${what}, finding`);
  }
  const overlapping = forge.page(1, ["a", ab], ["b", bc]);
  t.throws(
    () => [...readDirectory(overlapping, forge.load)],
    { code: "BAD_OBJECT", message: /out of order/ },
    "overlapping pages",
  );
  const reaching = forge.page(2, ["a", forge.page(1, ["a", forge.leaf("a", "z")])], ["c", forge.page(1, ["c", cd])]);
  t.throws(
    () => [...readDirectory(reaching, forge.load)],
    { code: "BAD_OBJECT", message: /out of order/ },
    "a leaf beyond its page",
  );
  t.end();
});

t.test("pages that name each other in a circle are refused, not followed for ever", (t) => {
  // no hash allows it, but a loader that checks no hashes could be given such a store
  const [one, two] = ["11".repeat(32), "22".repeat(32)] as [ObjectId, ObjectId];
  for (const level of [1, 8]) {
    let loads = 0;
    const circle = (id: ObjectId): Uint8Array => {
      loads += 1;
      return encodeTree({ level, pages: [{ firstName: text("a"), id: id === one ? two : one }] });
    };
    t.throws(() => [...readDirectory(one, circle)], { code: "BAD_OBJECT" });
    t.throws(() => findEntry(one, text("a"), circle), { code: "BAD_OBJECT" });
    t.equal(loads, 4);
  }
  t.end();
});

t.test("few pages that are named many times do not make many entries", (t) => {
  const forge = new Forgery();
  let id = forge.leaf("a");
  for (let level = 1; level <= 8; level += 1) id = forge.page(level, ["a", id], ["b", id]);
  let count = 0;
  t.throws(
    () => {
      for (const _ of readDirectory(id, forge.load)) count += 1;
    },
    { code: "BAD_OBJECT" },
  );
  t.equal(count, 1);
  t.end();
});

t.test("a tree that is not there, or is none, ends the reading", (t) => {
  const built = buildDirectory(numberedNames(3000).map(fifo));
  const [missing] = built.made.keys() as unknown as Iterable<ObjectId>;
  const load = (id: ObjectId): Uint8Array => (id === missing ? Buffer.from("no tree") : loaderOf(built)(id));
  t.throws(() => [...readDirectory(built.root, load)], { code: "BAD_OBJECT" });
  t.throws(() => [...readDirectory(missing as ObjectId, loaderOf({ made: new Map() }))], /no tree/);
  t.ok(isPaged(decodeTree(loaderOf(built)(built.root))));
  t.equal(
    findEntry(built.root, byteString(Buffer.from("file-0002999")), load)?.name,
    "file-0002999",
    "what lies elsewhere is found",
  );
  t.end();
});
