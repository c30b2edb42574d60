/** The progress line: on a terminal, redrawn a few times a second; nothing of it anywhere else. */
import { clearLine, cursorTo } from "node:readline";
import { formatBytes, formatCount, formatDuration } from "./format.js";

const redrawMs = 120;
/** The rate is that of the last few seconds. */
const rateWindowMs = 5000;

/** How far the work is; the totals are undefined until they are known. */
export interface ProgressState {
  files: number;
  bytes: number;
  totalFiles: number | undefined;
  totalBytes: number | undefined;
  /** What else to say at the end of the line: bytes sent, for instance. */
  note?: string | undefined;
}

/** A line that is shown. To be stopped. */
export interface ProgressLine {
  /** Runs `print` with the line out of the way, for messages. */
  around(print: () => void): void;
  stop(): void;
}

/** Shows what `state` returns for as long as the work goes on. Without a terminal on stderr it shows nothing. */
export function showProgress(state: () => ProgressState, stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  const samples: { atMs: number; bytes: number }[] = [];
  return showLine(() => {
    const now = state();
    samples.push({ atMs: performance.now(), bytes: now.bytes });
    while (samples.length > 2 && (samples[0]?.atMs ?? 0) < performance.now() - rateWindowMs) samples.shift();
    return formatProgress(now, rateOf(samples));
  }, stream);
}

/** The same with a text of any kind. */
export function showLine(text: () => string, stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  if (!stream.isTTY) return { around: (print) => print(), stop: () => undefined };
  const clear = (): void => {
    cursorTo(stream, 0);
    clearLine(stream, 0);
  };
  const draw = (): void => {
    clear();
    stream.write(text().slice(0, Math.max((stream.columns ?? 80) - 1, 20)));
  };
  const timer = setInterval(draw, redrawMs);
  timer.unref();
  return {
    around: (print) => {
      clear();
      print();
    },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** One line: `12,345 of 78,579 files  0.61 of 1.35 GB  45%  210 MB/s  0:03 left  note`. */
export function formatProgress(state: ProgressState, bytesPerSecond: number | undefined): string {
  const { files, bytes, totalFiles, totalBytes, note } = state;
  const parts = [
    totalFiles === undefined
      ? `${formatCount(files)} files`
      : `${formatCount(files)} of ${formatCount(totalFiles)} files`,
    totalBytes === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
  ];
  if (totalBytes !== undefined && totalBytes > 0)
    parts.push(`${Math.min(Math.floor((bytes / totalBytes) * 100), 100)}%`);
  if (bytesPerSecond !== undefined) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (totalBytes !== undefined && bytesPerSecond !== undefined && bytesPerSecond > 0 && totalBytes > bytes) {
    parts.push(`${formatDuration(((totalBytes - bytes) / bytesPerSecond) * 1000)} left`);
  }
  if (note !== undefined) parts.push(note);
  return parts.join("  ");
}

function rateOf(samples: readonly { atMs: number; bytes: number }[]): number | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < redrawMs) return undefined;
  return Math.max(((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000, 0);
}
