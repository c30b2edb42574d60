/** What every command of bak does alike: flags, errors as one line with their exit code, interruption, and talk on stderr. */
import { Command } from "@oclif/core/command";
import { CLIError } from "@oclif/core/errors";
import { reasonOf } from "../client/source-failure.js";
import { BakError, exitCodes, isBakError } from "../errors.js";
import { blake3Names, loadBlake3, useBlake3, type Blake3Name } from "../objects/hash.js";
import { errorData } from "./error-data.js";
import { ReaderGone } from "./stream-sink.js";

/** The base of all commands. Its answer goes to stdout, and as JSON with `--json`; everything else goes to stderr. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;

  readonly #interruption = new AbortController();
  #stopListening: (() => void) | undefined;

  /** Aborted, with INTERRUPTED, by Ctrl-C and by SIGTERM. */
  protected get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  /** Names bak and its version to the other end. */
  protected get agent(): string {
    return `bak/${this.config.version}`;
  }

  /** Says something to the person at the terminal. */
  protected say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Says what went wrong but does not stop the command. */
  protected complain(text: string): void {
    this.say(`bak: ${text}`);
  }

  protected override async init(): Promise<void> {
    await super.init();
    this.#listenForInterruption();
    chooseBlake3(process.env["BAK_BLAKE3"]);
  }

  protected override async catch(error: Error): Promise<void> {
    if (error instanceof ReaderGone) {
      process.exitCode = exitCodes.failed; // whoever has closed the pipe knows why
      return;
    }
    const failure = this.#failureOf(error);
    process.exitCode = failure.exitCode;
    if (this.jsonEnabled()) {
      this.logJson(this.toErrorJson(failure));
      return;
    }
    this.complain(failure.message);
    if (failure.hint !== undefined) this.say(`     ${failure.hint}`);
    if (process.env["DEBUG"]) this.say(error.stack ?? String(error));
    else if (failure.code === "INTERNAL") this.say("     this is a bug in bak: DEBUG=1 shows where");
    // what nobody reads would be waited for
    if (failure.code === "INTERRUPTED" && process.stdout.writableLength > 0) process.exit(failure.exitCode);
  }

  protected override finally(error: Error | undefined): Promise<unknown> {
    this.#stopListening?.();
    return super.finally(error);
  }

  protected override toErrorJson(error: unknown): unknown {
    return isBakError(error) ? errorData(error) : super.toErrorJson(error);
  }

  /** Any failure as one of ours: usage errors of the parser, interruption, and bugs. */
  #failureOf(error: Error): BakError {
    if (this.signal.aborted) return new BakError("INTERRUPTED", "interrupted");
    if (isBakError(error)) return error;
    if (error instanceof CLIError) return usageError(error, this.id);
    if (isAboutCurrentFolder(error)) {
      return new BakError("USAGE", `cannot tell the current folder: ${reasonOf(error)}`, {
        hint: "change to another one",
        cause: error,
      });
    }
    return new BakError("INTERNAL", error.message, { cause: error });
  }

  #listenForInterruption(): void {
    const interrupt = (): void => {
      if (this.signal.aborted) process.exit(exitCodes.interrupted); // asked twice
      this.#interruption.abort(new BakError("INTERRUPTED", "interrupted"));
    };
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
    this.#stopListening = () => {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
    };
  }
}

/** Whether the folder that bak was started in is gone, or a folder above it is not to be looked into. */
function isAboutCurrentFolder(error: Error): boolean {
  return "syscall" in error && error.syscall === "uv_cwd";
}

/** What the parser of flags and arguments says, in one line and in our words. */
function usageError(error: CLIError, command: string | undefined): BakError {
  const [first = "bad usage"] = error.message.replace(/\nSee more help with --help$/, "").split("\n\n");
  const message = first
    .replaceAll(/\s*\n\s*/g, " ")
    .replace(/^The following errors? occurred:\s*/, "")
    .replace(/^Missing required flag (\S+)$/, "missing flag: --$1")
    .replace(/^Missing \d+ required args?: *(\S+).*$/, (_, name: string) => `missing argument: ${name.toUpperCase()}`)
    .replace(/^Parsing (--\S+)\s+(.)/, (_, flag: string, letter: string) => `${flag}: ${letter.toLowerCase()}`)
    .trim();
  const hint = command === undefined ? "see 'bak --help'" : `see 'bak ${command.replaceAll(":", " ")} --help'`;
  return new BakError("USAGE", message.charAt(0).toLowerCase() + message.slice(1), { hint, cause: error });
}

/** BAK_BLAKE3 chooses the implementation of the hash, for a machine on which the one that bak would choose misbehaves. */
function chooseBlake3(name: string | undefined): void {
  if (name === undefined || name === "") return;
  if (!(blake3Names as readonly string[]).includes(name)) {
    throw new BakError("USAGE", `BAK_BLAKE3 is '${name}'`, {
      hint: `set it to ${blake3Names.join(" or ")}, or not at all`,
    });
  }
  try {
    useBlake3(loadBlake3(name as Blake3Name));
  } catch (cause) {
    throw new BakError("USAGE", `BAK_BLAKE3 is '${name}', which is not installed here`, { cause });
  }
}
