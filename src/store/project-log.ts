/**
 * A project's commits as text: its log, and what was forgotten of it.
 *
 *     <commit id> <time received> <check>\n                       99 bytes: a line of the log, oldest first; the last is the head
 *     <commit id> <time received> <time forgotten> <check>\n     124 bytes: a line of what was forgotten, in the order of forgetting
 *
 * Times are ISO 8601, UTC, with milliseconds. The check is of what stands before it and its space; a line of an earlier bak
 * has none. A crash may leave the log with a last line without its end: it was never acknowledged, and does not count. The
 * other file is always replaced whole, so there a torn line is damage.
 */
import { BakError } from "../errors.js";
import { isObjectId, type ObjectId } from "../objects/object-id.js";
import { checkDigits, checkLength, mendOneByte } from "./check-digits.js";
import type { ForgottenLine, LogLine } from "./store.js";

/** No log with a line is shorter, in bytes. */
export const shortestLine = 90;

/** What the lines of one of the files are. */
interface Form<Line> {
  /** With the line's end. */
  readonly length: number;
  readonly times: number;
  readonly name: string;
  make(commit: ObjectId, times: readonly number[]): Line;
}

const logForm: Form<LogLine> = {
  length: 99,
  times: 1,
  name: "a commit and the time it was received",
  make: (commit, [receivedMs = Number.NaN]) => ({ commit, receivedMs }),
};

const forgottenForm: Form<ForgottenLine> = {
  length: 124,
  times: 2,
  name: "a commit and the times it was received and forgotten",
  make: (commit, [receivedMs = Number.NaN, forgottenMs = Number.NaN]) => ({ commit, receivedMs, forgottenMs }),
};

/** Length of a line of the log in bytes, with its end. */
export const logLineLength = logForm.length;

/** Something that is wrong with a file of lines. */
export interface LineFault {
  readonly why: string;
  /** Whether the file's checks tell what was there: then it is among the lines. */
  readonly isMended: boolean;
  /** How many sound lines stand before it. */
  readonly at: number;
  /** What stands there. */
  readonly text: string;
}

/** What is sound of a file of lines, and what is wrong with the rest of it. */
export interface Audited<Line> {
  readonly lines: Line[];
  readonly faults: readonly LineFault[];
}

/** A log, and how much of its file that is. */
export interface ParsedLog {
  readonly lines: LogLine[];
  /** Bytes of all whole lines; what comes after them in the file is the torn rest of a line. */
  readonly length: number;
  /** Whether some of the lines do not stand in the file like that. */
  readonly isMended: boolean;
}

/** One line of the log, with its end. */
export function formatLogLine({ commit, receivedMs }: LogLine): string {
  return withCheck(`${commit} ${formatTime(receivedMs)}`);
}

/** One line of what was forgotten, with its end. */
export function formatForgottenLine({ commit, receivedMs, forgottenMs }: ForgottenLine): string {
  return withCheck(`${commit} ${formatTime(receivedMs)} ${formatTime(forgottenMs)}`);
}

/** The lines of a log; throws STORE_DAMAGED, naming the file and the line, where a line is lost. */
export function parseLog(text: string, path: string): ParsedLog {
  const length = wholeLength(text);
  const { lines, faults } = assertMended(auditLines(text.slice(0, length), logForm), path);
  return { lines, length, isMended: faults.length > 0 };
}

/** The lines of what was forgotten; throws STORE_DAMAGED, naming the file and the line, where a line is lost. */
export function parseForgotten(text: string, path: string): ForgottenLine[] {
  return assertMended(auditForgotten(text), path).lines;
}

/**
 * Every line of a log, looked at for itself. A rest without an end is what a crash leaves of a line: it is shorter than one, or
 * has zeros in place of a part.
 */
export function auditLog(text: string): Audited<LogLine> {
  const length = wholeLength(text);
  const { lines, faults } = auditLines(text.slice(0, length), logForm);
  const rest = text.slice(length);
  const isLeftByCrash =
    rest.length < logLineLength || (rest.length === logLineLength && isTorn(rest.replace("\n", "")));
  if (isLeftByCrash) return { lines, faults };
  const fault = { why: "the last line has no end", isMended: false, at: lines.length, text: rest };
  return { lines, faults: [...faults, fault] };
}

