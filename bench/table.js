/** Tables that read well on a terminal and are Markdown all the same, laid out as prettier lays them out. */

/**
 * @typedef {object} Table
 * @property {readonly string[]} head
 * @property {readonly (readonly string[])[]} rows as many cells each as the head has
 * @property {number} textColumns so many columns from the left hold words, the others figures, which stand to the right
 */

/**
 * The table's lines; every one begins and ends with `|`.
 * @param {Table} table
 * @returns {string}
 */
export function formatTable({ head, rows, textColumns }) {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  /** @param {readonly string[]} cells */
  const line = (cells) =>
    `| ${widths.map((width, column) => pad(cells[column] ?? "", width, column < textColumns)).join(" | ")} |`;
  const rule = widths.map((width, column) => (column < textColumns ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/**
 * @param {string} text
 * @param {number} width
 * @param {boolean} isLeft
 */
function pad(text, width, isLeft) {
  return isLeft ? text.padEnd(width) : text.padStart(width);
}

/**
 * The cells of a table that `formatTable` made, the head first; undefined for a text that has no table.
 * @param {string} text
 * @returns {string[][] | undefined}
 */
export function parseTable(text) {
  const lines = text.split("\n").filter((line) => line.startsWith("|") && line.endsWith("|"));
  const rows = lines.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
  if (rows.length < 3 || !rows[1]?.every((cell) => /^-+:?$/.test(cell))) return undefined;
  return [rows[0] ?? [], ...rows.slice(2)];
}
