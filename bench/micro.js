/** The parts of bak one by one, as they lie in dist/, measured by tinybench. */
import { writeFileSync } from "node:fs";
import { Bench } from "tinybench";
import { BenchError } from "./bench-error.js";
import { positive, readCommandLine } from "./command-line.js";
import { writeBlock } from "./document.js";
import { describeMachine } from "./environment.js";
import { lookupTasks, messageTasks, objectTasks, packTasks } from "./micro-tasks.js";
import { formatTable } from "./table.js";
import { answer, say } from "./talk.js";
import { bakVersion } from "./tools/bak.js";
import { formatCount, formatFigure } from "./units.js";

const microHelp = `npm run bench -- micro [OPTIONS]      the parts of bak, one by one

  --time MS       for each (default 500)
  --scale N       makes the store in which objects are looked up N times as large (default 1: 500,000 objects)
  --json FILE     writes every figure
  --write         puts the table into docs/performance.md
  --work DIR      where that store is made (default: the folder for temporary files)`;

const lookupObjects = 500_000;

/**
 * One thing that is measured.
 * @typedef {object} Task
 * @property {string} part
 * @property {string} work what is done once
 * @property {{ bytes: number } | { items: number }} amount how much that is, for the rate
 * @property {() => unknown} run
 */

/**
 * What a task has taken, in ms: the median, and how far the mean may be off.
 * @typedef {object} Taken
 * @property {Task} task
 * @property {number} medianMs
 * @property {number} errorPercent
 */

/**
 * @param {readonly string[]} args
 * @param {import("./main.js").OpenWorkplace} openWorkplace
 */
export async function micro(args, openWorkplace) {
  const { shared, own } = readCommandLine(args, { time: { type: "string", default: "500" } }, { runs: undefined });
  if (shared.help) return answer(microHelp);
  const timeMs = positive("time", own.time ?? "");
  const place = openWorkplace(shared.work);
  /** @type {Taken[]} */
  const taken = [];
  for (const task of [...(await objectTasks()), ...(await packTasks()), ...(await messageTasks())]) {
    taken.push(await measure(task, timeMs));
  }
  const objects = Math.ceil(lookupObjects * shared.scale);
  say(`micro: making a store of ${formatCount(objects)} objects`);
  const { tasks, close } = await lookupTasks(`${place.folder}/store`, objects);
  for (const task of tasks) taken.push(await measure(task, timeMs));
  await close();
  const text = `bak ${bakVersion()} on Node ${process.versions.node}, one thread; medians. ${describeMachine()}.\n\n${formatTable(microTable(taken))}`;
  answer(text);
  if (shared.write) writeBlock("micro", text);
  if (shared.json !== undefined) writeFileSync(shared.json, `${JSON.stringify(taken, undefined, 2)}\n`);
}

/**
 * @param {Task} task
 * @param {number} timeMs
 * @returns {Promise<Taken>}
 */
async function measure(task, timeMs) {
  const bench = new Bench({ time: timeMs, iterations: 3, warmupTime: timeMs / 5, warmupIterations: 1 });
  bench.add(task.work, () => task.run());
  const [done] = await bench.run();
  const result = done?.result;
  if (result?.state !== "completed") {
    const cause = result?.state === "errored" ? result.error : undefined;
    throw new BenchError(`'${task.part}: ${task.work}' failed: ${cause?.message ?? "no figures"}`, { cause });
  }
  say(`micro: ${task.part}, ${task.work}: ${formatFigure(result.latency.p50, "ms")}`);
  return { task, medianMs: result.latency.p50, errorPercent: result.latency.rme };
}

/**
 * @param {readonly Taken[]} taken
 * @returns {import("./table.js").Table}
 */
function microTable(taken) {
  const rows = taken.map(({ task: { part, work, amount }, medianMs, errorPercent }, index) => {
    const perSecond = 1000 / medianMs;
    const rate =
      "bytes" in amount
        ? formatFigure(amount.bytes * perSecond, "B/s")
        : `${formatCount(amount.items * perSecond)} a second`;
    return [
      taken[index - 1]?.task.part === part ? "" : part,
      work,
      formatFigure(medianMs, "ms"),
      rate,
      `${errorPercent.toFixed(1)}%`,
    ];
  });
  return { head: ["part", "work", "time", "rate", "±"], rows, textColumns: 2 };
}
