/** Trees that come unasked: those that are needed are kept in whatever order they come, others up to a limit. */
import t from "tap";
import { TreeIntake } from "../../src/client/tree-intake.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { buildDirectory, fifo, numberedNames } from "../helpers/arbitrary-directories.js";
import { dirEntry, treeOf, type Made } from "../helpers/small-commit.js";
import { object } from "../helpers/store-pack.js";
import { text } from "./world.js";

/** A tree that nobody names; each has another id. */
const stray = (number: number): Made => treeOf(fifo(text(`stray ${String(number).padStart(5, "0")}`)));
const strayBytes = stray(1).bytes.length;

/** A folder in a folder, so many deep; the outermost first. */
function chain(length: number): Made[] {
  const trees = [stray(0)];
  for (let depth = 1; depth < length; depth += 1) trees.unshift(treeOf(dirEntry("below", trees[0] as Made)));
  return trees;
}

const taken = (intake: TreeIntake, trees: readonly Made[]): boolean[] =>
  trees.map(({ id, bytes }) => intake.take(id, bytes));

t.test("below the limit every tree is kept, and each once", (t) => {
  const trees = new Map<ObjectId, Uint8Array>();
  const intake = new TreeIntake(trees);
  t.strictSame(taken(intake, [stray(1), stray(2), stray(1)]), [true, true, false]);
  t.equal(trees.size, 2);
  t.end();
});

t.test("trees that nobody names come to an end", (t) => {
  const trees = new Map<ObjectId, Uint8Array>();
  const intake = new TreeIntake(trees, { limitBytes: 10 * strayBytes });
  for (let number = 0; number < 5000; number += 1) intake.take(stray(number).id, stray(number).bytes);
  t.equal(trees.size, 10);
  t.end();
});

t.test("beyond the limit those are kept that are expected, or that others have named", (t) => {
  const [root, ...below] = chain(20) as [Made, ...Made[]];
  const named = below.slice(0, -1);
  for (const isEarly of [true, false]) {
    const trees = new Map<ObjectId, Uint8Array>();
    const intake = new TreeIntake(trees, { limitBytes: 10 * strayBytes });
    if (isEarly) intake.expect(root.id);
    taken(
      intake,
      Array.from({ length: 100 }, (_, number) => stray(number + 1)),
    );
    t.equal(trees.size, 10);
    if (!isEarly) intake.expect(root.id);
    t.strictSame(taken(intake, [...named, root]).filter(Boolean), [true], "what comes before who names it is not");
    t.notOk(taken(intake, named.slice(1)).includes(true));
    t.ok(taken(intake, below).every(Boolean), "in their order they are all named in time");
  }
  t.end();
});

t.test("what the first trees name is known when the limit is reached, pages too", (t) => {
  const built = buildDirectory(numberedNames(3000).map(fifo));
  const pages = [...built.made].filter(([id]) => id !== built.root);
  const trees = new Map<ObjectId, Uint8Array>();
  const rootBytes = built.made.get(built.root) as Uint8Array;
  const intake = new TreeIntake(trees, { limitBytes: rootBytes.length });
  t.ok(intake.take(built.root, rootBytes));
  t.ok(pages.length > 10);
  t.ok(pages.every(([id, bytes]) => intake.take(id, bytes)));
  t.notOk(intake.take(stray(1).id, stray(1).bytes));
  t.end();
});

t.test("what is no tree names nothing", (t) => {
  const none = object("tree", "no tree at all");
  const intake = new TreeIntake(new Map(), { limitBytes: none.bytes.length });
  t.ok(intake.take(none.id, none.bytes));
  t.notOk(intake.take(stray(1).id, stray(1).bytes));
  t.end();
});