/** The same of what was forgotten, which is always written as a whole. */
export function auditForgotten(text: string): Audited<ForgottenLine> {
  return auditLines(text, forgottenForm);
}

/**
 * How much of a log's text are lines that were written to their end. The last of them may lack one of the two sectors of the
 * disk that it stands in, where the power was cut: then there are zeros up to its beginning or its end. One that has a single
 * wrong byte is a line, be that byte its end.
 */
function wholeLength(text: string): number {
  const end = text.lastIndexOf("\n") + 1;
  const last = end < text.length ? end : text.lastIndexOf("\n", end - 2) + 1;
  const line = text.slice(last);
  if (mendLine(line, logForm) !== undefined) return text.length;
  return end < text.length || (line.length === logLineLength && isTorn(line.slice(0, -1))) ? last : end;
}

/** Whether zeros stand in place of the beginning or the end of a line, and of nothing else in it. */
function isTorn(line: string): boolean {
  return /^\0+[^\0]*$|^[^\0]*\0+$/.test(line);
}

function auditLines<Line>(text: string, form: Form<Line>): Audited<Line> {
  const lines: Line[] = [];
  const faults: LineFault[] = [];
  for (let start = 0, number = 1; start < text.length; number += 1) {
    const end = text.indexOf("\n", start);
    const line = end < 0 ? undefined : readLine(text.slice(start, end), form);
    if (line !== undefined) {
      lines.push(line);
      start = end + 1;
      continue;
    }
    const mended = mendLine(text.slice(start, start + form.length), form);
    if (mended === undefined) {
      const why = end < 0 ? `line ${number} has no end` : `line ${number} is not ${form.name}`;
      const next = end < 0 ? text.length : end + 1;
      faults.push({ why, isMended: false, at: lines.length, text: text.slice(start, next) });
      start = next;
    } else {
      const why = `line ${number} has a wrong byte; its check tells what that was`;
      faults.push({ why, isMended: true, at: lines.length, text: text.slice(start, start + form.length) });
      lines.push(mended);
      start += form.length;
    }
  }
  return { lines, faults };
}

/** What a text is as a line, which it is without its end; undefined where it is none. */
function readLine<Line>(text: string, form: Form<Line>): Line | undefined {
  const hasCheck = text.length === form.length - 1;
  if (!hasCheck && text.length !== form.length - 2 - checkLength) return undefined;
  const checked = hasCheck ? text.slice(0, -1 - checkLength) : text;
  if (hasCheck && text !== `${checked} ${checkDigits(checked)}`) return undefined;
  const [commit = "", ...times] = checked.split(" ");
  const parsed = times.map(parseTime).filter((time) => time !== undefined);
  if (!isObjectId(commit) || parsed.length !== form.times || times.length !== form.times) return undefined;
  return form.make(commit, parsed);
}

/** What a line, here with its end, was before one byte of it went wrong; undefined where that can't be told. */
function mendLine<Line>(text: string, form: Form<Line>): Line | undefined {
  if (text.length !== form.length) return undefined;
  const checked = text.slice(0, -2 - checkLength);
  const check = text.slice(-1 - checkLength, -1);
  const [space, end] = [text.at(-2 - checkLength), text.at(-1)];
  if (space !== " " || end !== "\n") {
    // then that was the byte
    return space === " " || end === "\n" ? readLine(`${checked} ${check}`, form) : undefined;
  }
  const lines = mendOneByte({ text: checked, check }).map((each) => readLine(`${each.text} ${each.check}`, form));
  const possible = lines.filter((line) => line !== undefined);
  return possible.length === 1 ? possible[0] : undefined;
}

function assertMended<Line>(audited: Audited<Line>, path: string): Audited<Line> {
  const lost = audited.faults.find(({ isMended }) => !isMended);
  if (lost === undefined) return audited;
  throw new BakError("STORE_DAMAGED", `damaged log: '${path}', ${lost.why}`, {
    hint: "'bak check --repair' keeps the other lines; a copy of the store may have the file as it was",
  });
}

function withCheck(text: string): string {
  return `${text} ${checkDigits(text)}\n`;
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

function parseTime(text: string): number | undefined {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && formatTime(ms) === text ? ms : undefined;
}
