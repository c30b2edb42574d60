/** What oclif calls for a command that there is not. */
import type { Hook } from "@oclif/core/hooks";
import { BakError } from "../errors.js";
import { errorData } from "./error-data.js";

/** Said as every other bad input is, with the exit code of bad usage. */
const commandNotFound: Hook.CommandNotFound = async ({ id, argv, config, context }) => {
  const words = id.split(":");
  const known = words.findIndex((_, at) => config.findCommand(words.slice(0, at + 1).join(":")) !== undefined) + 1;
  const error =
    known === 0 ? noCommand(words.join(" ")) : tooMuch(words.slice(0, known).join(" "), words.slice(known).join(" "));
  if (argv?.includes("--json") === true) context.log(JSON.stringify(errorData(error), undefined, 2));
  else process.stderr.write(`bak: ${error.message}\n     ${error.hint}\n`);
  context.exit(error.exitCode);
};

function noCommand(name: string): BakError {
  return new BakError("USAGE", `no such command: '${name}'`, { hint: "see 'bak --help'" });
}

/** What follows a command that takes no arguments is for oclif a part of its name. */
function tooMuch(name: string, rest: string): BakError {
  return new BakError("USAGE", `'bak ${name}' takes no arguments: '${rest}'`, { hint: `see 'bak ${name} --help'` });
}

export default commandNotFound;
