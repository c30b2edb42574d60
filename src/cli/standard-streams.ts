/** What becomes of bak where its stdout or stderr cannot be written, as on a full disk, or in a terminal that was closed. */
// oxlint-disable-next-line import/no-unassigned-import -- it adds the listener that is replaced here
import "@oclif/core/command";
import { reasonOf } from "../client/source-failure.js";
import { errnoOf, exitCodes } from "../errors.js";

/**
 * To be called once, at the start. What is said on stderr and not heard ends nothing: a push is made, and a server goes on.
 * An answer that stdout does not take is told of at the end, and makes the exit code 1, unless something else has failed.
 * Whoever has closed a pipe knows that, and is told nothing.
 */
export function tendStandardStreams(): void {
  process.stderr.on("error", () => undefined);
  let failure: Error | undefined;
  process.stdout.removeAllListeners("error").on("error", (error) => {
    if (errnoOf(error) !== "EPIPE") failure ??= error;
  });
  process.once("exit", (code) => {
    if (failure === undefined || code !== exitCodes.done) return;
    process.stderr.write(`bak: cannot write to stdout: ${reasonOf(failure)}\n`);
    process.exitCode = exitCodes.failed;
  });
}
