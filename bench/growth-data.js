/** What a push and a restore cost as there are more files, and as there are more bytes. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeImage } from "./corpus/image.js";
import { makeTiny } from "./corpus/tiny.js";
import { runRounds } from "./rounds.js";
import { say } from "./talk.js";
import { bakTool } from "./tools/bak.js";
import { formatBytes, formatCount, formatFigure, median } from "./units.js";

const diskBytesPerFile = 4096;
/** The data, what a store has of it, and what is restored. */
const roomFactor = 2.8;

/** @param {import("./growth.js").Growing} growing */
export function growWithFiles(growing) {
  return growWithData(growing, {
    title: "files",
    format: formatCount,
    bytesOf: (files) => files * diskBytesPerFile,
    make: makeTiny,
  });
}

/** @param {import("./growth.js").Growing} growing */
export function growWithBytes(growing) {
  return growWithData(growing, {
    title: "one file of",
    format: formatBytes,
    bytesOf: (bytes) => bytes,
    make: (folder, bytes) => makeImage(join(folder, "disk.img"), bytes),
  });
}

/**
 * How data of some amount are made.
 * @typedef {object} Data
 * @property {string} title of the column of amounts
 * @property {(amount: number) => string} format
 * @property {(amount: number) => number} bytesOf on the disk
 * @property {(folder: string, amount: number) => Promise<void>} make
 */

/**
 * @param {import("./growth.js").Growing} growing
 * @param {Data} data
 * @returns {Promise<import("./growth.js").Grown>}
 */
async function growWithData({ place, amounts, runs }, { title, format, bytesOf, make }) {
  const measured = [];
  for (const amount of amounts) {
    place.assertRoom(bytesOf(amount) * roomFactor);
    say(`growth: making ${title} ${format(amount)}`);
    const folder = place.makeFolder("data");
    await make(folder, amount);
    const corpus = { name: `${title} ${format(amount)}`, folder, edit: undefined, reset: () => undefined };
    const rounds = await runRounds(place, corpus, { tools: [bakTool()], runs });
    await rm(folder, { recursive: true });
    measured.push({ amount, rounds });
  }
  const rows = measured.flatMap(({ amount, rounds }) => rowsOf(format(amount), rounds));
  return { table: { head: [title, ...columns], rows, textColumns: 2 }, measured };
}

const columns = ["step", "wall", "CPU, client", "CPU, server", "memory, client", "memory, server", "stored"];

/**
 * @param {string} amount
 * @param {readonly import("./rounds.js").Measured[]} rounds
 * @returns {string[][]}
 */
function rowsOf(amount, rounds) {
  return /** @type {const} */ (["first push", "unchanged", "restore"]).map((step, index) => {
    const ours = rounds.filter((one) => one.step === step);
    /**
     * @param {"wallS" | "cpuS" | "serverCpuS" | "peakBytes" | "serverPeakBytes" | "grewBytes"} key
     * @param {import("./units.js").Unit} unit
     */
    const cell = (key, unit) => {
      const values = ours.map((one) => one[key]).filter((value) => value !== undefined);
      return values.length === 0 ? "" : formatFigure(median(values), unit);
    };
    return [
      index === 0 ? amount : "",
      step,
      cell("wallS", "s"),
      cell("cpuS", "s"),
      cell("serverCpuS", "s"),
      cell("peakBytes", "B"),
      cell("serverPeakBytes", "B"),
      index === 0 ? cell("grewBytes", "B") : "",
    ];
  });
}
