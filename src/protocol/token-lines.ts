/** The tokens of a store as they travel: one line each, of fields with a space between them. Their secrets are not among these. */
import { BakError } from "../errors.js";
import { isProjectPattern } from "../objects/project-pattern.js";
import { rights as allRights } from "../objects/rights.js";
import { isTokenName } from "../objects/token-name.js";
import type { TokenTerms } from "../objects/token-terms.js";

/** What may be known of a token. Times are in ms since 1970. */
export interface TokenLine extends TokenTerms {
  /** Tells it from another of the same name that was there before. */
  readonly id: string;
  readonly createdMs: number;
  /** When and from which address it was used last, as far as that is known. */
  readonly use: { readonly atMs: number; readonly from: string } | undefined;
}

const none = "-";

/** The lines of tokens, with a line feed between them. */
export function encodeTokenLines(tokens: readonly TokenLine[]): string {
  const lineOf = ({ name, id, projects, rights, createdMs, expiresMs, quotaBytes, use }: TokenLine): string =>
    [
      name,
      id,
      projects.join(","),
      rights.join(","),
      createdMs,
      expiresMs ?? none,
      use?.atMs ?? none,
      use?.from ?? none,
      quotaBytes ?? none,
    ].join(" ");
  return tokens.map(lineOf).join("\n");
}

/** The tokens that lines are; throws BAD_MESSAGE for what is none. */
export function decodeTokenLines(text: string): TokenLine[] {
  return text === "" ? [] : text.split("\n").map(decodeLine);
}

function decodeLine(line: string): TokenLine {
  const fields = line.split(" ");
  const [name = "", id = "", projects = "", rights = "", created = "", expires = "", used = "", from = "", quota = ""] =
    fields;
  const patterns = projects.split(",");
  const known = allRights.filter((right) => rights.split(",").includes(right));
  const isSound =
    fields.length === 9 &&
    isTokenName(name) &&
    /^[A-Za-z0-9_-]{21}$/.test(id) &&
    patterns.every(isProjectPattern) &&
    /^[\w.:%-]{1,100}$/.test(from) &&
    (quota === none || Number.isSafeInteger(numberOf(quota)));
  if (!isSound) throw new BakError("BAD_MESSAGE", "malformed message: a line that is no token");
  const usedMs = used === none ? undefined : timeOf(used);
  return {
    name,
    id,
    projects: patterns,
    rights: known,
    createdMs: timeOf(created),
    expiresMs: expires === none ? undefined : timeOf(expires),
    quotaBytes: quota === none ? undefined : numberOf(quota),
    use: usedMs === undefined ? undefined : { atMs: usedMs, from },
  };
}

function numberOf(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

function timeOf(text: string): number {
  const ms = numberOf(text);
  if (!(ms <= 8.64e15)) throw new BakError("BAD_MESSAGE", "malformed message: a time beyond all calendars");
  return ms;
}
