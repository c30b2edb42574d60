/**
 * Puts figures into docs/performance.md, each between the two comments that mark their place:
 *
 *     <!-- bench:NAME -->
 *     …
 *     <!-- /bench:NAME -->
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BenchError } from "./bench-error.js";

/** The document that `--write` changes. */
export const performanceDocument = fileURLToPath(new URL("../docs/performance.md", import.meta.url));

/**
 * A text with another content between the marks of that name.
 * @param {string} text
 * @param {string} name
 * @param {string} content Markdown
 * @returns {string}
 */
export function replaceBlock(text, name, content) {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start === -1 || end < start) {
    throw new BenchError(`no place for '${name}' in the document`, {
      hint: `it takes the lines '${open}' and '${close}'`,
    });
  }
  return `${text.slice(0, start + open.length)}\n\n${content.trim()}\n\n${text.slice(end)}`;
}

/**
 * Writes one block of the document.
 * @param {string} name
 * @param {string} content Markdown
 */
export function writeBlock(name, content) {
  writeFileSync(performanceDocument, replaceBlock(readFileSync(performanceDocument, "utf8"), name, content));
}
