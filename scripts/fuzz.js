/**
 * Runs the fuzz tests for longer than `npm test` does, and with other inputs.
 *
 *     npm run fuzz -- --minutes 10 --seed 7
 *
 * Each decoder gets its share of the time. Without a seed, one is picked; it is printed, and finds the same again.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readNumbers } from "./command-line.js";
import { compiled, compileTests, root, tapRunner } from "./compiled-tests.js";

const folder = join("test", "fuzz");

const usage = `npm run fuzz [-- OPTIONS]      spoiled bytes for every decoder, for longer than 'npm test'

  --minutes N   about so long in all (default 5)
  --seed N      which bytes; one is picked, and printed, if it is not given`;

const { minutes = 5, seed = Math.ceil(Math.random() * 2 ** 31) } = readNumbers(usage, ["minutes", "seed"]);
const files = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.ts"));
// each call takes one share; a file's calls come one after the other
const calls = files.map((name) => readFileSync(join(root, folder, name), "utf8").match(/\bfuzz\(t,/g)?.length ?? 0);
const jobs = Math.min(availableParallelism(), files.length);
const share = (minutes * jobs) / calls.reduce((sum, count) => sum + count, 0);

console.log(`fuzzing for about ${minutes} minutes, ${jobs} files at a time, seed ${seed}`);
compileTests();
const { status } = spawnSync(
  process.execPath,
  [
    tapRunner,
    "run",
    "--reporter=tap",
    `--jobs=${jobs}`,
    "--timeout=0",
    `--test-arg=--minutes=${share}`,
    `--test-arg=--seed=${seed}`,
    ...files.map((name) => compiled(join(folder, name))),
  ],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
