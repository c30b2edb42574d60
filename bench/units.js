/** Figures as text. Decimal units, as everywhere in bak. */

/** @typedef {"s" | "ms" | "B" | "count" | "ratio" | "B/s"} Unit */

/**
 * A figure as a reader wants it: three digits or so.
 * @param {number} value seconds, bytes, or a plain number
 * @param {Unit} unit
 * @returns {string}
 */
export function formatFigure(value, unit) {
  switch (unit) {
    case "s":
      return `${digits(value)} s`;
    case "ms":
      return value < 0.1 ? `${digits(value * 1000)} µs` : `${digits(value)} ms`;
    case "B":
      return formatBytes(value);
    case "B/s":
      return `${formatBytes(value)}/s`;
    case "count":
      return formatCount(value);
    case "ratio":
      return value.toFixed(2);
    default:
      throw new Error(`no such unit: ${String(unit)}`);
  }
}

/**
 * @param {number} bytes
 * @returns {string} `1.30 GB`, `276 MB`, `18 kB`
 */
export function formatBytes(bytes) {
  const size = Math.abs(bytes);
  if (size >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (size >= 1e6) return `${digits(bytes / 1e6, 1)} MB`;
  if (size >= 1e3) return `${digits(bytes / 1e3, 1)} kB`;
  return `${Math.round(bytes)} B`;
}

/**
 * @param {number} count
 * @returns {string} with a comma between thousands
 */
export function formatCount(count) {
  return Math.round(count).toLocaleString("en-US");
}

/**
 * @param {number} value
 * @param {number} [most] decimals at most
 */
function digits(value, most = 2) {
  const size = Math.abs(value);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toFixed(Math.min(decimals, most));
}

/**
 * The middle one of the values, or the mean of the two in the middle.
 * @param {readonly number[]} values one at least
 * @returns {number}
 */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 0 ? sorted[middle - 1] : upper;
  if (upper === undefined || lower === undefined) throw new Error("median of nothing");
  return (lower + upper) / 2;
}
