/** Trees that no client makes: their hashes are right, and what they say would lead a restore out of its target. */
import { byteStringFromText } from "../../src/objects/byte-string.js";
import type { Entry } from "../../src/objects/entry.js";
import { encodeTree } from "../../src/objects/tree.js";
import { dirEntry, fileEntry, plainAttributes, treeOf, type Made } from "./small-commit.js";
import { blob, object } from "./store-pack.js";

const evil = blob("evil");
const inner = treeOf(fileEntry("evil", evil));

/** The bytes of an entry, under a name that the encoder would refuse. */
function rawEntry(entry: Entry, name: string = entry.name): Buffer {
  const tree = Buffer.from(encodeTree({ level: 0, entries: [{ ...entry, name: byteStringFromText("x") }] }));
  // the tree's 93 01 00 91, the entry's 99, its name c4 01 78, and what follows
  return Buffer.concat([
    tree.subarray(4, 5),
    Buffer.of(0xc4, name.length),
    Buffer.from(name, "latin1"),
    tree.subarray(8),
  ]);
}

function rawTree(...entries: Buffer[]): Made {
  return object("tree", Buffer.concat([Buffer.of(0x93, 1, 0, 0x90 | entries.length), ...entries]));
}

function linkTo(target: string, name = "link"): Entry {
  const bytes = byteStringFromText(target);
  return { ...plainAttributes, name: byteStringFromText(name), kind: "symlink", target: bytes };
}

/** A directory of two pages, each of one entry. */
function twoPages(first: Entry, second: Entry): { tree: Made; pages: Made[] } {
  const pages = [first, second].map((entry) => treeOf(entry));
  const names = [first.name, second.name];
  const bytes = pages.map(({ id }, index) =>
    Buffer.concat([
      Buffer.of(0x92, 0xc4, (names[index] as string).length),
      Buffer.from(names[index] as string, "latin1"),
      Buffer.of(0xc4, 32),
      Buffer.from(id, "hex"),
    ]),
  );
  return { tree: object("tree", Buffer.concat([Buffer.of(0x93, 1, 1, 0x92), ...bytes])), pages };
}

export interface HostileTree {
  readonly what: string;
  /** A tree with it as its folder `folder`, beside a file `good`. */
  readonly root: Made;
  /** All that the tree needs, itself too. */
  readonly objects: Made[];
}

/** The trees, whose links lead to the folder `outside`. */
export function hostileTrees(outside: string): HostileTree[] {
  const file = fileEntry("evil", evil);
  const folder = dirEntry("link", inner);
  const paged = twoPages(linkTo(outside), folder);
  const cases: [string, Made, Made[]][] = [
    ["a folder named '..'", rawTree(rawEntry(dirEntry("up", inner), "..")), []],
    ["a file named '..'", rawTree(rawEntry(file, "..")), []],
    ["a folder named '.'", rawTree(rawEntry(dirEntry("x", inner), ".")), []],
    ["a file with a slash in its name", rawTree(rawEntry(file, "a/b")), []],
    ["a file of an absolute name", rawTree(rawEntry(file, `${outside}/evil`)), []],
    ["a name that ends in NUL", rawTree(rawEntry(file, "evil\0")), []],
    ["an entry without a name", rawTree(rawEntry(file, "")), []],
    ["a file beneath a link", rawTree(rawEntry(linkTo(outside)), rawEntry(file, "link/evil")), []],
    ["a file twice", rawTree(rawEntry(file), rawEntry(file)), []],
    ["a link, then a folder of its name", rawTree(rawEntry(linkTo(outside)), rawEntry(folder)), []],
    ["a folder, then a link of its name", rawTree(rawEntry(folder), rawEntry(linkTo(outside))), []],
    [
      "a link and a folder of its name, out of order",
      rawTree(rawEntry(folder), rawEntry(fileEntry("a", evil)), rawEntry(linkTo(outside))),
      [],
    ],
    ["a link, and a folder of its name on the next page", paged.tree, paged.pages],
  ];
  return cases.map(([what, tree, others]) => {
    const root = treeOf(dirEntry("folder", tree), fileEntry("good", evil));
    return { what, root, objects: [evil, inner, ...others, tree, root] };
  });
}
