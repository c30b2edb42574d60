/** Which projects a token is for: `laptop-photos`, `laptop-*`, or `*` for all. */
import { BakError } from "../errors.js";
import { quoted } from "./byte-string.js";
import { isProjectId, type ProjectId } from "./project-id.js";

declare const brand: unique symbol;

/** A project id, or the beginning of one, which may be empty, and `*`. */
export type ProjectPattern = string & { readonly [brand]: "ProjectPattern" };

/** How many a token may have. */
export const maxProjectPatterns = 64;

const beginning = /^[A-Za-z0-9._-]{0,128}\*$/;

/** Whether a text is a pattern. */
export function isProjectPattern(text: string): text is ProjectPattern {
  return isProjectId(text) || beginning.test(text);
}

/** The patterns that texts are, each once. Throws USAGE unless there are 1 to `maxProjectPatterns`, and each is one. */
export function parseProjectPatterns(texts: readonly string[]): ProjectPattern[] {
  const wrong = texts.find((text) => !isProjectPattern(text));
  if (wrong !== undefined) {
    throw new BakError("USAGE", `not a project: ${quoted(wrong, 200)}`, {
      hint: "write a project id, or the beginning of some and *, such as 'laptop-*'; '*' is all",
    });
  }
  const patterns = [...new Set(texts)] as ProjectPattern[];
  if (patterns.length === 0) throw new BakError("USAGE", "no project is named", { hint: "'*' stands for all" });
  if (patterns.length <= maxProjectPatterns) return patterns;
  throw new BakError("USAGE", `${patterns.length} projects are more than a token may have, ${maxProjectPatterns}`, {
    hint: "one pattern, such as 'laptop-*', may stand for many",
  });
}

/** Whether a project is one of those that a pattern stands for. */
export function matchesProject(pattern: ProjectPattern, project: ProjectId): boolean {
  const text: string = pattern;
  return text.endsWith("*") ? project.startsWith(text.slice(0, -1)) : text === project;
}

/** Whether a pattern stands for all projects there may be. */
export function matchesAll(pattern: ProjectPattern): boolean {
  return pattern === "*";
}
