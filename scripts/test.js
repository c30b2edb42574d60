/**
 * Runs the tests, and ends with one line that says how many passed and failed.
 *
 *     node scripts/test.js          the checks (build, types, lint, ...), every test, the end-to-end part on Node 24
 *     node scripts/test.js unit     every test outside test/e2e
 *     node scripts/test.js e2e      test/e2e on the Node that runs this script
 *     node scripts/test.js node24   test/e2e on Node 24, which npm fetches
 *
 * Totals are tap's own. A check that fails, and a file of tests that gave no totals, count as one failure.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { compileTests, root, tapRunner } from "./compiled-tests.js";
import { oneFailure, runFiles } from "./run-files.js";

/** @typedef {import("./run-files.js").Judgement & { name: string }} Run */
/** @typedef {import("./run-files.js").TestFile & { run: Run }} File */

/** The first makes what some of the others look at; these use one core each, and run two at a time. */
const checks = ["build", "types", "lint", "format:check", "layers", "unused"];
const checksAtOnce = 2;
/** What takes longest begins first, so that nothing long is left alone at the end. */
const longest = ["test/reliability/", "test/torture/", "test/e2e/", "test/fuzz/"];
const major = Number(process.versions.node.split(".")[0]);

/** The files of tests, as paths from the root of the project. */
function testFiles() {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((path) => join("test", path).split(sep).join("/"))
    .filter((path) => path.endsWith(".test.ts") && !/^test\/(helpers|fixtures)\//.test(path))
    .toSorted();
}

/** @param {string} path */
const isEndToEnd = (path) => path.startsWith("test/e2e/");

/** @param {{ file: string }} file */
function rank({ file }) {
  const at = longest.findIndex((folder) => file.startsWith(folder));
  return at < 0 ? longest.length : at;
}

/** @param {string} title */
function announce(title) {
  console.log(`\n== ${title}`);
}

/**
 * @param {string} name
 * @returns {Run} nothing yet
 */
const newRun = (name) => ({ name, totals: { pass: 0, fail: 0, skip: 0, todo: 0 }, failures: [] });

/**
 * Where Node 24 lies. `npm exec` and not a devDependency: a `node` in node_modules/.bin would be the Node of every other script, too.
 * The package `node` only picks the one of this platform, in an install script, which newer versions of npm do not run unasked.
 */
function findNode24() {
  const { platform, arch } = process;
  const prefix = platform === "darwin" && arch === "arm64" ? "node-bin" : "node";
  const command = ["exec", "--yes", `--package=${prefix}-${platform}-${arch}@24`, "--"];
  const print = ["node", "-p", "[process.execPath, process.version].join('\\n')"];
  const { status, stdout } = spawnSync("npm", [...command, ...print], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [path, version] = (stdout ?? "").trim().split("\n").slice(-2);
  return status === 0 && path !== undefined && version?.startsWith("v24.") ? { path, version } : undefined;
}

/**
 * What is to be run: on the Node that runs this script, and on Node 24.
 * @param {string} mode
 * @param {string} folder for what tests say
 * @returns {{ runs: Run[], files: File[] }}
 */
function planRuns(mode, folder) {
  const all = testFiles();
  /** @type {Run[]} */
  const runs = [];
  /** @type {File[]} */
  const files = [];
  /** @type {(title: string, node: { path: string, version: string }, paths: string[]) => void} */
  const add = (title, node, paths) => {
    const run = newRun(`${title} on node ${node.version}`);
    runs.push(run);
    for (const file of paths) {
      files.push({ file, run, node, output: join(folder, node.version, file.replace(/\.test\.ts$/, ".tap")) });
    }
    console.log(`${run.name}: ${paths.length} files`);
    if (paths.length === 0) Object.assign(run, oneFailure("there are no test files"));
  };
  const here = { path: process.execPath, version: process.version };
  const endToEnd = all.filter(isEndToEnd);
  switch (mode) {
    case "unit":
      add(
        "unit tests",
        here,
        all.filter((path) => !isEndToEnd(path)),
      );
      break;
    case "e2e":
      add("end-to-end tests", here, endToEnd);
      break;
    case "node24":
    case "all": {
      if (mode === "all") add("all tests", here, all);
      if (mode === "all" && major >= 24) break;
      const node24 = findNode24();
      if (node24 !== undefined) add("end-to-end tests", node24, endToEnd);
      else {
        const failed = oneFailure("npm could not fetch or start node@24; is its registry in reach?");
        runs.push({ ...failed, name: "end-to-end tests on Node 24" });
      }
      break;
    }
    default:
      throw new Error(`not a way to run the tests: '${mode}'`);
  }
  return { runs, files: files.toSorted((a, b) => rank(a) - rank(b)) };
}

/**
 * @param {string} mode
 * @param {string} folder for what tests say
 * @returns {Promise<Run[]>}
 */
async function runTests(mode, folder) {
  announce("tests");
  const { runs, files } = planRuns(mode, folder);
  await runFiles(files, ({ run, output }, { totals, failures }) => {
    for (const key of /** @type {const} */ (["pass", "fail", "skip", "todo"])) run.totals[key] += totals[key];
    run.failures.push(...failures);
    showFigures(output);
    if (failures.length > 0) showFailures(output);
  });
  return runs;
}

/** Tests that try very many things say how many, and with which seed they can be had again. */
function showFigures(/** @type {string} */ output) {
  for (const [, figures] of readFileSync(output, "utf8").matchAll(/^ +# (seed \d+: .*)$/gm)) console.log(figures);
}

/** Has tap show what failed and how, from what a file of tests has said. */
function showFailures(/** @type {string} */ output) {
  spawnSync(process.execPath, [tapRunner, "run", "--reporter=min", output], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/**
 * @returns {Promise<Run[]>}
 */
async function runChecks() {
  const [first = "", ...others] = checks;
  const runs = [await runCheck(first)];
  const work = async () => {
    for (let check = others.shift(); check !== undefined; check = others.shift()) runs.push(await runCheck(check));
  };
  await Promise.all(Array.from({ length: checksAtOnce }, work));
  return runs.toSorted((a, b) => checks.indexOf(a.name) - checks.indexOf(b.name));
}

/**
 * Runs a check, and shows what it has said once it has ended.
 * @param {string} check
 * @returns {Promise<Run>}
 */
async function runCheck(check) {
  const child = spawn("npm", ["run", "--silent", check], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  /** @type {Buffer[]} */
  const said = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (/** @type {Buffer} */ chunk) => said.push(chunk));
  const status = await new Promise((resolve) => {
    child.on("error", () => resolve(undefined));
    child.on("close", resolve);
  });
  announce(check);
  process.stdout.write(Buffer.concat(said));
  console.log(status === 0 ? "ok" : `${check} failed`);
  return status === 0 ? newRun(check) : { ...oneFailure(check), name: check };
}

/** @param {Run[]} runs */
function summarise(runs) {
  announce("totals");
  for (const { name, totals, failures } of runs) {
    if (checks.includes(name)) {
      console.log(`${name}: ${totals.fail === 0 ? "ok" : "failed"}`);
      continue;
    }
    for (const failure of failures) console.log(`failed: ${failure}`);
    console.log(`${name}: ${totals.pass} passed, ${totals.fail} failed, ${totals.skip + totals.todo} skipped`);
  }
  const passed = runs.reduce((sum, { totals }) => sum + totals.pass, 0);
  const failed = runs.reduce((sum, { totals }) => sum + totals.fail, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

/** @param {string[]} argv */
async function main([mode = "all"]) {
  const folder = mkdtempSync(join(tmpdir(), "bak-test-"));
  try {
    const checked = mode === "all" ? await runChecks() : [];
    compileTests();
    process.exitCode = summarise([...checked, ...(await runTests(mode, folder))]) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
