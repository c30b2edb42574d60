/** What is worth compressing, and what is not. */
import { deflateSync, gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import t from "tap";
import { deflatesYet, looksIncompressible } from "../../src/objects/compressible.js";
import { repetitiveBytes, seededBytes } from "../helpers/arbitrary-bytes.js";
import { projectFolder } from "../helpers/project.js";

const source = readFileSync(new URL("src/objects/tree.ts", projectFolder));
const manyWords = Buffer.concat(
  Array.from({ length: 20 }, (_, index) => Buffer.concat([source, Buffer.from(String(index))])),
);

t.test("random bytes look incompressible, at any length that can be judged", (t) => {
  for (const length of [4096, 4097, 5000, 65_536, 1 << 20])
    t.ok(looksIncompressible(seededBytes(length, length)), `${length} bytes`);
  t.end();
});

t.test("compressed bytes look incompressible", (t) => {
  const noise = Buffer.from(seededBytes(3, 60_000).toString("base64"));
  t.ok(looksIncompressible(gzipSync(noise)));
  t.ok(looksIncompressible(deflateSync(noise, { level: 1 })));
  t.end();
});

t.test("text, programs and zeros look compressible", (t) => {
  t.notOk(looksIncompressible(manyWords));
  t.notOk(looksIncompressible(readFileSync(process.execPath).subarray(0, 4 << 20)));
  t.notOk(looksIncompressible(new Uint8Array(100_000)));
  t.notOk(looksIncompressible(Buffer.from(seededBytes(3, 60_000).toString("base64"))), "even random bytes in base64");
  t.end();
});

t.test("what looks incompressible, and has some structure, is told by trying", (t) => {
  const noise = seededBytes(7, 200_000);
  t.notOk(deflatesYet(noise), "noise has none");
  const repetitive = repetitiveBytes(7, 200_000);
  t.ok(looksIncompressible(repetitive));
  t.ok(deflatesYet(repetitive));
  t.notOk(
    deflatesYet(Buffer.concat([repetitive.subarray(0, 90_000), noise, repetitive.subarray(0, 90_000)])),
    "elsewhere",
  );
  t.notOk(deflatesYet(repetitive.subarray(0, (64 << 10) - 1)), "too little to try");
  t.end();
});

t.test("few bytes are never judged", (t) => {
  for (const length of [0, 1, 1024, 4095]) t.notOk(looksIncompressible(seededBytes(length, length)), `${length} bytes`);
  t.end();
});

t.test("the sample is taken from the beginning to the end", (t) => {
  const half = Buffer.concat([seededBytes(1, 50_000), Buffer.alloc(50_000)]);
  t.notOk(looksIncompressible(half));
  t.notOk(looksIncompressible(Buffer.from(half.toReversed())));
  t.end();
});
