import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { ReadPace } from "../../src/client/read-pace.js";

/** Batches of so many files, of which the first few take another time than the others. */
interface Batches {
  readonly count: number;
  readonly eachMs: number;
  readonly some?: { readonly count: number; readonly eachMs: number };
  readonly files?: number;
  readonly bytes?: number;
}

function observe(pace: ReadPace, { count, eachMs, some, files = 500, bytes = 4096 }: Batches): boolean {
  for (let batch = 0; batch < count; batch += 1) {
    for (let file = 0; file < files; file += 1) {
      pace.observe(bytes, some !== undefined && file < some.count ? some.eachMs : eachMs);
    }
    pace.endBatch();
  }
  return pace.isSlow;
}

t.test("files that lie in memory are fast, also where others want the processor", (t) => {
  const folder = t.testdir();
  const paths = Array.from({ length: 200 }, (_, index) => join(folder, `file ${index}`));
  for (const path of paths) writeFileSync(path, Buffer.alloc(16 << 10, 1));
  const pace = new ReadPace();
  for (let batch = 0; batch < 50; batch += 1) {
    for (const path of paths) {
      const beganMs = performance.now();
      readFileSync(path); // opened and closed as well
      pace.observe(16 << 10, performance.now() - beganMs);
    }
    pace.endBatch();
  }
  t.equal(pace.isSlow, false);
  t.end();
});

t.test("files that a fast disk has to find are slow, and stay so when they are fetched ahead", (t) => {
  const pace = new ReadPace();
  t.equal(observe(pace, { count: 10, eachMs: 0.01 }), false);
  t.equal(observe(pace, { count: 4, eachMs: 0.08 }), false, "four batches are too few");
  t.equal(observe(pace, { count: 1, eachMs: 0.08 }), true);
  t.equal(observe(pace, { count: 10, eachMs: 0.01 }), true);
  t.end();
});

t.test("so are they where most of them are in memory", (t) => {
  t.equal(observe(new ReadPace(), { count: 10, eachMs: 0.01, some: { count: 150, eachMs: 0.08 } }), true);
  t.end();
});

t.test("a batch now and then does not make them slow", (t) => {
  const pace = new ReadPace();
  for (let each = 0; each < 100; each += 1) {
    t.equal(observe(pace, { count: 4, eachMs: 0.08 }), false);
    t.equal(observe(pace, { count: 1, eachMs: 0.01 }), false);
  }
  t.end();
});

t.test("nor do a few files of each, with which the thread waits for a processor", (t) => {
  t.equal(observe(new ReadPace(), { count: 100, eachMs: 0.01, some: { count: 3, eachMs: 20 } }), false);
  t.end();
});

t.test("a large file may take longer than a small one", (t) => {
  t.equal(observe(new ReadPace(), { count: 10, eachMs: 2, files: 1, bytes: 4 << 20 }), false);
  t.equal(observe(new ReadPace(), { count: 10, eachMs: 20, files: 1, bytes: 4 << 20 }), true);
  t.end();
});
