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
import { readNumbers } from "./command-line.js";
import { compiled, compileTests, root, tapRunner } from "./compiled-tests.js";

const folders = [join("test", "torture"), join("test", "reliability")];

const usage = `npm run torture [-- OPTIONS]      kill -9, power cuts and failing disks, for longer than 'npm test'

  --rounds N    so many rounds (default 200)
  --minutes N   for so long, instead of rounds
  --seed N      which rounds; one is picked, and printed, if it is not given`;

const {
  rounds = 200,
  minutes,
  seed = Math.ceil(Math.random() * 2 ** 31),
} = readNumbers(usage, ["rounds", "minutes", "seed"]);
const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name)),
);
const length = minutes === undefined ? `--rounds=${rounds}` : `--minutes=${minutes / files.length}`;

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
