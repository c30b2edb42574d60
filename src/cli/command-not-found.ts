/** What oclif calls for a command that there is not. */
import type { Hook } from "@oclif/core/hooks";
import { BakError } from "../errors.js";
import { errorData } from "./error-data.js";

/** Said as every other bad input is, with the exit code of bad usage. */
const commandNotFound: Hook.CommandNotFound = async ({ id, argv, context }) => {
  const error = new BakError("USAGE", `no such command: '${id.replaceAll(":", " ")}'`, { hint: "see 'bak --help'" });
  if (argv?.includes("--json") === true) context.log(JSON.stringify(errorData(error), undefined, 2));
  else process.stderr.write(`bak: ${error.message}\n     ${error.hint}\n`);
  context.exit(error.exitCode);
};

export default commandNotFound;
