/** Folders whose names become known in any order: the tree is the one that they make in order. */
import fc from "fast-check";
import t from "tap";
import { OpenFolder } from "../../src/client/open-folder.js";
import type { FolderStats } from "../../src/client/push-index.js";
import type { Entry } from "../../src/objects/entry.js";
import type { ObjectId } from "../../src/objects/object-id.js";
import { directories } from "../helpers/arbitraries.js";
import { seededNumbers } from "../helpers/arbitrary-bytes.js";
import { buildDirectory, fifo, numberedNames } from "../helpers/arbitrary-directories.js";
import { holds } from "../helpers/arbitrary-properties.js";

/** An open folder, and what it tells. */
function opened(
  names: number,
  isKept: (entry: Entry) => boolean = () => true,
): { folder: OpenFolder; emitted: ObjectId[]; done: FolderStats[] } {
  const emitted: ObjectId[] = [];
  const done: FolderStats[] = [];
  const folder = new OpenFolder({
    names,
    emit: ({ id }) => void emitted.push(id),
    add: (builder, entry) => {
      if (!isKept(entry)) return false;
      builder.add(entry);
      return true;
    },
    onDone: (made) => {
      if (emitted.at(-1) !== made.tree) throw new Error("done before its tree was given out");
      done.push(made);
    },
  });
  return { folder, emitted, done };
}

/** Stats by which an entry can be told from the others. */
const statOf = (index: number): { ctimeNs: bigint; ino: bigint } => ({
  ctimeNs: BigInt(index) * 1000n + 1n,
  ino: -BigInt(index),
});

const statsOf = (indexes: readonly number[]): bigint[] =>
  indexes.flatMap((index) => [statOf(index).ctimeNs, statOf(index).ino]);

/** What becomes of a name: known at once, filled in later, or left out, at once or later. */
const fates = ["append", "fill", "leaveOut", "refused"] as const;

/** Brings entries in with those fates; those that are filled in later, in an order drawn from the seed. */
function agrees(entries: readonly Entry[], fateOf: (index: number) => (typeof fates)[number], seed: number): boolean {
  const next = seededNumbers(seed);
  const kept = entries.map((_, index) => index).filter((index) => ["append", "fill"].includes(fateOf(index)));
  const refused = new Set(entries.filter((_, index) => fateOf(index) === "refused"));
  const { folder, emitted, done } = opened(entries.length, (entry) => !refused.has(entry));
  const later: (() => void)[] = [];
  const fillSome = (): void => {
    const [fill] = later.splice(next() % later.length, 1);
    fill?.();
  };
  for (const [index, entry] of entries.entries()) {
    const taken = { entry, stat: statOf(index) };
    const fate = fateOf(index);
    if (fate === "append" || (fate === "refused" && next() % 2 === 0)) {
      folder.append(taken);
    } else {
      const place = folder.reserve();
      later.push(() => folder.fill(place, fate === "leaveOut" ? undefined : taken));
    }
    while (later.length > 0 && next() % 3 === 0) fillSome();
  }
  const isEndedFirst = next() % 2 === 0;
  if (isEndedFirst) folder.end();
  while (later.length > 0) {
    if (isEndedFirst && done.length > 0) return false;
    fillSome();
  }
  if (!isEndedFirst) folder.end();
  const built = buildDirectory(kept.map((index) => entries[index] as Entry));
  const [made] = done;
  return (
    done.length === 1 &&
    made?.tree === built.root &&
    emitted.join() === [...built.made.keys()].join() &&
    [...made.stats].join() === statsOf(kept).join()
  );
}

t.test(
  "whatever becomes of the names, and in whatever order, the tree and the stats are those of what is kept",
  (t) => {
    const property = fc.property(
      directories(30),
      fc.array(fc.constantFrom(...fates), { minLength: 30, maxLength: 30 }),
      fc.nat(),
      (entries, fate, seed) => agrees(entries, (index) => fate[index] as (typeof fates)[number], seed),
    );
    holds(t, "small folders", property, 300);
    for (const seed of [1, 2, 3]) {
      const next = seededNumbers(seed);
      const fate = Array.from({ length: 20_000 }, () => fates[next() % 4] as (typeof fates)[number]);
      const entries = numberedNames(fate.length).map(fifo);
      t.ok(
        agrees(entries, (index) => fate[index] as (typeof fates)[number], seed),
        "a large folder",
      );
    }
    t.end();
  },
);

t.test("a large folder whose first name is known last is made all the same", (t) => {
  const entries = numberedNames(10_000).map(fifo);
  const { folder, done } = opened(entries.length);
  const first = folder.reserve();
  for (const [index, entry] of entries.entries()) {
    if (index > 0) folder.append({ entry, stat: statOf(index) });
  }
  folder.end();
  t.equal(done.length, 0);
  folder.fill(first, { entry: entries[0] as Entry, stat: statOf(0) });
  t.equal(done[0]?.tree, buildDirectory(entries).root);
  t.strictSame([...(done[0]?.stats ?? [])], statsOf(entries.map((_, index) => index)));
  t.end();
});

t.test("who asks before the end and who asks after it are told once", (t) => {
  const { folder, done } = opened(1);
  const told: FolderStats[] = [];
  folder.whenDone((made) => void told.push(made));
  const place = folder.reserve();
  folder.end();
  t.strictSame(told, []);
  folder.fill(place, undefined);
  t.strictSame(told, done);
  t.equal(told[0]?.tree, buildDirectory([]).root, "a folder of which nothing is kept is an empty one");
  folder.whenDone((made) => void told.push(made));
  t.strictSame(told, [...done, ...done]);
  t.end();
});
