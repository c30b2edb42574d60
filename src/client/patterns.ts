/**
 * Patterns as gitignore(5) has them, of bytes: a rule says what it matches, and whether that is left out or, with a `!`
 * before it, taken after all. One trap of git's is not followed: there, `a**` before a slash is more than `a*` is.
 */
import type { ByteString } from "../objects/byte-string.js";
import { compileGlob, compilePathGlob, matchesPath } from "./glob.js";

/** One rule. */
export interface Pattern {
  /** As it was written. */
  readonly text: ByteString;
  /** Whether it takes back what another has left out. */
  readonly isNegated: boolean;
  /** Whether it is for folders alone. */
  readonly isForFolders: boolean;
  /** Whether it names this path: the names of folders, from the one that the rule is written for on, and a name. */
  readonly matches: (folders: readonly ByteString[], name: ByteString) => boolean;
}

/** A rule of a file. */
export interface NumberedPattern extends Pattern {
  /** From 1. */
  readonly line: number;
}

/** The rule that a text is, taken as it stands: neither a comment nor the spaces at its end are anything special. */
export function parsePattern(text: ByteString): Pattern {
  const isNegated = text.startsWith("!");
  let body = (isNegated ? text.slice(1) : text) as ByteString;
  const isForFolders = body.endsWith("/");
  if (isForFolders) body = body.slice(0, -1) as ByteString;
  return { text, isNegated, isForFolders, matches: matcherOf(body) };
}

/** The rules of a file, without its empty lines and comments. */
export function parsePatterns(content: ByteString): NumberedPattern[] {
  const patterns: NumberedPattern[] = [];
  const lines = content.replace(/^\xef\xbb\xbf/, "").split("\n");
  for (const [index, ended] of lines.entries()) {
    // of a file, what follows a NUL in a line is beyond git's strings
    const [line = ""] = ended.replace(/\r$/, "").split("\0", 1);
    if (line.startsWith("#")) continue;
    const text = withoutSpaces(line as ByteString);
    if (text !== "") patterns.push({ ...parsePattern(text), line: index + 1 });
  }
  return patterns;
}

/** A space at the end counts if there is a backslash before it. */
function withoutSpaces(line: ByteString): ByteString {
  let end = 0;
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === "\\") {
      at += 1;
      if (at === line.length) return line;
    } else if (line[at] === " ") {
      continue;
    }
    end = at + 1;
  }
  return line.slice(0, end) as ByteString;
}

/** A pattern without a slash is of a name at any depth; all others are of the whole path. */
function matcherOf(body: ByteString): Pattern["matches"] {
  if (!body.includes("/")) {
    const glob = compileGlob(body);
    return glob === undefined ? () => false : (_, name) => glob(name);
  }
  const pattern = compilePathGlob((body.startsWith("/") ? body.slice(1) : body) as ByteString);
  if (pattern === undefined) return () => false;
  if (!pattern.includes("**")) {
    const depth = pattern.length - 1;
    return (folders, name) => folders.length === depth && matchesPath(pattern, folders, name);
  }
  return (folders, name) => matchesPath(pattern, folders, name);
}
