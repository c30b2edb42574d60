/** What a reader has to know of the machine that figures were taken on. */
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";

/**
 * @returns {string} one line: the system, its cores and memory, and the day
 */
export function describeMachine() {
  const cores = availableParallelism();
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const series = release().split(".").slice(0, 2).join(".");
  const day = new Date().toISOString().slice(0, 10);
  return `${cores} ${cores === 1 ? "core" : "cores"} (${model}), ${Math.round(totalmem() / 1e9)} GB of memory, ${type()} ${series} on ${arch()}, ${day}`;
}

/**
 * @param {number} runs
 * @returns {string} how a figure came of them
 */
export function describeRuns(runs) {
  return runs === 1 ? "One round" : `Medians of ${runs} rounds`;
}
