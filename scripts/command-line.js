/** What the scripts that run for as long as wanted read from their command lines. */
import { parseArgs } from "node:util";

/**
 * The options that were given. `--help` writes how the script is called, and ends the process; what is no option of its own ends
 * it as wrong usage, with one line.
 * @template {string} T
 * @param {string} usage
 * @param {readonly T[]} names of options, each of which takes a number above 0
 * @returns {Partial<Record<T, number>>}
 */
export function readNumbers(usage, names) {
  const options = Object.fromEntries(names.map((name) => [name, /** @type {const} */ ({ type: "string" })]));
  const values = parse({ ...options, help: { type: "boolean", short: "h" } });
  if (values["help"] === true) {
    console.log(usage);
    process.exit(0);
  }
  /** @type {Partial<Record<T, number>>} */
  const numbers = {};
  for (const name of names) {
    const value = values[name];
    if (typeof value === "string") numbers[name] = positive(name, value);
  }
  return numbers;
}

/**
 * @param {Record<string, { type: "string" | "boolean", short?: string }>} options
 * @returns {Record<string, unknown>}
 */
function parse(options) {
  try {
    return parseArgs({ options, allowPositionals: false }).values;
  } catch (error) {
    const [what = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
    return refuse(what.charAt(0).toLowerCase() + what.slice(1));
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function positive(name, text) {
  const number = Number(text);
  if (number > 0 && number < Infinity) return number;
  return refuse(`--${name} takes a number above 0, not '${text}'`);
}

/**
 * @param {string} why
 * @returns {never}
 */
function refuse(why) {
  console.error(`${why}; --help lists all options`);
  process.exit(2);
}
