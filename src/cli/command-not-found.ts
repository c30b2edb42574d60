/** What oclif calls for a command that there is not. */
import type { Hook } from "@oclif/core";
import { exitCodes } from "../errors.js";

/** One line, as for every other bad input, and the exit code of bad usage. */
const commandNotFound: Hook.CommandNotFound = async ({ id, context }) => {
  process.stderr.write(`bak: no such command: '${id.replaceAll(":", " ")}'\n     see 'bak --help'\n`);
  context.exit(exitCodes.usage);
};

export default commandNotFound;
