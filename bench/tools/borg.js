/** borg (https://borgbackup.org), with a local repository without encryption: it has no server that waits. */
import { join } from "node:path";
import { runMeasured } from "../measured-run.js";
import { freshEnvironment } from "../workplace.js";
import { askVersion, findCommand } from "./tool.js";

/**
 * borg, if it is on the PATH.
 * @returns {import("./tool.js").Tool | undefined}
 */
export function borgTool() {
  const borg = findCommand(["borg"]);
  if (borg === undefined) return undefined;
  return {
    name: "borg",
    version: `borg ${askVersion(borg, ["--version"])} with a local repository`,
    start: async (place, folder) => {
      const store = join(folder, "store");
      const env = { ...freshEnvironment(folder), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes" };
      /**
       * @param {[string, ...string[]]} args
       * @param {string} cwd
       */
      const run = (args, cwd) => runMeasured(place, [borg, ...args], { name: `borg ${args[0]}`, env, cwd });
      let pushes = 0;
      await run(["init", "-e", "none", store], folder);
      return {
        store,
        server: undefined,
        push: (source) => run(["create", `${store}::${(pushes += 1)}`, "."], source),
        restore: (target) => run(["extract", `${store}::${pushes}`], target),
        stop: async () => undefined,
      };
    },
  };
}
