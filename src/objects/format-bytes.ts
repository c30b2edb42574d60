/** Sizes as a person reads them. */

const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A size in bytes with three digits or so, in units of a thousand: `1.35 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
