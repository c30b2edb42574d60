/** What `bak push --stdin` reads: stdin, or what a command writes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { BakError } from "../errors.js";
import { byteStringFromText, displayName, type ByteString } from "../objects/byte-string.js";
import { isSafeName } from "../objects/entry.js";

/** The flags of a push that a stream has a use for. */
export interface StreamFlags {
  server?: string | undefined;
  project?: string | undefined;
  stdin: boolean;
  "stdin-from-command": boolean;
  name?: string | undefined;
  message: string;
  tag?: string[] | undefined;
  compression?: string | undefined;
  "allow-empty": boolean;
}

/** The name that the file is to have: one name, not a path. Throws USAGE. */
export function parseStreamName(text: string | undefined): ByteString {
  const hint = "--name dump.sql, for instance";
  if (text === undefined) throw new BakError("USAGE", "a name for the file is missing", { hint });
  const name = byteStringFromText(text);
  if (!isSafeName(name)) throw new BakError("USAGE", `not the name of a file: '${displayName(name)}'`, { hint });
  return name;
}

/** What is pushed, as it comes. */
export interface StreamSource {
  /** Starts what writes, and reads it. */
  open(): AsyncIterable<Uint8Array>;
  /** Resolves if what has been read is all of it; rejects with SOURCE_FAILED if what wrote it has failed. */
  ended(): Promise<void>;
  /** Ends what still writes. */
  giveUp(): void;
}

/** Stdin, unless a command is given, with its arguments; throws USAGE where there is none among these. */
export function openStreamSource(command: readonly string[] | undefined, signal: AbortSignal): StreamSource {
  if (command === undefined) return stdinSource(signal);
  const [program, ...args] = command;
  if (program === undefined)
    throw new BakError("USAGE", "a command is missing", { hint: "write it after '--': -- pg_dump db" });
  return new CommandSource(program, args, signal);
}

function stdinSource(signal: AbortSignal): StreamSource {
  return {
    open: () => {
      signal.addEventListener("abort", closeStdin, { once: true });
      return process.stdin;
    },
    ended: () => Promise.resolve(),
    giveUp: () => {
      signal.removeEventListener("abort", closeStdin);
      closeStdin(); // or it would keep the process
    },
  };
}

const closeStdin = (): void => void process.stdin.destroy();

class CommandSource implements StreamSource {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #signal: AbortSignal;
  #child: ChildProcess | undefined;
  #closed: Promise<unknown[]> | undefined;

  constructor(program: string, args: readonly string[], signal: AbortSignal) {
    this.#signal = signal;
    this.#program = program;
    this.#args = args;
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    const child = spawn(this.#program, this.#args, {
      stdio: ["inherit", "pipe", "inherit"],
      env: { ...process.env, BAK_TOKEN: undefined }, // none of its business
      signal: this.#signal,
    });
    this.#child = child;
    this.#closed = once(child, "close");
    this.#closed.catch(() => undefined); // told where it is waited for
    // what the command has started in turn may hold on to the pipe
    const close = (): void => void child.stdout.destroy();
    this.#signal.addEventListener("abort", close, { once: true });
    try {
      for await (const bytes of child.stdout) yield bytes as Uint8Array;
    } finally {
      this.#signal.removeEventListener("abort", close);
    }
  }

  async ended(): Promise<void> {
    const subject = `'${displayName(byteStringFromText(this.#program))}'`;
    let code: unknown;
    let killedBy: unknown;
    try {
      [code, killedBy] = (await this.#closed) ?? [];
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new BakError("SOURCE_FAILED", `cannot run ${subject}: ${why}`, { cause });
    }
    if (code === 0) return;
    const how = typeof killedBy === "string" ? `was ended by ${killedBy}` : `ended with ${String(code)}`;
    throw new BakError("SOURCE_FAILED", `${subject} ${how}: no commit was made`);
  }

  giveUp(): void {
    this.#child?.kill();
  }
}
