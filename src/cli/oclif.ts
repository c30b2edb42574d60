/** What bin/run.js needs of oclif and of bak, so that the bundle has it once for that and the commands. */
export { execute } from "@oclif/core/execute";
export { settings } from "@oclif/core/settings";
export { tendStandardStreams } from "./standard-streams.js";
