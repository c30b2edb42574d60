/** Small reads are right wherever they lie, across the edges of blocks too. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { IndexFiles } from "../../src/store/index-files.js";

t.test("what is read is what stands there", (t) => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 24));
  const path = join(t.testdir(), "x.idx");
  writeFileSync(path, bytes);
  const files = new IndexFiles();
  const wrong: number[] = [];
  const edges = [0, 65_536, 131_072, 196_608, 200_000];
  for (const offset of edges.flatMap((edge) => Array.from({ length: 140 }, (_, near) => edge - 70 + near))) {
    if (offset < 0) continue;
    const expected = bytes.subarray(offset, offset + 44);
    if (!files.read(path, offset, 44).equals(expected)) wrong.push(offset);
  }
  t.strictSame(wrong, []);
  t.throws(() => files.read(path, 0, 65), RangeError);
  t.throws(() => files.read(`${path}2`, 0, 1), { code: "ENOENT" });
  t.end();
});
