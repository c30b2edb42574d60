/**
 * A project's log as text: one line a commit, oldest first; the last line is the head.
 *
 *     <commit id> <time received, ISO 8601, UTC, milliseconds>\n          90 bytes
 *
 * A crash may leave a last line without its end: it was never acknowledged, and does not count.
 */
import { BakError } from "../errors.js";
import { isObjectId } from "../objects/object-id.js";
import type { LogLine } from "./store.js";

/** Length of a line in bytes, with its end. */
export const logLineLength = 90;

/** A log, and how much of its file that is. */
export interface ParsedLog {
  readonly lines: LogLine[];
  /** Bytes of all whole lines; what comes after them in the file is the torn rest of a line. */
  readonly length: number;
}

/** One line, with its end. */
export function formatLogLine({ commit, receivedMs }: LogLine): string {
  return `${commit} ${new Date(receivedMs).toISOString()}\n`;
}

/** The lines of a log; throws STORE_DAMAGED, naming the file and the line, where a whole line is not one. */
export function parseLog(text: string, path: string): ParsedLog {
  const length = text.lastIndexOf("\n") + 1;
  const lines = text.slice(0, length).split("\n").slice(0, -1);
  return { lines: lines.map((line, index) => parseLine(line, `'${path}', line ${index + 1}`)), length };
}

function parseLine(line: string, where: string): LogLine {
  const [commit = "", time = "", ...rest] = line.split(" ");
  const receivedMs = Date.parse(time);
  const isTime = !Number.isNaN(receivedMs) && new Date(receivedMs).toISOString() === time;
  if (rest.length > 0 || !isObjectId(commit) || !isTime) {
    throw new BakError("STORE_DAMAGED", `damaged log: ${where} is not a commit and the time it was received`, {
      hint: "restore the file from a copy of the store, or delete that line if nothing is to be lost by it",
    });
  }
  return { commit, receivedMs };
}
