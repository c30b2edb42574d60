/**
 * Runs the tests, and ends with one line that says how many passed and failed.
 *
 *     node scripts/test.js          the checks (build, types, lint, ...), every test, the end-to-end part on Node 24
 *     node scripts/test.js unit     every test outside test/e2e
 *     node scripts/test.js e2e      test/e2e on the Node that runs this script
 *     node scripts/test.js node24   test/e2e on Node 24, which npm fetches
 *
 * Totals are tap's own, read from its TAP output. A check that fails, and a run that never gave totals, count as one failure.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { compiled, compileTests, root, tapRunner } from "./compiled-tests.js";

/** @typedef {{ pass: number, fail: number, skip: number, todo: number }} Totals */
/** @typedef {{ name: string, totals: Totals, failures?: string[] }} Run */

/** The first makes what some of the others look at; these use one core each, and run two at a time. */
const checks = ["build", "types", "lint", "format:check", "layers", "unused"];
const checksAtOnce = 2;
const oneFailure = { pass: 0, fail: 1, skip: 0, todo: 0 };
const major = Number(process.versions.node.split(".")[0]);

/**
 * The test files under a folder of test/, sorted, as paths from the root of the project.
 * @param {(path: string) => boolean} wanted
 */
function testFiles(wanted) {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((path) => join("test", path).split(sep).join("/"))
    .filter((path) => path.endsWith(".test.ts") && !/^test\/(helpers|fixtures)\//.test(path))
    .filter(wanted)
    .toSorted();
}

/** @param {string} path */
const isEndToEnd = (path) => path.startsWith("test/e2e/");

/** @param {string} title */
function announce(title) {
  console.log(`\n== ${title}`);
}

/**
 * Reads the totals that tap writes at the end of its output.
 * @param {string} path
 * @returns {Totals | undefined} undefined if there are none: tap, or what should have started it, did not get that far
 */
function readTotals(path) {
  let text;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const last = [...text.matchAll(/^# \{ (total: .*) \}$/gm)].at(-1)?.[1];
  if (last === undefined) return undefined;
  /** @param {string} key */
  const count = (key) => Number(new RegExp(`\\b${key}: (\\d+)`).exec(last)?.[1] ?? 0);
  return { pass: count("pass"), fail: count("fail"), skip: count("skip"), todo: count("todo") };
}

/**
 * The assertions that failed, each behind the names of the tests that it stands in, from tap's output: the totals name
 * them once more, since a record of a run is often only its end.
 * @param {string} path
 */
function readFailures(path) {
  /** @type {string[]} */
  const within = [];
  /** @type {string[]} */
  const failures = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const [, indent, kind, name] = /^( *)(# Subtest:|not ok \d+ -) (.*)$/.exec(line) ?? [];
    if (indent === undefined || name === undefined) continue;
    const depth = indent.length / 4;
    if (kind === "# Subtest:") within.splice(depth, within.length, name);
    else failures.push([...within.slice(0, depth), name].join(" > "));
  }
  return failures;
}

/**
 * Runs a command that leads to tap, and judges it by both its totals and its exit code.
 * @param {string} name
 * @param {string} tapFile where tap writes its output
 * @param {() => import("node:child_process").SpawnSyncReturns<Buffer>} start
 * @returns {Run}
 */
function judge(name, tapFile, start) {
  const { status, signal, error } = start();
  const totals = readTotals(tapFile);
  if (totals === undefined) {
    console.error(
      `${name}: no test ran (${error?.message ?? (signal ? `killed by ${signal}` : `exit code ${status}`)})`,
    );
    return { name, totals: oneFailure };
  }
  if (status !== 0 && totals.fail === 0) {
    console.error(`${name}: no test failed, but tap gave exit code ${status ?? signal}`);
    return { name, totals: { ...totals, fail: 1 } };
  }
  return { name, totals, failures: totals.fail > 0 ? readFailures(tapFile) : [] };
}

/**
 * @param {string} title
 * @param {string[]} files
 * @param {string} tapFile
 * @returns {Run}
 */
function runTap(title, files, tapFile) {
  const name = `${title} on node ${process.version}`;
  announce(`${name}: ${files.length} files`);
  if (files.length === 0) {
    console.error(`${name}: there are no test files`);
    return { name, totals: oneFailure };
  }
  const reporter = process.stdout.isTTY ? "base" : "min";
  return judge(name, tapFile, () =>
    spawnSync(
      process.execPath,
      [tapRunner, "run", `--reporter=${reporter}`, `--output-file=${tapFile}`, ...files.map(compiled)],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
      },
    ),
  );
}

/**
 * `npm exec` and not a devDependency: a `node` in node_modules/.bin would be the Node of every other script, too.
 * @param {string} tapFile
 * @returns {Run}
 */
function runOnNode24(tapFile) {
  const name = "end-to-end tests on Node 24";
  announce(`${name}, which npm fetches`);
  const command = ["exec", "--yes", "--allow-scripts=node", "--package=node@24", "--"];
  const script = ["node", "scripts/test.js", "e2e", tapFile];
  const run = judge(name, tapFile, () =>
    spawnSync("npm", [...command, ...script], { cwd: root, stdio: ["ignore", "inherit", "inherit"] }),
  );
  if (run.totals === oneFailure)
    console.error(`${name}: npm could not fetch or start node@24; is its registry in reach?`);
  return run;
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
  return { name: check, totals: status === 0 ? { ...oneFailure, fail: 0 } : oneFailure };
}

/**
 * @param {string} mode
 * @param {string} folder for tap's output
 * @param {string | undefined} tapFile where tap's output is to go: whoever says so has compiled the tests
 * @returns {Promise<Run[]>}
 */
async function runMode(mode, folder, tapFile) {
  const mainTap = tapFile ?? join(folder, "main.tap");
  const checked = mode === "all" ? await runChecks() : [];
  if (tapFile === undefined) compileTests();
  switch (mode) {
    case "unit":
      return [
        runTap(
          "unit tests",
          testFiles((path) => !isEndToEnd(path)),
          mainTap,
        ),
      ];
    case "e2e":
      return [runTap("end-to-end tests", testFiles(isEndToEnd), mainTap)];
    case "node24":
      return [runOnNode24(join(folder, "node24.tap"))];
    case "all": {
      const tested = runTap(
        "all tests",
        testFiles(() => true),
        mainTap,
      );
      if (major >= 24) return [...checked, tested];
      return [...checked, tested, runOnNode24(join(folder, "node24.tap"))];
    }
    default:
      throw new Error(`not a way to run the tests: '${mode}'`);
  }
}

/** @param {Run[]} runs */
function summarise(runs) {
  announce("totals");
  for (const { name, totals, failures = [] } of runs) {
    for (const failure of failures) console.log(`failed: ${failure}`);
    if (checks.includes(name)) console.log(`${name}: ${totals.fail === 0 ? "ok" : "failed"}`);
    else console.log(`${name}: ${totals.pass} passed, ${totals.fail} failed, ${totals.skip + totals.todo} skipped`);
  }
  const passed = runs.reduce((sum, { totals }) => sum + totals.pass, 0);
  const failed = runs.reduce((sum, { totals }) => sum + totals.fail, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

/** @param {string[]} argv */
async function main([mode = "all", tapFile]) {
  const folder = mkdtempSync(join(tmpdir(), "bak-test-"));
  try {
    const runs = await runMode(mode, folder, tapFile);
    if (tapFile === undefined) process.exitCode = summarise(runs) ? 0 : 1;
    else process.exitCode = runs.every(({ totals }) => totals.fail === 0) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
