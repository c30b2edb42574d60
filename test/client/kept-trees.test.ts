/** Trees that wait for the next index: they come back as they were kept, from memory or from a file that nobody sees. */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t from "tap";
import { KeptTrees } from "../../src/client/kept-trees.js";
import { objectIdOf, type ObjectId } from "../../src/objects/object-id.js";
import { holds } from "../helpers/arbitrary-properties.js";
import { freeBytes, mountSmallDisk } from "../helpers/small-disk.js";

/** A tree that is as good as any here, of so many bytes. */
function treeOf(number: number, length: number): { id: ObjectId; bytes: Buffer } {
  const bytes = Buffer.alloc(length, `${number} `);
  return { id: objectIdOf(bytes), bytes };
}

/** What there is, in a form in which equal ones are deeply equal. */
function all(trees: KeptTrees): string[] {
  return Array.from(trees, ([id, bytes]) => `${id} ${Buffer.from(bytes).toString("hex")}`).toSorted();
}

function filesOpenIn(folder: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return []; // the one that lists them
    }
  });
}

t.test("trees come back as they were kept, each once", (t) => {
  const file = join(t.testdir(), "index");
  const lengths = fc.oneof(fc.nat(300), fc.nat(300_000));
  const steps = fc.array(fc.tuple(fc.nat(40), lengths, fc.boolean()), { maxLength: 60 });
  holds(
    t,
    "however many, and however large",
    fc.property(steps, (made) => {
      const trees = new KeptTrees(file);
      const expected = new Map<ObjectId, Buffer>();
      for (const [number, length, isKnown] of made) {
        const { id, bytes } = treeOf(number, length);
        expected.set(id, bytes);
        if (isKnown) trees.keep(id, bytes);
        else trees.add(id, bytes);
      }
      const wanted = Array.from(expected, ([id, bytes]) => `${id} ${bytes.toString("hex")}`).toSorted();
      const isSame =
        trees.size === wanted.length && all(trees).join() === wanted.join() && all(trees).join() === wanted.join();
      trees.close();
      return isSame;
    }),
    60,
  );
  t.end();
});

t.test("few need no file; that of many has no name, and goes with it", { skip: process.platform !== "linux" }, (t) => {
  const folder = t.testdir();
  const trees = new KeptTrees(join(folder, "a", "b", "index"));
  for (let number = 0; number < 10; number += 1) trees.add(...pair(number, 1000));
  t.strictSame(readdirSync(folder), []);
  for (let number = 10; number < 2000; number += 1) trees.add(...pair(number, 1000));
  t.strictSame(readdirSync(join(folder, "a", "b")), []);
  t.equal(filesOpenIn(folder).length, 1);
  t.equal(all(trees).length, 2000);
  trees.close();
  t.strictSame(filesOpenIn(folder), []);
  t.throws(() => all(trees), /closed/);
  t.end();
});

t.test("a file that cannot be made is done without", (t) => {
  const folder = t.testdir({ file: "in the way" });
  const trees = new KeptTrees(join(folder, "file", "index"));
  for (let number = 0; number < 2000; number += 1) trees.add(...pair(number, 1000));
  t.equal(trees.size, 2000);
  t.equal(all(trees).length, 2000);
  t.strictSame(readdirSync(folder), ["file"]);
  trees.close();
  t.end();
});

t.test("what a process that was killed has left in the file's place is replaced; a folder there is left alone", (t) => {
  const folder = t.testdir({ "index+trees": "left" });
  const trees = new KeptTrees(join(folder, "index"));
  for (let number = 0; number < 1000; number += 1) trees.add(...pair(number, 1000));
  t.equal(all(trees).length, 1000);
  t.equal(existsSync(join(folder, "index+trees")), false);
  trees.close();
  mkdirSync(join(folder, "index+trees"));
  writeFileSync(join(folder, "index+trees", "x"), "theirs");
  const again = new KeptTrees(join(folder, "index"));
  for (let number = 0; number < 1000; number += 1) again.add(...pair(number, 1000));
  t.equal(all(again).length, 1000);
  t.equal(readFileSync(join(folder, "index+trees", "x"), "utf8"), "theirs");
  again.close();
  t.end();
});

function pair(number: number, length: number): [ObjectId, Buffer] {
  const { id, bytes } = treeOf(number, length);
  return [id, bytes];
}

t.test("on a disk that fills up, what does not fit stays in memory", async (t) => {
  const folder = mountSmallDisk(t, 2);
  if (folder === undefined) return;
  const trees = new KeptTrees(join(folder, "index"));
  for (let number = 0; number < 4000; number += 1) trees.add(...pair(number, 1000));
  t.ok(freeBytes(folder) < 512 << 10, "some of it is on the disk");
  t.equal(trees.size, 4000);
  const found = new Set(Array.from(trees, ([id, bytes]) => (objectIdOf(Buffer.from(bytes)) === id ? id : "wrong")));
  t.equal(found.size, 4000);
  t.notOk(found.has("wrong"));
  trees.close();
});
