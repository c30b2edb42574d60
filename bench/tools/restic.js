/** restic (https://restic.net), with its rest-server where that is installed. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runMeasured } from "../measured-run.js";
import { accepts, freePort, startServer } from "../server-process.js";
import { freshEnvironment } from "../workplace.js";
import { askVersion, findCommand } from "./tool.js";

/**
 * restic, if it is on the PATH.
 * @returns {import("./tool.js").Tool | undefined}
 */
export function resticTool() {
  const restic = findCommand(["restic"]);
  if (restic === undefined) return undefined;
  const serve = findCommand(["rest-server", "restic-rest-server"]);
  const how =
    serve === undefined
      ? "with a local repository, for want of rest-server"
      : `with rest-server ${askVersion(serve, ["--version"])}`;
  return {
    name: "restic",
    version: `restic ${askVersion(restic, ["version"])} ${how}`,
    start: async (place, folder) => {
      const store = join(folder, "store");
      mkdirSync(store);
      const env = { ...freshEnvironment(folder), RESTIC_PASSWORD: "bench" };
      const served = serve === undefined ? undefined : await startRestServer(place, { serve, store, env });
      const repository = served?.url ?? store;
      /**
       * @param {[string, ...string[]]} args
       * @param {string} [cwd]
       */
      const run = (args, cwd = folder) =>
        runMeasured(place, [restic, "-r", repository, ...args], { name: `restic ${args[0]}`, env, cwd });
      await run(["init"]);
      return {
        store,
        server: served?.server,
        push: (source) => run(["backup", "."], source),
        restore: (target) => run(["restore", "latest", "--target", target]),
        stop: async () => served?.server.stop(),
      };
    },
  };
}

/**
 * @param {import("../workplace.js").Workplace} place
 * @param {{ serve: string, store: string, env: NodeJS.ProcessEnv }} options
 */
async function startRestServer(place, { serve, store, env }) {
  const port = await freePort();
  const { server } = await startServer(place, [serve, "--path", store, "--no-auth", "--listen", `127.0.0.1:${port}`], {
    name: "rest-server",
    env,
    isReady: () => accepts(port),
  });
  return { server, url: `rest:http://127.0.0.1:${port}/` };
}
