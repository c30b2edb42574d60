/** Rows of words as a table. */

/**
 * A line for each row, with two spaces between its columns: the first `left` are aligned to the left, all unless given, the
 * others to the right. A column with nothing in it is left out.
 */
export function alignColumns(rows: readonly (readonly string[])[], left = Number.POSITIVE_INFINITY): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column < left ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) =>
    row
      .map(pad)
      .filter((_, column) => (widths[column] ?? 0) > 0)
      .join("  ")
      .trimEnd(),
  );
}
