/**
 * Runs compiled files of tests, some at a time, each as a process of its own. `tap run` does so too, but has each process,
 * and each of its threads, load what it needs to measure coverage, which nobody asked for: that was a third of the time of all tests.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { compiled, root } from "./compiled-tests.js";

/** @typedef {{ pass: number, fail: number, skip: number, todo: number }} Totals tap's own */
/** @typedef {{ file: string, node: { path: string, version: string }, output: string }} TestFile a file of test/, the Node that runs it, and where what it says goes */
/** @typedef {{ totals: Totals, failures: string[] }} Judgement */

/** Tests wait for disks and for each other: a third has something to do on two cores. */
const filesAtOnce = 3;
/** Tap ends a file in time by itself, and can then say what it was doing; unless it is so busy that it never finds out. */
const graceMs = 20_000;

const withoutDomains = new URL("without-domains.js", import.meta.url).href;
const { tap } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/**
 * Runs all of them, in this order.
 * @template {TestFile} T
 * @param {T[]} files
 * @param {(file: T, judgement: Judgement) => void} onEnd called when one has ended
 */
export async function runFiles(files, onEnd) {
  const waiting = [...files];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) onEnd(file, await runFile(file));
  };
  await Promise.all(Array.from({ length: filesAtOnce }, work));
}

/**
 * Judges a file both by the totals in its output and by how its process ended.
 * @param {TestFile} file
 * @returns {Promise<Judgement>}
 */
async function runFile({ file, node, output }) {
  mkdirSync(dirname(output), { recursive: true });
  const descriptor = openSync(output, "w");
  const child = spawn(node.path, ["--enable-source-maps", "--import", withoutDomains, compiled(file)], {
    cwd: root,
    env: {
      ...process.env,
      PATH: [dirname(node.path), process.env["PATH"]].join(delimiter),
      TAP: "1",
      TAP_TIMEOUT: String(tap.timeout),
      // where its folders go: two Nodes may run the same file at the same time
      TAP_CWD: node.path === process.execPath ? root : join(root, ".tap", node.version),
    },
    stdio: ["ignore", descriptor, "inherit"],
  });
  closeSync(descriptor);
  const timer = setTimeout(() => child.kill("SIGKILL"), tap.timeout * 1000 + graceMs);
  const [status, signal] = await once(child, "exit").catch((error) => [error.message, null]);
  clearTimeout(timer);

  const text = readFileSync(output, "utf8");
  const totals = readTotals(text);
  const end = signal === null ? `exit code ${status}` : `killed by ${signal}`;
  if (totals === undefined) return oneFailure(`${file}: did not get to its end (${end})`);
  if (totals.fail > 0) return { totals, failures: readFailures(text).map((failure) => `${file}: ${failure}`) };
  if (status === 0) return { totals, failures: [] };
  return { ...oneFailure(`${file}: no test failed, but it ended with ${end}`), totals: { ...totals, fail: 1 } };
}

/**
 * @param {string} failure
 * @returns {Judgement}
 */
export function oneFailure(failure) {
  return { totals: { pass: 0, fail: 1, skip: 0, todo: 0 }, failures: [failure] };
}

/**
 * The totals that tap writes at the end of its output.
 * @param {string} text
 * @returns {Totals | undefined} undefined if there are none: the file did not get that far
 */
function readTotals(text) {
  const last = [...text.matchAll(/^# \{ (total: .*) \}$/gm)].at(-1)?.[1];
  if (last === undefined) return undefined;
  /** @param {string} key */
  const count = (key) => Number(new RegExp(`\\b${key}: (\\d+)`).exec(last)?.[1] ?? 0);
  return { pass: count("pass"), fail: count("fail"), skip: count("skip"), todo: count("todo") };
}

/**
 * The assertions that failed, each behind the names of the tests that it stands in.
 * @param {string} text tap's output
 */
function readFailures(text) {
  /** @type {string[]} */
  const within = [];
  /** @type {string[]} */
  const failures = [];
  for (const line of text.split("\n")) {
    const [, indent, kind, name] = /^( *)(# Subtest:|not ok \d+ -) (.*)$/.exec(line) ?? [];
    if (indent === undefined || name === undefined) continue;
    const depth = indent.length / 4;
    if (kind === "# Subtest:") within.splice(depth, within.length, name);
    else failures.push([...within.slice(0, depth), name].join(" > "));
  }
  return failures;
}
