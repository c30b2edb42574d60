/**
 * Patterns of one name as git's wildmatch.c has them: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]` and `\` before what is meant as
 * it stands. They are matched byte by byte, as names are bytes, in time that does not explode whatever the pattern is.
 */
import type { ByteString } from "../objects/byte-string.js";

const star = "star";
/** A byte, those bytes that a `?` or a class stands for (1 at each), or any number of bytes. */
type Token = number | Uint8Array | typeof star;

/** What a pattern of one name matches. */
export type Glob = (name: ByteString) => boolean;

/** A whole pattern: globs, one for each name of a path, and `**` for any number of names. */
export type PathGlob = readonly (Glob | "**")[];

const slash = 0x2f;
const anyByte = new Uint8Array(256).fill(1);

/** The pattern of a single name; undefined if it cannot match anything. */
export function compileGlob(pattern: ByteString): Glob | undefined {
  const tokens = tokensOf(pattern);
  return tokens === undefined ? undefined : globOf(tokens);
}

/**
 * The pattern of a path, whose names a `/` parts; undefined if it cannot match anything. A name of two stars or more stands
 * for any number of names; at the end, for one at least.
 */
export function compilePathGlob(pattern: ByteString): PathGlob | undefined {
  const tokens = tokensOf(pattern);
  if (tokens === undefined) return undefined;
  const names: (Glob | "**")[] = [];
  let start = 0;
  for (let end = 0; end <= tokens.length; end += 1) {
    if (end < tokens.length && tokens[end] !== slash) continue;
    const name = tokens.slice(start, end);
    const isMany = name.length > 1 && name.every((token) => token === star);
    if (isMany && end === tokens.length) names.push(isAnyName);
    names.push(isMany ? "**" : globOf(name));
    start = end + 1;
  }
  return names;
}

const isAnyName: Glob = () => true;

/** Whether the pattern is that of the whole path: names of folders, then a name. */
export function matchesPath(pattern: PathGlob, folders: readonly ByteString[], name: ByteString): boolean {
  const length = folders.length + 1;
  let at = 0;
  let next = 0;
  let retry: { at: number; next: number } | undefined;
  while (at < length) {
    const glob = pattern[next];
    if (glob === "**") {
      next += 1;
      retry = { at, next };
    } else if (glob?.(at < folders.length ? (folders[at] as ByteString) : name) === true) {
      at += 1;
      next += 1;
    } else if (retry === undefined) {
      return false;
    } else {
      retry = { at: retry.at + 1, next: retry.next };
      ({ at, next } = retry);
    }
  }
  while (pattern[next] === "**") next += 1;
  return next === pattern.length;
}

function globOf(tokens: readonly Token[]): Glob {
  const rest = tokens[0] === star ? tokens.slice(tokens.findLastIndex((token) => token === star) + 1) : tokens;
  const areStars = tokens.slice(0, tokens.length - rest.length).every((token) => token === star);
  if (areStars && rest.every((token) => typeof token === "number")) {
    const text = rest.map((byte) => String.fromCharCode(byte)).join("");
    return rest.length === tokens.length ? (name) => name === text : (name) => name.endsWith(text);
  }
  return (name) => matchesTokens(tokens, name);
}

/** After a mismatch only the last star has to take one byte more: what those before it took can stay. */
function matchesTokens(tokens: readonly Token[], name: ByteString): boolean {
  let at = 0;
  let next = 0;
  let retryAt = -1;
  let retryNext = 0;
  while (at < name.length) {
    const token = tokens[next];
    if (token === star) {
      next += 1;
      retryAt = at;
      retryNext = next;
    } else if (token !== undefined && isByteOf(token, name.charCodeAt(at))) {
      at += 1;
      next += 1;
    } else if (retryAt === -1) {
      return false;
    } else {
      retryAt += 1;
      at = retryAt;
      next = retryNext;
    }
  }
  while (tokens[next] === star) next += 1;
  return next === tokens.length;
}

function isByteOf(token: number | Uint8Array, byte: number): boolean {
  return typeof token === "number" ? token === byte : token[byte] === 1;
}

/** Undefined for a class that has no end or an unknown name in it, and for a backslash at the end. */
function tokensOf(pattern: ByteString): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    switch (pattern[at] as string) {
      case "*":
        tokens.push(star);
        break;
      case "?":
        tokens.push(anyByte);
        break;
      case "[": {
        const found = classAt(pattern, at);
        if (found === undefined) return undefined;
        tokens.push(found.bytes);
        at = found.end;
        break;
      }
      case "\\":
        at += 1;
        if (at === pattern.length) return undefined;
        tokens.push(pattern.charCodeAt(at));
        break;
      default:
        tokens.push(pattern.charCodeAt(at));
    }
  }
  return tokens;
}

/** The class that begins with the `[` at a place, and where its `]` is; as wildmatch.c reads it, oddities included. */
function classAt(pattern: ByteString, start: number): { bytes: Uint8Array; end: number } | undefined {
  const bytes = new Uint8Array(256);
  let at = start + 1;
  const isNegated = pattern[at] === "!" || pattern[at] === "^";
  if (isNegated) at += 1;
  /** The byte before, where a range may begin with it. */
  let before: number | undefined;
  for (let isFirst = true; isFirst || pattern[at] !== "]"; at += 1, isFirst = false) {
    if (at >= pattern.length) return undefined;
    const named = pattern.startsWith("[:", at) ? nameAt(pattern, at + 2) : undefined;
    if (pattern[at] === "-" && before !== undefined && at + 1 < pattern.length && pattern[at + 1] !== "]") {
      at += pattern[at + 1] === "\\" ? 2 : 1;
      if (at >= pattern.length) return undefined;
      for (let byte = before; byte <= pattern.charCodeAt(at); byte += 1) bytes[byte] = 1;
      before = undefined;
    } else if (named !== undefined) {
      const members = classes.get(named.name);
      if (members === undefined) return undefined;
      for (let byte = 0; byte < 128; byte += 1) if (members.test(String.fromCharCode(byte))) bytes[byte] = 1;
      at = named.end;
      before = undefined;
    } else {
      if (pattern[at] === "\\") at += 1;
      if (at >= pattern.length) return undefined;
      before = pattern.charCodeAt(at);
      bytes[before] = 1;
    }
  }
  if (isNegated) for (const byte of bytes.keys()) bytes[byte] = bytes[byte] === 1 ? 0 : 1;
  return { bytes, end: at };
}

/** The name of a class, up to the next `:]`; undefined where the `]` that comes next has no colon before it. */
function nameAt(pattern: ByteString, start: number): { name: string; end: number } | undefined {
  const end = pattern.indexOf("]", start);
  if (end === -1) return { name: "", end: pattern.length };
  return end > start && pattern[end - 1] === ":" ? { name: pattern.slice(start, end - 1), end } : undefined;
}

/** As git's own ctype.h has them, whatever the locale: nothing beyond ASCII. */
const classes: ReadonlyMap<string, RegExp> = new Map([
  ["alnum", /[a-zA-Z0-9]/],
  ["alpha", /[a-zA-Z]/],
  ["blank", /[ \t]/],
  // eslint-disable-next-line no-control-regex
  ["cntrl", /[\x00-\x1f\x7f]/],
  ["digit", /[0-9]/],
  ["graph", /[!-~]/],
  ["lower", /[a-z]/],
  ["print", /[ -~]/],
  ["punct", /[!-/:-@[-`{-~]/],
  ["space", /[ \t\n\r]/],
  ["upper", /[A-Z]/],
  ["xdigit", /[0-9a-fA-F]/],
]);
