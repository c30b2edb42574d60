/**
 * Runs the tests of test/torture and test/reliability for longer than `npm test` does: until so many rounds are done, or so many minutes are over.
 *
 *     npm run torture -- --rounds 300
 *     npm run torture -- --minutes 30 --seed 7
 *
 * Without a seed, one is picked and printed. At the end stand the figures of each test.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiled, compileTests, root, tapRunner } from "./compiled-tests.js";
import { positive } from "./positive.js";

const folders = [join("test", "torture"), join("test", "reliability")];

const { values } = parseArgs({
  options: { rounds: { type: "string" }, minutes: { type: "string" }, seed: { type: "string" } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : positive(values.seed);
const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name)),
);
const length =
  values.minutes === undefined
    ? `--rounds=${positive(values.rounds ?? "200")}`
    : `--minutes=${positive(values.minutes) / files.length}`;

console.log(`${length.slice(2).replace("=", " ")}, seed ${seed}`);
compileTests();
const tap = spawn(
  process.execPath,
  [
    tapRunner,
    "run",
    "--reporter=tap",
    "--jobs=1",
    "--timeout=0",
    `--test-arg=${length}`,
    `--test-arg=--seed=${seed}`,
    ...files.map(compiled),
  ],
  { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
);
let output = "";
tap.stdout.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
  output += text;
  process.stdout.write(text);
});
tap.on("close", (code) => {
  console.log("\n== figures");
  for (const [, figures] of output.matchAll(/^ +# (seed \d+: .*)$/gm)) console.log(figures);
  console.log(code === 0 ? "nothing was lost" : "something failed: see above");
  process.exitCode = code ?? 1;
});
