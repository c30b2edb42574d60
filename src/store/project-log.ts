/**
 * A project's commits as text: its log, and what was forgotten of it.
 *
 *     <commit id> <time received>\n                               90 bytes: a line of the log, oldest first; the last is the head
 *     <commit id> <time received> <time forgotten>\n             115 bytes: a line of what was forgotten, in the order of forgetting
 *
 * Times are ISO 8601, UTC, with milliseconds. A crash may leave the log with a last line without its end: it was never
 * acknowledged, and does not count. The other file is always replaced whole, so there a torn line is damage.
 */
import { BakError, isBakError } from "../errors.js";
import { isObjectId } from "../objects/object-id.js";
import type { ForgottenLine, LogLine } from "./store.js";

/** Length of a line of the log in bytes, with its end. */
export const logLineLength = 90;

/** A log, and how much of its file that is. */
export interface ParsedLog {
  readonly lines: LogLine[];
  /** Bytes of all whole lines; what comes after them in the file is the torn rest of a line. */
  readonly length: number;
}

/** One line of the log, with its end. */
export function formatLogLine({ commit, receivedMs }: LogLine): string {
  return `${commit} ${formatTime(receivedMs)}\n`;
}

/** One line of what was forgotten, with its end. */
export function formatForgottenLine({ commit, receivedMs, forgottenMs }: ForgottenLine): string {
  return `${commit} ${formatTime(receivedMs)} ${formatTime(forgottenMs)}\n`;
}

/**
 * How much of a log's text are lines that were written to their end. The last of them may lack one of the two sectors of the
 * disk that it stands in, where the power was cut: then there are zeros up to its beginning or its end.
 */
function wholeLength(text: string): number {
  const end = text.lastIndexOf("\n") + 1;
  const start = text.lastIndexOf("\n", end - 2) + 1;
  const isWhole = end < text.length || end - start !== logLineLength || !isTorn(text.slice(start, end - 1));
  return isWhole ? end : start;
}

/** Whether zeros stand in place of the beginning or the end of a line, and of nothing else in it. */
function isTorn(line: string): boolean {
  return /^\0+[^\0]*$|^[^\0]*\0+$/.test(line);
}

/** The lines of a log; throws STORE_DAMAGED, naming the file and the line, where a whole line is not one. */
export function parseLog(text: string, path: string): ParsedLog {
  const length = wholeLength(text);
  return { lines: parseLines(text.slice(0, length), path, parseLogLine), length };
}

/** The lines of what was forgotten; throws STORE_DAMAGED, naming the file and the line, where one is not one. */
export function parseForgotten(text: string, path: string): ForgottenLine[] {
  return parseLines(text, path, parseForgottenLine);
}

/** What is sound of a file of lines, and what is wrong with the rest of it. */
export interface Audited<Line> {
  readonly lines: Line[];
  /** One line each. */
  readonly faults: readonly string[];
}

/**
 * Every line of a log, looked at for itself. A rest without an end is what a crash leaves of a line: it is shorter than one, or
 * has zeros in place of a part.
 */
export function auditLog(text: string): Audited<LogLine> {
  const length = wholeLength(text);
  const { lines, faults } = auditLines(text.slice(0, length), parseLogLine);
  const rest = text.slice(length);
  const isLeftByCrash =
    rest.length < logLineLength || (rest.length === logLineLength && isTorn(rest.replace("\n", "")));
  return { lines, faults: isLeftByCrash ? faults : [...faults, "the last line has no end"] };
}

/** The same of what was forgotten, which is always written as a whole. */
export function auditForgotten(text: string): Audited<ForgottenLine> {
  const audited = auditLines(text, parseForgottenLine);
  if (text === "" || text.endsWith("\n")) return audited;
  return { ...audited, faults: [...audited.faults, "the last line has no end"] };
}

function auditLines<Line>(text: string, parse: (fields: readonly string[], where: string) => Line): Audited<Line> {
  const lines: Line[] = [];
  const faults: string[] = [];
  const texts = text.split("\n");
  if (texts.at(-1) === "") texts.pop();
  for (const [index, line] of texts.entries()) {
    try {
      lines.push(parse(line.split(" "), `line ${index + 1}`));
    } catch (error) {
      if (!isBakError(error, "STORE_DAMAGED")) throw error;
      faults.push(error.message.replace(/^damaged log: /, ""));
    }
  }
  return { lines, faults };
}

function parseLines<Line>(
  text: string,
  path: string,
  parse: (fields: readonly string[], where: string) => Line,
): Line[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  else lines.push(""); // no end of the last line: damage, which is told of the line after
  return lines.map((line, index) => parse(line.split(" "), `'${path}', line ${index + 1}`));
}

function parseLogLine(fields: readonly string[], where: string): LogLine {
  const [commit = "", received = ""] = fields;
  const receivedMs = parseTime(received);
  if (fields.length !== 2 || !isObjectId(commit) || receivedMs === undefined) {
    throw damaged(`${where} is not a commit and the time it was received`);
  }
  return { commit, receivedMs };
}

function parseForgottenLine(fields: readonly string[], where: string): ForgottenLine {
  const [commit = "", received = "", forgotten = ""] = fields;
  const [receivedMs, forgottenMs] = [parseTime(received), parseTime(forgotten)];
  if (fields.length !== 3 || !isObjectId(commit) || receivedMs === undefined || forgottenMs === undefined) {
    throw damaged(`${where} is not a commit and the times it was received and forgotten`);
  }
  return { commit, receivedMs, forgottenMs };
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

function parseTime(text: string): number | undefined {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && formatTime(ms) === text ? ms : undefined;
}

function damaged(what: string): BakError {
  return new BakError("STORE_DAMAGED", `damaged log: ${what}`, {
    hint: "restore the file from a copy of the store, or delete that line if nothing is to be lost by it",
  });
}
