/** Questions to whoever sits at the terminal. What is typed in answer may be a secret, which is not shown then. */
import type { ReadStream } from "node:tty";
import { BakError } from "../errors.js";

/** What is asked; the answer to a secret one is not shown. */
export interface Question {
  readonly text: string;
  readonly isSecret?: boolean;
}

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks one question after the other, and reads what is typed, character by character. */
export class Terminal {
  readonly #input: ReadStream = process.stdin;
  readonly #signal: AbortSignal;
  /** Typed ahead, or pasted with the line before. */
  #ahead = "";

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** The line that is typed. Rejects with INTERRUPTED for Ctrl-C, and for Ctrl-D with nothing before it. */
  async ask({ text, isSecret = false }: Question): Promise<string> {
    this.#input.setRawMode(true); // before anybody types
    process.stderr.write(text);
    try {
      return await this.#line((typed) => isSecret || process.stderr.write(typed));
    } finally {
      this.#input.setRawMode(false);
      this.#input.pause();
      process.stderr.write("\n");
    }
  }

  async #line(show: (typed: string) => void): Promise<string> {
    let line = "";
    for (;;) {
      if (this.#ahead === "") this.#ahead = await this.#read();
      const typed = this.#ahead[0] as string;
      this.#ahead = this.#ahead.slice(1);
      switch (typed) {
        case "\r":
        case "\n":
          return line;
        case "\u0003": // Ctrl-C
          throw new BakError("INTERRUPTED", "interrupted");
        case "\u0004": // Ctrl-D
          if (line === "") throw new BakError("INTERRUPTED", "nothing was typed");
          break;
        case "\u007f": // Backspace, as terminals send it
        case "\b":
          if (line !== "") show("\b \b");
          line = line.slice(0, -1);
          break;
        case "\u0015": // Ctrl-U
          show("\b \b".repeat(line.length));
          line = "";
          break;
        default:
          if (typed < " ") break;
          line += typed;
          show(typed);
      }
    }
  }

  #read(): Promise<string> {
    return new Promise((resolve, reject) => {
      const done = (use: () => void): void => {
        this.#signal.removeEventListener("abort", end);
        this.#input.off("data", take).off("end", end).off("error", end);
        use();
      };
      const take = (bytes: Buffer): void => done(() => resolve(bytes.toString("utf8")));
      const end = (): void => done(() => reject(new BakError("INTERRUPTED", "interrupted")));
      if (this.#signal.aborted) return end();
      this.#signal.addEventListener("abort", end);
      this.#input.on("data", take).on("end", end).on("error", end);
      this.#input.resume();
    });
  }
}

/** What comes on stdin, where that is no terminal. Rejects with USAGE for more than 64 KiB. */
export async function readStdin(): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length > 1 << 16) throw new BakError("USAGE", "what comes on stdin is too long for a token");
  }
  return Buffer.concat(pieces).toString("utf8");
}
