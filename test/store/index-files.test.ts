/** Reads are right wherever they lie, across the edges of blocks too. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { IndexFiles, readIndex } from "../../src/store/index-files.js";

t.test("what is read is what stands there", (t) => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 24));
  const path = join(t.testdir(), "x.idx");
  writeFileSync(path, bytes);
  const file = { number: 1, indexPath: path };
  const files = new IndexFiles();
  const wrong: number[] = [];
  const edges = [0, 16_384, 32_768, 65_536, 131_072, 196_608, 200_000];
  for (const offset of edges.flatMap((edge) => Array.from({ length: 140 }, (_, near) => edge - 70 + near))) {
    if (offset < 0) continue;
    const expected = bytes.subarray(offset, offset + 44);
    if (!files.read(file, offset, 44).equals(expected)) wrong.push(offset);
  }
  t.strictSame(wrong, []);
  t.throws(() => files.read(file, 0, 65), RangeError);
  t.throws(() => files.read({ number: 2, indexPath: `${path}2` }, 0, 1), { code: "ENOENT" });
  t.end();
});

t.test("two files are two, whatever their paths", (t) => {
  const folder = t.testdir({ a: "aaaa", b: "bbbb" });
  const files = new IndexFiles();
  const read = (number: number, name: string): string =>
    files.read({ number, indexPath: join(folder, name) }, 0, 4).toString();
  t.strictSame([read(0, "a"), read(1, "b"), read(0, "a"), read(1, "b")], ["aaaa", "bbbb", "aaaa", "bbbb"]);
  t.end();
});

t.test("an index is read whole into the room for it, or not at all", async (t) => {
  const folder = t.testdir({ x: "0123456789" });
  const read = async (name: string, length: number): Promise<string | undefined> =>
    (await readIndex(join(folder, name), Buffer.alloc(length)))?.toString();
  t.equal(await read("x", 10), "0123456789");
  t.equal(await read("x", 4), "0123");
  t.equal(await read("x", 11), undefined, "it has become shorter");
  t.equal(await read("y", 1), undefined, "it has gone");
  await t.rejects(read("x/y", 1), { code: "ENOTDIR" });
});
