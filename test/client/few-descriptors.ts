/**
 * A process that may open only a few more files, and reads a batch of those that it is given: first with some left, then with
 * none. Prints, as JSON, the outcomes of each, and the codes of the failures.
 */
import { closeSync, lstatSync, openSync } from "node:fs";
import { readBatch, statFields } from "../../src/client/read-batch.js";
import { text } from "./world.js";

const files = process.argv.slice(2);

function read(): unknown {
  const stats = new BigInt64Array(files.length * statFields);
  for (const [index, path] of files.entries()) {
    const { ino, size, ctimeNs } = lstatSync(path, { bigint: true });
    stats.set([ino, size, ctimeNs], index * statFields);
  }
  const paths = files.map((path) => text(path)).join("\0");
  const { result } = readBatch({ type: "read", paths, stats, buffer: new ArrayBuffer(1 << 20) });
  const codes = result.failures.map(({ error }) => (error.type === "system" ? error.fields.code : error.type));
  return { outcomes: [...result.outcomes], codes };
}

read(); // all that it needs is loaded now
const opened: number[] = [];
try {
  for (;;) opened.push(openSync("/dev/null", "r"));
} catch {
  for (const fd of opened.splice(0, 3)) closeSync(fd);
}
const few = read();
for (let left = 3; left > 0; left -= 1) opened.push(openSync("/dev/null", "r"));
const none = read();
for (const fd of opened) closeSync(fd);
console.log(JSON.stringify({ few, none }));
