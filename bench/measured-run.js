/**
 * Runs a command to its end and says what it took. Node cannot ask the kernel what a child has used, so GNU time asks where
 * it is installed; elsewhere on Linux /proc is looked at every 20 ms, which misses what the process did in its last moments.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./bench-error.js";
import { cpuSecondsOf, memoryOf } from "./process-figures.js";

const sampleMs = 20;

/**
 * @typedef {object} Used
 * @property {number} wallS
 * @property {number | undefined} cpuS user and system time, in seconds
 * @property {number | undefined} peakBytes the most memory that it had in use
 */

/** @typedef {"time" | "proc"} Method */

/** @type {Method | undefined} */
let found;

/**
 * How this machine's processes can be measured.
 * @returns {Method}
 */
export function measuringMethod() {
  // 1.7 and older are called 'GNU time', and give four times the memory
  found ??= /GNU Time/.test(spawnSync("/usr/bin/time", ["--version"], { encoding: "utf8" }).stdout ?? "")
    ? "time"
    : "proc";
  return found;
}

/**
 * What is said of the method in a report.
 * @returns {string}
 */
export function describeMethod() {
  if (measuringMethod() === "time") return "clients measured by GNU time, servers by /proc";
  if (process.platform === "linux") return "clients and servers measured by /proc, every 20 ms";
  return "CPU and memory not measured, for want of GNU time and /proc";
}

/**
 * Runs a command to its end. Rejects with a BenchError that ends with the last line it said unless its exit code is 0.
 * @param {import("./workplace.js").Workplace} place
 * @param {readonly [string, ...string[]]} command
 * @param {{ name: string, env: NodeJS.ProcessEnv, cwd?: string, method?: Method }} options `name`: for the message
 * @returns {Promise<Used & { output: string }>}
 */
export async function runMeasured(place, [command, ...args], { name, env, cwd, method = measuringMethod() }) {
  const report = join(place.folder, "last-time");
  const begin = performance.now();
  const wrapped =
    method === "time" ? ["/usr/bin/time", "-o", report, "-f", "%U %S %M", command, ...args] : [command, ...args];
  const started = place.start(wrapped[0] ?? command, wrapped.slice(1), { env, ...(cwd === undefined ? {} : { cwd }) });
  const sampled = method === "proc" ? sample(started.child.pid) : undefined;
  const code = await started.ended;
  const wallS = (performance.now() - begin) / 1000;
  const used = sampled?.stop() ?? readReport(report);
  if (code !== 0) throw failure(name, code, started.output());
  return { wallS, ...used, output: started.output() };
}

/**
 * @param {string} name
 * @param {number} code
 * @param {string} output
 */
export function failure(name, code, output) {
  const said = output.trim().split("\n").slice(-5).join("\n     ");
  return new BenchError(`'${name}' failed with exit code ${code}`, said === "" ? {} : { hint: said });
}

/** @param {string} path */
function readReport(path) {
  const line = readFileSync(path, "utf8").trim().split("\n").at(-1) ?? "";
  const [user = Number.NaN, system = Number.NaN, kib = Number.NaN] = line.split(" ").map(Number);
  rmSync(path);
  return { cpuS: user + system, peakBytes: kib * 1024 };
}

/** @param {number | undefined} pid */
function sample(pid) {
  /** @type {{ cpuS: number | undefined, peakBytes: number | undefined }} */
  const used = { cpuS: undefined, peakBytes: undefined };
  const look = () => {
    used.cpuS = cpuSecondsOf(pid) ?? used.cpuS;
    used.peakBytes = memoryOf(pid) ?? used.peakBytes;
  };
  look();
  const timer = setInterval(look, sampleMs);
  return {
    stop: () => {
      clearInterval(timer);
      return used;
    },
  };
}
