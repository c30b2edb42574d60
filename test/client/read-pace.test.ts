import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ReadPace } from "../../src/client/read-pace.js";

function observe(pace: ReadPace, count: number, elapsedMs: number, files = 500, bytes = 500 * 4096): boolean {
  for (let each = 0; each < count; each += 1) pace.observe(files, bytes, elapsedMs);
  return pace.isSlow;
}

t.test("files that lie in memory are fast", (t) => {
  const folder = t.testdir();
  const paths = Array.from({ length: 200 }, (_, index) => join(folder, `file ${index}`));
  for (const path of paths) writeFileSync(path, Buffer.alloc(16 << 10, 1));
  const readAll = (): number => {
    const beganMs = performance.now();
    for (const path of paths) readFileSync(path);
    return performance.now() - beganMs;
  };
  // opened and closed as well, and among other tests, so that the best of many tells
  const elapsedMs = Math.min(...Array.from({ length: 50 }, readAll));
  t.equal(observe(new ReadPace(), 10, elapsedMs, 200, 200 * (16 << 10)), false, `${elapsedMs} ms`);
  t.end();
});

t.test("files that a fast disk has to find are slow, and stay so when they are fetched ahead", (t) => {
  const pace = new ReadPace();
  t.equal(observe(pace, 10, 500 * 0.01), false);
  t.equal(observe(pace, 10, 500 * 0.08), true);
  t.equal(observe(pace, 10, 500 * 0.01), true);
  t.end();
});

t.test("a wait now and then, as for a processor, does not make them slow", (t) => {
  const pace = new ReadPace();
  for (let each = 0; each < 100; each += 1) {
    t.equal(observe(pace, 4, 500 * 0.08), false);
    t.equal(observe(pace, 1, 500 * 0.01), false);
  }
  t.end();
});

t.test("a large file may take longer than many small ones", (t) => {
  t.equal(observe(new ReadPace(), 10, 2, 1, 4 << 20), false);
  t.equal(observe(new ReadPace(), 10, 20, 1, 4 << 20), true);
  t.end();
});
