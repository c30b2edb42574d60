/** What the parts of the bench read from their command lines. */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { BenchError } from "./bench-error.js";

/** @typedef {import("node:util").ParseArgsConfig["options"]} Options */

/** The options that every part has. */
const shared = /** @type {const} */ ({
  help: { type: "boolean", short: "h", default: false },
  json: { type: "string" },
  scale: { type: "string", default: "1" },
  work: { type: "string" },
  write: { type: "boolean", default: false },
});

/**
 * @typedef {object} Shared
 * @property {boolean} help
 * @property {string | undefined} json the file that takes every figure
 * @property {number} runs
 * @property {number} scale
 * @property {string} work the folder in which the temporary one is made
 * @property {boolean} write whether docs/performance.md takes the figures
 */

/**
 * Reads a command line; throws a BenchError for one that is not as it should be.
 * @template {Record<string, { type: "string" | "boolean", default?: string | boolean }>} T
 * @param {readonly string[]} args
 * @param {T} own the options of this part
 * @param {{ runs: number | undefined }} defaults `runs`: undefined for a part that has no rounds
 * @returns {{ shared: Shared, own: Record<keyof T, string | undefined> }} of the own options, those of type string
 */
export function readCommandLine(args, own, { runs }) {
  const values = parse(args, { ...shared, ...own, ...(runs === undefined ? {} : { runs: { type: "string" } }) });
  return {
    shared: {
      help: values["help"] === true,
      json: textOf(values["json"]),
      runs: positive("runs", textOf(values["runs"]) ?? String(runs ?? 1), true),
      scale: positive("scale", textOf(values["scale"]) ?? "1"),
      work: textOf(values["work"]) ?? tmpdir(),
      write: values["write"] === true,
    },
    own: /** @type {Record<keyof T, string | undefined>} */ (
      Object.fromEntries(Object.keys(own).map((name) => [name, textOf(values[name])]))
    ),
  };
}

/**
 * @param {readonly string[]} args
 * @param {NonNullable<Options>} options
 * @returns {Record<string, unknown>}
 */
function parse(args, options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split(". ")[0] ?? "") : String(cause);
    throw new BenchError(message.charAt(0).toLowerCase() + message.slice(1), {
      hint: "npm run bench -- --help lists all options",
      exitCode: 2,
      cause,
    });
  }
}

/** @param {unknown} value */
const textOf = (value) => (typeof value === "string" ? value : undefined);

/**
 * A number above zero; throws a BenchError for any other text.
 * @param {string} name of the option
 * @param {string} text
 * @param {boolean} [isWhole]
 * @returns {number}
 */
export function positive(name, text, isWhole = false) {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value) && (!isWhole || Number.isInteger(value))) return value;
  throw new BenchError(`--${name} takes a ${isWhole ? "whole " : ""}number above zero, not '${text}'`, { exitCode: 2 });
}

/**
 * The names in a list with commas, each of them one of those that there are.
 * @template {string} T
 * @param {string} option
 * @param {string} text
 * @param {readonly T[]} known
 * @returns {T[]} in the order of `known`
 */
export function namesIn(option, text, known) {
  const named = text.split(",").map((name) => name.trim());
  const strange = named.find((name) => !(/** @type {readonly string[]} */ (known).includes(name)));
  if (strange !== undefined)
    throw new BenchError(`--${option} does not know '${strange}'`, {
      hint: `it knows ${known.join(", ")}`,
      exitCode: 2,
    });
  return known.filter((name) => named.includes(name));
}
