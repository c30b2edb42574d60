/** What a push was asked to leave out, and how a rule is named to whoever wants to know why. */
import { BakError } from "../errors.js";
import { displayName, type ByteString } from "../objects/byte-string.js";
import { parsePattern, parsePatterns } from "./patterns.js";
import { readRuleFile } from "./rule-file.js";

/** Plain data, so that a thread can be given it. Beside this, the files `.bakignore` say what is left out. */
export interface LeaveOut {
  /** Rules for the pushed folder, which go before all others; of these, a later one before an earlier. */
  readonly patterns: readonly ByteString[];
  /** Files of rules for the pushed folder, after which all others go. */
  readonly files: readonly { readonly name: ByteString; readonly content: ByteString }[];
  /** Leaves out what is in a folder with a CACHEDIR.TAG, but for that. */
  readonly isWithoutCaches: boolean;
  /** Leaves out what is in a folder with one of these names, but for that. */
  readonly markers: readonly ByteString[];
  /** Leaves out larger files. */
  readonly maxFileBytes: number | undefined;
  /** Leaves out what is in a folder on another file system than the pushed one. */
  readonly isOneFileSystem: boolean;
}

export const leaveNothingOut: LeaveOut = {
  patterns: [],
  files: [],
  isWithoutCaches: false,
  markers: [],
  maxFileBytes: undefined,
  isOneFileSystem: false,
};

/** Why something is left out. */
export interface Reason {
  /** The path of a file of rules, from the pushed folder on or as it was named; or an option. */
  readonly source: ByteString;
  /** From 1; undefined for an option. */
  readonly line: number | undefined;
  /** The rule; empty for an option that has none. */
  readonly rule: ByteString;
}

/** `docs/.bakignore:3:*.o`, as `git check-ignore -v` names a rule, or `--exclude:*.o`. */
export function formatReason({ source, line, rule }: Reason): string {
  const words = [displayName(source), line === undefined ? "" : String(line), displayName(rule)];
  return words.filter((word) => word !== "").join(":");
}

// a commit holds 65,536 rules and is 8 MiB at most; a little is left for bak's own folders and for all else
const maxRules = 65_000;
const maxRuleBytes = 1 << 14;
const maxBytes = 4 << 20;

/** What there is to leave out in the words of a command line. */
export interface Asked {
  readonly patterns: readonly ByteString[];
  /** Paths of files, as they were named. */
  readonly files: readonly string[];
  readonly isWithoutCaches: boolean;
  readonly markers: readonly ByteString[];
  readonly maxFileBytes: number | undefined;
  readonly isOneFileSystem: boolean;
}

/** Reads the files of rules. Throws USAGE for what cannot be a rule or be kept in a commit, SOURCE_FAILED for a file. */
export function readLeaveOut(asked: Asked): LeaveOut {
  const files = asked.files.map((path) => readRuleFile(path));
  const leaveOut = { ...asked, files };
  for (const pattern of asked.patterns) if (pattern === "") throw new BakError("USAGE", "an empty pattern");
  for (const marker of asked.markers) {
    if (marker === "" || marker.includes("/") || marker === "." || marker === "..")
      throw new BakError("USAGE", `not a name: '${displayName(marker)}'`, { hint: "give the name of a file, no path" });
  }
  const rules = rulesAsWritten(leaveOut);
  const bytes = rules.reduce((sum, rule) => sum + rule.length, 0);
  const tooLong = rules.find((rule) => rule.length > maxRuleBytes);
  if (tooLong !== undefined)
    throw new BakError("USAGE", `a rule of more than ${maxRuleBytes} bytes: '${displayName(tooLong).slice(0, 80)}…'`);
  if (rules.length > maxRules || bytes > maxBytes)
    throw new BakError("USAGE", `more than ${maxRules} rules, or 4 MiB of them`, {
      hint: "put them into files '.bakignore' in the folders that they are for",
    });
  return leaveOut;
}

/**
 * The rules as a commit keeps them: those that were given to the push, from the weakest on, as lines of a `.bakignore` at its
 * root; then options, which begin with two hyphens. The files `.bakignore` themselves are in its trees.
 */
export function rulesAsWritten(leaveOut: LeaveOut): ByteString[] {
  const given = [
    ...leaveOut.files.flatMap(({ content }) => parsePatterns(content).map(({ text }) => text)),
    ...leaveOut.patterns.map((pattern) => parsePattern(pattern).text),
  ];
  const options = [
    ...(leaveOut.isWithoutCaches ? ["--exclude-caches"] : []),
    ...leaveOut.markers.map((marker) => `--exclude-if-present=${marker}`),
    ...(leaveOut.maxFileBytes === undefined ? [] : [`--exclude-larger-than=${leaveOut.maxFileBytes}`]),
    ...(leaveOut.isOneFileSystem ? ["--one-file-system"] : []),
  ];
  return [...given.map((rule) => rule.replace(/^(?=#|--)/, "\\")), ...options] as ByteString[];
}
