/** bak itself, as it lies in this repository: its server and its client. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runMeasured } from "../measured-run.js";
import { startServer } from "../server-process.js";
import { freshEnvironment } from "../workplace.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "bin/run.js");

/** What `bak push` is called with beside what it needs. */
/** @typedef {{ compression?: string | undefined }} BakOptions */

/**
 * @param {...string} args
 * @returns {[string, ...string[]]} the command line of `bak ARGS`, on the Node that runs this
 */
export const bakCommand = (...args) => [process.execPath, script, ...args];

/** @returns {string} bak's version */
export function bakVersion() {
  const { version } = /** @type {{ version: string }} */ (JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  return version;
}

/**
 * Starts `bak serve` on a folder, and waits until it listens.
 * @param {import("../workplace.js").Workplace} place
 * @param {string} store
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ server: import("../server-process.js").ServerProcess, url: string, port: number, readyS: number }>}
 */
export async function serveBak(place, store, env) {
  const { server, ready, readyS } = await startServer(place, bakCommand("serve", store, "--port", "0"), {
    name: "bak serve",
    env,
    isReady: (output) => /^bak: serving .* on (ws:\/\/\S+:(\d+))$/m.exec(output) ?? undefined,
  });
  return { server, url: ready[1] ?? "", port: Number(ready[2]), readyS };
}

/**
 * @param {BakOptions} [options]
 * @returns {import("./tool.js").Tool}
 */
export function bakTool({ compression } = {}) {
  const extra = compression === undefined ? [] : ["--compression", compression];
  const how = compression === undefined ? "" : ` --compression ${compression}`;
  return {
    name: "bak",
    version: `bak ${bakVersion()}${how} with its server, on Node ${process.versions.node}`,
    start: async (place, folder) => {
      const store = join(folder, "store");
      mkdirSync(store);
      const env = freshEnvironment(folder);
      const { server, url } = await serveBak(place, store, env);
      const where = ["--server", url, "--project", "bench"];
      /** @param {[string, ...string[]]} args */
      const run = (...args) => runMeasured(place, bakCommand(...args), { name: `bak ${args[0]}`, env });
      return {
        store,
        server,
        push: (source) => run("push", source, ...where, ...extra),
        restore: (target) => run("restore", ...where, "--to", target),
        stop: () => server.stop(),
      };
    },
  };
}
