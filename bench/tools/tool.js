/** What every tool that is compared has to be able to do. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { BenchError } from "../bench-error.js";

/**
 * @typedef {object} Tool
 * @property {string} name as in a table's head
 * @property {string} version what was measured, in words: the tool, its version, and how its store is reached
 * @property {(place: import("../workplace.js").Workplace, folder: string) => Promise<Session>} start begins with an empty
 *   store and a home of its own, both in `folder`
 */

/**
 * A tool with a store of its own, for one round.
 * @typedef {object} Session
 * @property {string} store the store's folder on disk
 * @property {import("../server-process.js").ServerProcess | undefined} server undefined where the store is opened by the client
 * @property {(source: string) => Promise<import("../measured-run.js").Used>} push keeps a folder
 * @property {(target: string) => Promise<import("../measured-run.js").Used>} restore gets what was pushed last, into a folder
 *   that is there and empty
 * @property {() => Promise<void>} stop
 */

/**
 * The path of the first of these commands that is on the PATH.
 * @param {readonly string[]} names
 * @returns {string | undefined}
 */
export function findCommand(names) {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The first line that a command writes when it is asked for its version, up to what only its makers need.
 * @param {string} path
 * @param {readonly string[]} args
 * @returns {string}
 */
export function askVersion(path, args) {
  const { stdout, stderr, status } = spawnSync(path, args, { encoding: "utf8" });
  const version = /\d+(\.\d+)+\S*/.exec(`${stdout}${stderr}`)?.[0];
  if (status !== 0 || version === undefined) throw new BenchError(`'${path} ${args.join(" ")}' gives no version`);
  return version;
}
