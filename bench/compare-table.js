/** The figures of some rounds as a table: medians, and their ratios to those of bak's peers. */
import { formatFigure, median } from "./units.js";

/**
 * @typedef {object} Figure
 * @property {string} title
 * @property {"s" | "B"} unit
 * @property {keyof Pick<import("./rounds.js").Measured, "wallS" | "cpuS" | "peakBytes" | "serverCpuS" | "serverPeakBytes" | "grewBytes">} key
 */

/** @type {readonly Figure[]} */
const always = [
  { title: "wall", unit: "s", key: "wallS" },
  { title: "CPU, client", unit: "s", key: "cpuS" },
  { title: "CPU, server", unit: "s", key: "serverCpuS" },
  { title: "memory, client", unit: "B", key: "peakBytes" },
  { title: "memory, server", unit: "B", key: "serverPeakBytes" },
];

/** @type {readonly (readonly [import("./rounds.js").Step, readonly Figure[]])[]} */
const steps = [
  ["first push", [...always, { title: "stored", unit: "B", key: "grewBytes" }]],
  ["unchanged", always],
  ["edited", [...always, { title: "stored more", unit: "B", key: "grewBytes" }]],
  ["restore", always],
];

/** What is less than this cannot be told from nothing, and gives no ratio. */
const leastCompared = { s: 0.05, B: 1 };

/**
 * A row for each figure of each step, a column for each tool, and one for each ratio to a peer of the first tool.
 * @param {readonly import("./rounds.js").Measured[]} measured
 * @param {readonly string[]} tools bak first
 * @returns {import("./table.js").Table}
 */
export function compareTable(measured, tools) {
  const [own = "bak", ...peers] = tools;
  /** @type {string[][]} */
  const rows = [];
  for (const [step, figures] of steps) {
    let title = step;
    for (const { title: figure, unit, key } of figures) {
      /** @param {string} tool */
      const valueOf = (tool) =>
        medianOf(
          measured.filter((one) => one.step === step && one.tool === tool),
          key,
        );
      const values = tools.map(valueOf);
      if (values.every((value) => value === undefined)) continue;
      const ratios = peers.map((peer) => ratioOf(valueOf(own), valueOf(peer), unit));
      rows.push([
        title,
        figure,
        ...values.map((value) => (value === undefined ? "" : formatFigure(value, unit))),
        ...ratios,
      ]);
      title = /** @type {typeof step} */ ("");
    }
  }
  return { head: ["step", "figure", ...tools, ...peers.map((peer) => `${own} / ${peer}`)], rows, textColumns: 2 };
}

/**
 * @param {readonly import("./rounds.js").Measured[]} measured
 * @param {Figure["key"]} key
 */
function medianOf(measured, key) {
  const values = measured.map((one) => one[key]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

/**
 * @param {number | undefined} value
 * @param {number | undefined} other
 * @param {Figure["unit"]} unit
 */
function ratioOf(value, other, unit) {
  if (value === undefined || other === undefined || other < leastCompared[unit]) return "";
  return formatFigure(value / other, "ratio");
}
