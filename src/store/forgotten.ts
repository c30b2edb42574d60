/** Which lines a project's two files have after commits were forgotten, or brought back. Pure: nothing is written here. */
import type { ObjectId } from "../objects/object-id.js";
import type { ForgottenLine, LogLine, ProjectLines } from "./store.js";

/** What to write, and how many lines of the log that adds or takes away. */
export interface MovedLines extends ProjectLines {
  readonly moved: readonly LogLine[];
}

/** What was forgotten, without what stands in the log as well: that was brought back, or pushed again, and is live. */
export function withoutLive(forgotten: readonly ForgottenLine[], log: readonly LogLine[]): ForgottenLine[] {
  const live = new Set(log.map(({ commit }) => commit));
  return forgotten.filter(({ commit }) => !live.has(commit));
}

/** Moves every line of some commits out of the log; those that it does not have are passed over. */
export function forgetLines(lines: ProjectLines, commits: readonly ObjectId[], forgottenMs: number): MovedLines {
  const goes = new Set(commits);
  const moved = lines.log.filter(({ commit }) => goes.has(commit));
  const forgotten = [...lines.forgotten, ...moved.map((line) => ({ ...line, forgottenMs }))];
  return { log: lines.log.filter(({ commit }) => !goes.has(commit)), forgotten, moved };
}

/**
 * Moves every line of some commits back into the log, each behind what was received before it or with it; those that were
 * not forgotten are passed over.
 */
export function bringBackLines(lines: ProjectLines, commits: readonly ObjectId[]): MovedLines {
  const comes = new Set(commits);
  const moved = lines.forgotten
    .filter(({ commit }) => comes.has(commit))
    .map(({ commit, receivedMs }) => ({ commit, receivedMs }))
    .toSorted((a, b) => a.receivedMs - b.receivedMs);
  const log: LogLine[] = [];
  let next = 0;
  for (const line of lines.log) {
    for (; next < moved.length && (moved[next] as LogLine).receivedMs < line.receivedMs; next += 1)
      log.push(moved[next] as LogLine);
    log.push(line);
  }
  log.push(...moved.slice(next));
  return { log, forgotten: lines.forgotten.filter(({ commit }) => !comes.has(commit)), moved };
}
