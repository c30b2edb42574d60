/** Patterns of names, as a shell has them: `*`, `?` and `[a-z]`, which do not go past a slash, and `**`, which does. */
import { BakError } from "../errors.js";
import { byteStringFromText, bytesOf, type ByteString } from "../objects/byte-string.js";
import { oneLine } from "../objects/one-line.js";

/** Whether a path is meant: by its last name, or, where the pattern has a slash, as a whole. */
export type PathMatcher = (path: ByteString) => boolean;

/** One for several patterns, any of which may match. */
export function matchPaths(patterns: readonly string[], options: { isCaseIgnored: boolean }): PathMatcher {
  const matchers = patterns.map((pattern) => matchPath(pattern, options));
  return (path) => matchers.some((matches) => matches(path));
}

function matchPath(pattern: string, { isCaseIgnored }: { isCaseIgnored: boolean }): PathMatcher {
  const hasSlash = pattern.includes("/");
  const expression = compile(expressionOf(pattern.replace(/^\/+|\/+$/g, "")), { pattern, isCaseIgnored });
  return (path) => expression.test(textOf(hasSlash ? path : (path.slice(path.lastIndexOf("/") + 1) as ByteString)));
}

function compile(expression: string, { pattern, isCaseIgnored }: { pattern: string; isCaseIgnored: boolean }): RegExp {
  try {
    return new RegExp(`^${expression}$`, isCaseIgnored ? "isu" : "su");
  } catch (cause) {
    throw new BakError("USAGE", `not a pattern: '${oneLine(pattern)}'`, { cause }); // [z-a]
  }
}

function expressionOf(pattern: string): string {
  const token =
    /(?<deep>\*\*\/|\/\*\*$|\*\*)|(?<any>\*)|(?<one>\?)|\[(?<not>[!^]?)(?<set>\]?[^\]]*)\]|\\(?<plain>.)|(?<other>.)/gsu;
  return pattern.replace(token, (...found) => {
    const groups = found.at(-1) as Record<string, string | undefined>;
    if (groups["deep"] !== undefined) return { "**/": "(?:.*/)?", "/**": "/.*" }[groups["deep"]] ?? ".*";
    if (groups["any"] !== undefined) return "[^/]*";
    if (groups["one"] !== undefined) return "[^/]";
    if (groups["set"] !== undefined && groups["set"] !== "") {
      const set = groups["set"].replaceAll(/[\\\][^]/gu, (char) => `\\${char}`);
      return `(?!/)[${groups["not"] === "" ? "" : "^"}${set}]`;
    }
    return (groups["plain"] ?? groups["other"] ?? found[0]).replaceAll(/[\\^$.*+?()[\]{}|/]/gu, (char) => `\\${char}`);
  });
}

/** A name as text: UTF-8 where it is that, else a char for each byte. */
function textOf(name: ByteString): string {
  const text = bytesOf(name).toString("utf8");
  return byteStringFromText(text) === name ? text : name;
}
