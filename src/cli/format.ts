/** Numbers, sizes and times as a person reads them. */

export { formatBytes } from "../objects/format-bytes.js";

const two = (value: number): string => String(value).padStart(2, "0");

/** A whole number with a comma between thousands. */
export function formatCount(count: number): string {
  // toLocaleString does this too, once it has loaded what it knows of languages: 6 ms
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 file`, `2 files`: the noun in its number, with an `s` for the plural unless one is given. */
export function formatCounted(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** A span of time: `0.4 s`, `12 s`, `3:05`, `2:00:00`. */
export function formatDuration(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** A moment in local time, to the minute: `2026-11-22 13:40`. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The first digits of an id, as many as people pass around. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

const letterOf = { file: "-", dir: "d", symlink: "l", fifo: "p", socket: "s", char: "c", block: "b" } as const;

/** Kind and permissions as `ls -l` writes them: `-rw-r--r--`. */
export function formatMode(kind: keyof typeof letterOf, mode: number): string {
  const bits = Array.from("rwxrwxrwx", (letter, index) => ((mode >> (8 - index)) & 1 ? letter : "-"));
  const special = [
    [0o4000, 2, "s"],
    [0o2000, 5, "s"],
    [0o1000, 8, "t"],
  ] as const;
  for (const [bit, at, letter] of special) {
    if ((mode & bit) !== 0) bits[at] = bits[at] === "x" ? letter : letter.toUpperCase();
  }
  return letterOf[kind] + bits.join("");
}

/** Seconds since 1970 with nine digits after the point, from whole seconds and the nanoseconds beyond them. */
export function formatSeconds(seconds: number, nanoseconds: number): string {
  const isBefore = seconds < 0 && nanoseconds > 0; // -2 s and 500,000,000 ns are -1.5 s
  const whole = isBefore ? -(seconds + 1) : seconds;
  const fraction = isBefore ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${isBefore ? "-" : ""}${whole}.${String(fraction).padStart(9, "0")}`;
}
