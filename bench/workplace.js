/** Where a run of the bench works: a temporary folder, and the processes that it has started. Both go when it ends. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join, resolve } from "node:path";
import { BenchError } from "./bench-error.js";
import { formatBytes } from "./units.js";

/** So much of what a process says is kept, to be shown if it fails. */
const tailBytes = 8 << 10;

/**
 * @typedef {object} Started
 * @property {import("node:child_process").ChildProcess} child
 * @property {() => string} output the last 8 KiB of what it has written to stdout and stderr
 * @property {Promise<number>} ended resolves with its exit code (128 and more: killed); never rejects
 */

/**
 * The environment of every tool that is measured: nothing of the user's own settings of bak, restic or borg, and a home,
 * cache and data folder that were empty before.
 * @param {string} home
 * @returns {NodeJS.ProcessEnv}
 */
export function freshEnvironment(home) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(BAK_(?!BLAKE3)|RESTIC_|BORG_|XDG_)/.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
  };
}

/** A temporary folder of its own under `parent`, and every process started there. */
export class Workplace {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  #running = new Set();
  #folders = 0;

  /** @param {string} parent */
  constructor(parent) {
    if (!existsSync(parent))
      throw new BenchError(`no folder '${parent}' to work in`, { hint: "make it, or name another" });
    /** Absolute path. */
    this.folder = mkdtempSync(join(resolve(parent), "bak-bench-"));
  }

  /**
   * Makes a folder that was not there before.
   * @param {string} name the first part of its name
   * @returns {string} its path
   */
  makeFolder(name) {
    const path = join(this.folder, `${name}-${(this.#folders += 1)}`);
    mkdirSync(path);
    return path;
  }

  /**
   * Throws unless the disk has that much left.
   * @param {number} bytes
   */
  assertRoom(bytes) {
    const { bavail, bsize } = statfsSync(this.folder);
    const free = bavail * bsize;
    if (free >= bytes) return;
    throw new BenchError(
      `too little room in '${this.folder}': ${formatBytes(bytes)} needed, ${formatBytes(free)} free`,
      {
        hint: "--work DIR takes a folder on another disk, --scale 0.1 makes it all smaller",
      },
    );
  }

  /**
   * Starts a process in a group of its own, which can be killed as a whole.
   * @param {string} command
   * @param {readonly string[]} args
   * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
   * @returns {Started}
   */
  start(command, args, { env = process.env, cwd = this.folder } = {}) {
    const child = spawn(command, args, { env, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#running.add(child);
    let tail = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        tail = (tail + text).slice(-tailBytes);
      });
    }
    /** @type {Promise<number>} */
    const ended = new Promise((end) => {
      const finish = (/** @type {number} */ code) => {
        this.#running.delete(child);
        end(code);
      };
      child.on("error", (error) => {
        tail += error.message;
        finish(127);
      });
      child.on("close", (code, signal) => finish(code ?? (signal === "SIGKILL" ? 137 : 143)));
    });
    return { child, ended, output: () => tail };
  }

  /** Kills whatever still runs; safe where nothing but synchronous code is. */
  kill() {
    for (const { pid } of this.#running) {
      if (pid === undefined) continue;
      try {
        process.kill(-pid, "SIGKILL");
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error; // it ended by itself
      }
    }
  }

  /** Kills whatever still runs, and deletes the folder; blocks until that is done. */
  closeNow() {
    this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
